"""One saturation of one sequence: ismc against the naive program in its best form, in one run.

    python -m benchmarks.speed --models basset beluga --json results.json

Sides alternate after warm-up; medians. The naive program is Keras ``predict``, ``tf.function`` and
``tf.function(jit_compile=True)``, each at its best batch of a sweep; it is timed on a stated number
of mutants and scaled to all of them, which is fair because every mutant costs the same.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import ismc
from tests.zoo import ZOO, random_inputs

Array = np.ndarray


def naive_forms(model: keras.Model) -> dict[str, Callable[[list[Array], int], Any]]:
    """Every form of the naive program: ``form(inputs, batch)`` runs all rows of the inputs."""

    def batched(run: Callable[[list[Any]], Any]) -> Callable[[list[Array], int], Any]:
        def all_rows(inputs: list[Array], batch: int) -> None:
            out = None
            for i in range(0, len(inputs[0]), batch):
                out = run([tf.constant(v[i : i + batch]) for v in inputs])
            for value in keras.tree.flatten(out):
                value.numpy()

        return all_rows

    call = lambda xs: model(xs if len(xs) > 1 else xs[0], training=False)  # noqa: E731
    return {
        "predict": lambda xs, batch: model.predict(
            xs if len(xs) > 1 else xs[0],
            batch_size=batch,
            verbose=0,  # pyright: ignore[reportArgumentType]  (Keras documents 0)
        ),
        "tf.function": batched(tf.function(call)),
        "tf.function jit": batched(tf.function(call, jit_compile=True)),
    }


def timed(run: Callable[[], Any]) -> float:
    """Seconds of one run."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def gemm_rate() -> float:
    """GFLOP/s of a ``[1024, 2048] @ [2048, 2048]`` product under XLA, best of seven."""
    a, b = tf.random.normal([1024, 2048]), tf.random.normal([2048, 2048])
    product = tf.function(tf.matmul, jit_compile=True)
    best = min(timed(lambda: product(a, b).numpy()) for _ in range(8))
    return 2 * 1024 * 2048 * 2048 / best / 1e9


def measure(name: str, rounds: int, mutants: int, batches: list[int]) -> dict[str, Any]:
    """Times both sides of one model."""
    model = ZOO[name].model()
    inputs = random_inputs(model, 1, seed=1, unknown=0)
    flat = [np.asarray(v) for v in keras.tree.flatten(inputs)]
    begin = time.perf_counter()
    ism = ismc.compile(model, verify=False)
    ism.saturate(inputs)
    compiled = time.perf_counter() - begin
    total = len(ism.sites) * (ism.input_shape[1] - 1)

    rows = [np.repeat(v, mutants, 0) for v in flat]
    forms = naive_forms(model)
    sweep = {}
    for form, run in forms.items():
        for batch in (b for b in batches if b <= mutants):
            some = [v[:batch] for v in rows]
            run(some, batch)
            sweep[form, batch] = min(timed(partial(run, some, batch)) for _ in range(2)) / batch
    form, batch = min(sweep, key=lambda key: sweep[key])
    count = mutants // batch * batch
    rows = [v[:count] for v in rows]

    ours, naive = [], []
    for _ in range(rounds):
        ours.append(timed(lambda: keras.tree.flatten(ism.saturate(inputs))[0].numpy()))
        naive.append(timed(lambda: forms[form](rows, batch)) / count * total)
    here, there = statistics.median(ours), statistics.median(naive)
    print(
        f"{name}: {total} mutants, ismc {here:.3f} s, naive {there:.2f} s "
        f"({form}, batch {batch}, timed on {count} mutants), {there / here:.1f} times faster; "
        f"compiled in {compiled:.1f} s",
        flush=True,
    )
    return {
        "model": name,
        "mutants": total,
        "ismc_seconds": here,
        "naive_seconds": there,
        "speedup": there / here,
        "naive_form": form,
        "naive_batch": batch,
        "naive_mutants_timed": count,
        "compile_seconds": compiled,
        "sweep": {f"{f}, batch {b}": s * total for (f, b), s in sweep.items()},
        "operations": dict(zip(("ismc", "naive"), ism.plan.operations, strict=True)),
        "gflops": ism.plan.operations[0] * total / here / 1e9,
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--models", nargs="+", default=["basset", "beluga"], choices=sorted(ZOO))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mutants", type=int, default=256, help="mutants of one naive timing")
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    machine = {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "ismc": ismc.__version__,
        "gemm_gflops": gemm_rate(),
    }
    print(json.dumps(machine))
    rows = [measure(name, args.rounds, args.mutants, args.batches) for name in args.models]
    if args.json:
        args.json.write_text(json.dumps({**machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
