"""The naive program: the model on every mutant, in three forms, and the machine's product rate."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from benchmarks.sides.serving import steady, timed

__all__ = ["gemm_rate", "naive_forms", "sweep", "timed"]

Array = np.ndarray
Form = Callable[[list[Array], int], Any]


def naive_forms(model: keras.Model) -> dict[str, Form]:
    """Every form of the naive program: ``form(inputs, batch)`` runs all rows of the inputs."""

    def batched(run: Callable[[list[Any]], Any]) -> Form:
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


def sweep(
    forms: dict[str, Form], row: list[Array], batches: Sequence[int], seconds: float
) -> dict[tuple[str, int], float]:
    """Seconds per mutant of each form at each batch, after a run to warm up.

    Larger batches are left out once the smaller ones took ``seconds``; a form that cannot run is
    left out.
    """
    found: dict[tuple[str, int], float] = {}
    spent = 0.0
    for batch in batches:
        if spent > seconds:
            break
        inputs = [np.repeat(v, batch, 0) for v in row]
        for form, run in forms.items():
            try:
                begin = time.perf_counter()
                run(inputs, batch)
                found[form, batch] = steady(partial(run, inputs, batch)) / batch
            except Exception:  # noqa: BLE001, S112  (what cannot run is not the best)
                continue
            spent += time.perf_counter() - begin
    return found


def gemm_rate() -> float:
    """GFLOP/s of a ``[1024, 2048] @ [2048, 2048]`` product under XLA, best of eight."""
    a, b = tf.random.normal([1024, 2048]), tf.random.normal([2048, 2048])
    product = tf.function(tf.matmul, jit_compile=True)
    best = min(timed(lambda: product(a, b).numpy()) for _ in range(8))
    return 2 * 1024 * 2048 * 2048 / best / 1e9
