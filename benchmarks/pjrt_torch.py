"""yuzu and tangermeme on the device of PyTorch, with an exported model's layers and weights.

Imported by `benchmarks.pjrt` with ``--torch``; a peer that is not installed, or cannot take the
model, has its reason in place of its time. Both start with the sequence on the host, as they must.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]

from benchmarks.pjrt import WEIGHTS, Case, draw, mutated
from benchmarks.sides.torch_models import Graph, Transposed, chain

BATCHES = (32, 128, 512, 2048)
LIMIT = 20.0  # seconds, after which no larger batch is tried

Array = np.ndarray
Record = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """What a peer is asked.

    Attributes:
        description: layers and outputs, as `benchmarks.sides.description` gives them.
        weights: by layer and index.
        x: one sequence ``[1, C, L]``.
        span: the sites, which follow one another.
        mutants: some ``[n, C, L]``.
        right: Keras' answers for them, one array for each output.
        device: PyTorch's name of it.
        rounds: how many timings there are; the median counts.
    """

    description: Record
    weights: dict[str, Array]
    x: Any
    span: tuple[int, int]
    mutants: Any
    right: list[Array]
    device: str
    rounds: int


def peers(case: Case, rounds: int) -> list[Record]:
    """Seconds of one saturation of one sequence by each.

    Raises:
        ValueError: when the model was not described, or is no matter of one sequence.
    """
    model, tables = case.model, case.tables
    told = model["peers"]
    if "error" in told or len(model["inputs"]) > 1:
        raise ValueError(told.get("error", "The model has several inputs."))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tf32 = case.setting == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    right = [tables[f"expected/{i}"] for i in range(len(model["outputs"]))]
    sample = tables["sample"][: len(right[0])]
    x = case.inputs(model["sequences"])
    some = mutated(x, model["sequence"], model["starts"], sample)[model["sequence"]]
    task = Task(
        told["description"],
        {
            k: draw(model["weights"][i], model["seed"], WEIGHTS, i)
            for k, i in told["weights"].items()
        },
        _turned(x[model["sequence"]][:1]),
        (model["starts"][0], model["starts"][-1] + 1),
        _turned(some).to(device),
        right,
        device,
        rounds,
    )
    name = torch.cuda.get_device_name() if device == "cuda" else device
    found = []
    for peer, run in (("tangermeme", _tangermeme), ("yuzu", _yuzu)):
        record = {"peer": peer, "torch": torch.__version__, "torch_device": name}
        try:
            record |= run(task)
        except Exception as problem:  # noqa: BLE001  (a peer that cannot run says why)
            record["not_run"] = f"{type(problem).__name__}: {str(problem)[:300]}"
        found.append(record)
    return found


def _turned(x: Array) -> Any:
    return torch.from_numpy(x.transpose(0, 2, 1).copy())


def _tangermeme(task: Task) -> Record:
    """The model on every mutant, in the slow form at its best batch and in the fast form there."""
    from tangermeme.saturation_mutagenesis import (  # pyright: ignore[reportMissingImports]
        saturation_mutagenesis,
    )

    model = Graph(task.description, task.weights).eval().to(task.device)
    with torch.no_grad():
        found = model(task.mutants)
    ys = [y.cpu().numpy() for y in (found if isinstance(found, tuple) else (found,))]
    errors = [_difference(y, right) for y, right in zip(ys, task.right, strict=True)]

    def scan(batch: int, *, fast: bool) -> None:
        options = {"raw_outputs": True, "device": task.device, "batch_size": batch, "fast": fast}
        saturation_mutagenesis(model, task.x, start=task.span[0], end=task.span[1], **options)

    sweep: dict[str, float] = {}
    runs: dict[str, Callable[[], None]] = {}
    for batch in BATCHES:
        if sum(sweep.values()) > LIMIT:
            break
        for fast in (False, True):
            key = f"batch {batch}{', fast' if fast else ''}"
            runs[key] = partial(scan, batch, fast=fast)
            sweep[key] = _seconds(runs[key], 1)
    best = min(sweep, key=lambda key: sweep[key])
    return {
        "seconds": _seconds(runs[best], task.rounds),
        "form": best,
        "mutants": 3 * (task.span[1] - task.span[0]),
        "model_error": max(errors),
        "sweep_seconds": sweep,
    }


def _yuzu(task: Task) -> Record:
    """Compressed sensing at every position; what it computes once for a model is kept apart."""
    from yuzu.models import Flatten, Unsqueeze  # pyright: ignore[reportMissingImports]
    from yuzu.precompute import precompute  # pyright: ignore[reportMissingImports]
    from yuzu.yuzu_ism import yuzu_ism  # pyright: ignore[reportMissingImports]

    layers = chain(task.description, task.weights)
    parts = [Flatten() if isinstance(part, Transposed) else part for part in layers]
    model = torch.nn.Sequential(*parts, Unsqueeze(1)).eval().to(task.device)
    x, device, length = task.x.numpy(), task.device, task.x.shape[-1]
    begin = time.perf_counter()
    known = precompute(model, length, device=device, random_state=0)
    once = time.perf_counter() - begin
    return {
        "seconds": _seconds(lambda: yuzu_ism(model, x, known, device=device), task.rounds),
        "mutants": 3 * length,
        "precompute_seconds": once,
        "approximate": True,
    }


def _difference(found: Array, right: Array) -> float:
    wide = found.transpose(0, 2, 1) if found.ndim == 3 else found
    wide = wide[: len(right)].reshape(right.shape)
    return float(np.abs(wide - right).max() / np.abs(right).max())


def _seconds(run: Callable[[], Any], rounds: int) -> float:
    """The median, after a run to warm up; the device is waited for."""
    found = []
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        found.append(time.perf_counter() - begin)
    return statistics.median(found[1:])
