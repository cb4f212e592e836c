"""Products of rounded operands beside float32: time of a saturation, and how far it is off."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import statistics
from typing import Any

import keras

import ismc
from benchmarks.architectures import build, sequences
from benchmarks.sides.serving import timed

Record = dict[str, Any]

MODELS = ("deepstarr", "basset", "factorized_basset", "bpnet")
PRECISIONS = ("float32", "bfloat16")
ROUNDS = 7


def measured(model: str) -> Record:
    """Both precisions in turn, after a call of each; medians."""
    net = build(model, {})
    x = sequences(net)
    isms = {p: ismc.compile(net, precision=p) for p in PRECISIONS}
    seconds: dict[str, list[float]] = {p: [] for p in PRECISIONS}
    for turn in range(ROUNDS + 1):
        for precision, ism in isms.items():
            spent = timed(lambda: [y.numpy() for y in keras.tree.flatten(ism.saturate(x))])  # noqa: B023
            if turn:
                seconds[precision].append(spent)
    medians = {p: statistics.median(found) for p, found in seconds.items()}
    return {"model": model, "seconds": medians, "error": isms["bfloat16"].program.measured.error}


def markdown(rows: list[Record]) -> str:
    """A table; errors are those of the largest change."""
    lines = [
        "| model | float32, s | bfloat16, s | times faster | off by |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        exact, rounded = (row["seconds"][p] for p in PRECISIONS)
        lines.append(
            f"| {row['model']} | {exact:.4f} | {rounded:.4f} | {exact / rounded:.2f} | "
            f"{row['error']:.1e} |"
        )
    return "\n".join(lines)
