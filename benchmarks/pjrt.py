"""Runs and times exported programs under JAX alone, on a CPU or a GPU: ours against the naive one.

    python pjrt.py exported --json out.json

Needs jax and numpy and the folder that `benchmarks.export` wrote; this file may be copied alone.
Both sides start with inputs and weights on the device and leave their answers there. They
alternate after warm-up; medians; the naive program at its best batch, on some mutants, scaled, and
making its mutants costs it nothing. On a GPU all is done with TF32 forbidden, and with it allowed.
With ``--torch`` yuzu and tangermeme run beside, if this is started with ``-m benchmarks.pjrt``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray
Record = dict[str, Any]
Program = Callable[..., list[Any]]
Entry = tuple[float, Callable[[], list[Any]], Record]  # seconds per mutant, call, manifest

WEIGHTS, INPUTS = 0, 1  # streams of the seed
SETTINGS: Mapping[str, Mapping[str, str | None]] = {
    "gpu": {"float32": "HIGHEST", "tf32": "DEFAULT"},
    "cpu": {"float32": None},
}
ALLOWED = {"float32": 1e-4, "tf32": 2e-2}  # errors over the largest value; more is wrong
ROUND = 1.0  # seconds of one side in one round, about
AHEAD = {"gpu": 4, "cpu": 1}  # calls on their way at a time


def draw(how: Mapping[str, Any], seed: int, stream: int, index: int, count: int = 0) -> Array:
    """An array by its recipe; with ``count``, so many rows of it.

    >>> draw({"shape": [1], "dtype": "float32", "draw": "constant", "values": [3]}, 0, 0, 0, 2)
    array([[3.],
           [3.]], dtype=float32)
    """
    rng = np.random.default_rng([seed, stream, index])
    shape = (*([count] if count else []), *how["shape"])
    match how["draw"]:
        case "constant":
            made = np.broadcast_to(np.asarray(how["values"]).reshape(how["shape"]), shape)
        case "one_hot":
            made = np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]
        case "uniform":
            made = how["low"] + (how["high"] - how["low"]) * rng.random(shape, np.float32)
        case _:
            made = how["mean"] + how["deviation"] * rng.standard_normal(shape, np.float32)
    return made.astype(how["dtype"])


def mutated(
    inputs: Mapping[str, Array], sequence: str, starts: Sequence[int], sample: Array
) -> dict[str, Array]:
    """The mutants of a sample: rows of ``(sequence, site, letter)``."""
    given = {name: value[sample[:, 0]] for name, value in inputs.items()}
    x = given[sequence]
    at = np.asarray(starts)[sample[:, 1]]
    x[np.arange(len(x)), at] = np.eye(x.shape[-1], dtype=x.dtype)[sample[:, 2]]
    return given


class Device:
    """The first device of JAX, and the compiler that it has."""

    def __init__(self) -> None:
        import jax  # pyright: ignore[reportMissingImports]

        jax.config.update("jax_enable_x64", True)  # Keras counts in int64
        self.jax = jax
        self.device = jax.devices()[0]
        self.kind = "cpu" if self.device.platform == "cpu" else "gpu"

    def record(self) -> Record:
        """What it is."""
        known = {"jax": self.jax.__version__, "numpy": np.__version__, "cores": os.cpu_count()}
        return {"device": self.device.device_kind, "machine": platform.machine(), **known}

    def put(self, value: Array) -> Any:
        """The array on the device."""
        return self.jax.device_put(value, self.device)

    def compile(self, artifact: bytes, precision: str | None) -> Program:
        """A program of flat arguments from a portable artifact.

        ``precision`` is written into every product and convolution: in a module that is already
        traced nothing else decides about TF32. ``None`` leaves them alone.
        """
        from jax._src import compiler  # pyright: ignore[reportMissingImports]
        from jax._src.interpreters import mlir  # pyright: ignore[reportMissingImports]
        from jaxlib.mlir import ir  # pyright: ignore[reportMissingImports]
        from jaxlib.mlir.dialects import stablehlo  # pyright: ignore[reportMissingImports]

        with mlir.make_ir_context() as context:
            module = stablehlo.deserialize_portable_artifact(context, artifact)
            if precision is not None:
                each = ir.Attribute.parse(f"#stablehlo<precision {precision}>")
                _every_product(module, ir.ArrayAttr.get([each, each]))
            module = mlir.module_to_bytecode(module)
        options = compiler.get_compile_options(num_replicas=1, num_partitions=1)
        client = self.device.client
        load = getattr(client, "compile_and_load", None)  # since 0.6
        made = load(module, (self.device,), options) if load else client.compile(module, options)

        def run(*arguments: Any) -> list[Any]:
            found = made.execute_sharded(list(arguments)).disassemble_into_single_device_arrays()
            return [shards[0] for shards in found]

        return run

    def seconds(self, run: Callable[[], list[Any]], calls: int) -> float:
        """Seconds of one of so many calls, a few of them on their way at a time."""
        waiting: list[Any] = []
        begin = time.perf_counter()
        for _ in range(calls):
            waiting.append(run())
            if len(waiting) >= AHEAD[self.kind]:
                self.jax.block_until_ready(waiting.pop(0))
        self.jax.block_until_ready(waiting)
        return (time.perf_counter() - begin) / calls


def _every_product(module: Any, precision: Any) -> None:
    """Sets the precision of every product and convolution."""
    waiting = [module.operation]
    for operation in waiting:
        if operation.name in ("stablehlo.dot_general", "stablehlo.convolution", "stablehlo.dot"):
            operation.attributes["precision_config"] = precision
        blocks = [block for region in operation.regions for block in region.blocks]
        waiting += [inner.operation for block in blocks for inner in block.operations]


class Case:
    """One model in one setting: its programs on the device."""

    def __init__(self, folder: Path, model: Record, device: Device, setting: str) -> None:
        self.folder, self.model, self.device, self.setting = folder, model, device, setting
        self.tables = dict(np.load(folder / model["tables"]))
        self.held: dict[Any, Any] = {}
        self.compiled: dict[str, float] = {}

    def program(self, record: Record) -> Program:
        """A compiled program; how long that took is kept."""
        begin = time.perf_counter()
        artifact = (self.folder / record["file"]).read_bytes()
        made = self.device.compile(artifact, SETTINGS[self.device.kind][self.setting])
        self.compiled[record["file"]] = time.perf_counter() - begin
        return made

    def inputs(self, count: int) -> dict[str, Array]:
        """The inputs of so many sequences."""
        hows, seed = enumerate(self.model["inputs"].items()), self.model["seed"]
        return {name: draw(how, seed, INPUTS, i, count) for i, (name, how) in hows}

    def mutants(self, batch: int) -> dict[str, Array]:
        """The sampled mutants, repeated to a batch."""
        model, rows = self.model, np.resize(self.tables["sample"], (batch, 3))
        return mutated(self.inputs(model["sequences"]), model["sequence"], model["starts"], rows)

    def arguments(self, record: Record, inputs: Mapping[str, Array]) -> list[Any]:
        """The arguments of a program on the device; what is no input is put there once."""
        found = []
        for argument in record["arguments"]:
            ((kind, key),) = ((k, v) for k, v in argument.items() if k not in ("shape", "dtype"))
            if kind == "input":
                value = self.device.put(inputs[key])
            elif key in self.held:
                value = self.held[key]
            else:
                how = self.model["weights"][key] if kind == "weight" else {}
                made = draw(how, self.model["seed"], WEIGHTS, key) if how else self.tables[key]
                value = self.held[key] = self.device.put(made)
            if list(value.shape) != argument["shape"] or value.dtype != argument["dtype"]:
                raise ValueError(f"{argument} is made as {value.dtype}{list(value.shape)}.")
            found.append(value)
        return found

    def errors(self, ours: list[Any], naive: list[Any]) -> dict[str, float]:
        """The largest differences on the sample, over the largest value of each output."""
        rows, sites, letters = self.tables["sample"].T
        some = [np.asarray(y)[rows, sites, letters] for y in ours]
        right = [self.tables[f"expected/{i}"] for i in range(len(ours))]
        against = {"ismc against keras": _error(some, right)}
        if naive:
            theirs = [y[: len(rows)] for y in naive]
            against["naive against keras"] = _error(theirs, right)
            against["ismc against naive"] = _error(some, theirs)
        return against


def _error(found: list[Array], right: list[Array]) -> float:
    worst = 0.0
    for y, z in zip(found, right, strict=True):
        error = float(np.abs(y[: len(z)] - z).max() / max(float(np.abs(z).max()), 1e-30))
        worst = error if not error <= worst else worst
    return worst


def shout(*words: Any) -> None:
    """On stderr, at once."""
    print(*words, file=sys.stderr, flush=True)


def race(case: Case, rounds: int) -> Record:
    """Checks the answers, then times both sides of one model."""
    device, programs = case.device, case.model["programs"]
    sides: dict[str, dict[str, Entry]] = {"naive": {}, "ismc": {}}
    failed, errors = {}, {}
    right: list[Any] = []
    for record in sorted(programs, key=lambda p: (p["kind"] != "naive", p["batch"])):
        file, kind = record["file"], record["kind"]
        try:
            given = (case.inputs if kind == "ismc" else case.mutants)(record["batch"])
            run = partial(case.program(record), *case.arguments(record, given))
            if kind == "ismc":
                errors[file] = case.errors(run(), right)
            else:
                right = right or [np.asarray(y) for y in run()]
            each = min(device.seconds(run, 1) for _ in range(3)) / record["mutants"]
            sides[kind][file] = (each, run, record)
        except Exception as problem:  # noqa: BLE001  (one program must not stop the rest)
            failed[file] = f"{type(problem).__name__}: {str(problem)[:300]}"
            shout(f"FAILED: {file}: {failed[file]}")
    wrong = {k: v for k, v in errors.items() if not max(v.values()) <= ALLOWED[case.setting]}
    for file, found in wrong.items():
        shout(f"WRONG ANSWERS: {file} on {device.device.device_kind}: {found}")
    naive, ours = sides["naive"], {k: v for k, v in sides["ismc"].items() if k not in wrong}
    ours = ours or sides["ismc"]
    return {
        "errors": errors,
        "wrong": {file: max(v.values()) for file, v in wrong.items()},
        "failed": failed,
        "compile_seconds": case.compiled,
        "sweep_seconds_per_mutant": {k: v[0] for side in sides.values() for k, v in side.items()},
        **(timed(device, ours, naive, rounds) if ours and naive else {}),
    }


def timed(device: Device, ours: dict[str, Entry], naive: dict[str, Entry], rounds: int) -> Record:
    """Both sides in turn, each by its fastest program, scaled to one call of ours."""
    best = [min(side.values(), key=lambda entry: entry[0]) for side in (ours, naive)]
    calls = [max(1, round(ROUND / (each * record["mutants"]))) for each, _, record in best]
    seconds: list[list[float]] = [[], []]
    for _ in range(rounds):
        for (_, run, record), number, found in zip(best, calls, seconds, strict=True):
            found.append(device.seconds(run, number) / record["mutants"])
    mutants = best[0][2]["mutants"]
    here, there = (statistics.median(found) * mutants for found in seconds)
    mine = {"ismc_program": best[0][2]["file"], "ismc_seconds": here}
    theirs = {"naive_batch": best[1][2]["batch"], "naive_seconds": there}
    counted = {"mutants": mutants, "naive_mutants_timed": calls[1] * best[1][2]["mutants"]}
    return {**counted, **mine, **theirs, "rounds": rounds, "speedup": there / here}


def beside(case: Case, rounds: int) -> list[Record]:
    """What yuzu and tangermeme take, or why they cannot be asked."""
    try:
        from benchmarks.pjrt_torch import peers

        return peers(case, rounds)
    except (ImportError, ValueError) as problem:
        return [{"peer": "torch", "not_run": f"{type(problem).__name__}: {problem}"}]


def lines(row: Record) -> str:
    """The rows of the table that one model has in one setting."""
    cells = [f"failed: {'; '.join({*row['failed'].values()})}"]
    if "speedup" in row:
        error = f"{max(row['errors'][row['ismc_program']].values()):.0e}"
        flag = " **WRONG**" if row["ismc_program"] in row["wrong"] else ""
        there = f"naive {row['naive_seconds']:.4f} s (batch {row['naive_batch']})"
        here = f"{row['mutants']} mutants | {row['ismc_seconds']:.4f} s"
        cells = [f"{here} | {there} | {row['speedup']:.1f} times | error {error}{flag}"]
    for peer in row.get("peers", []):
        took = f"{peer['seconds']:.4f} s" if "seconds" in peer else peer["not_run"]
        cells.append(f"{peer['peer']}: {took}")
    return "\n".join(f"| {row['model']} | {row['setting']} | {cell} |" for cell in cells)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", nargs="+", help="some of the exported ones")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--torch", action="store_true", help="yuzu and tangermeme beside")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    manifest = json.loads((args.folder / "manifest.json").read_text())
    device = Device()
    found = {**device.record(), "exported_with": manifest["versions"], "rows": []}
    print(json.dumps(found), flush=True)
    for model in (m for m in manifest["models"] if m["model"] in (args.models or [m["model"]])):
        for setting in SETTINGS[device.kind]:
            row = {"model": model["model"], "plan": model["plan"], "setting": setting}
            case = Case(args.folder, model, device, setting)
            row |= race(case, args.rounds)
            if args.torch:
                row["peers"] = beside(case, args.rounds)
            found["rows"].append(row)
            print(lines(row), flush=True)
            if args.json:
                args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
