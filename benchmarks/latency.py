"""One sequence, one call, again and again: the time of a call, and of that the time in XLA."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import statistics
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import ismc
from benchmarks.architectures import build, sequences
from benchmarks.sides.serving import timed

Record = dict[str, Any]

MODELS = ("attention_pool_net", "deepstarr", "basset")
CALLS, PROFILED, BATCHES = 50, 10, 8
IN_XLA = ("CpuExecutable::ExecuteAsyncOnStream", "GpuExecutable::ExecuteAsyncOnStreamImpl")


def measured(model: str) -> Record:
    """How long a call takes, how much of it is XLA's, and how often programs were traced.

    Sequences of every call are new ones, as a design loop has them. The second part asks for
    every number of sequences up to eight, twice: programs are traced once per bucket.
    """
    net = build(model, {})
    ism = ismc.compile(net, verify=False, cache=False)
    x = sequences(net, BATCHES)
    rng = np.random.default_rng(0)

    def call(count: int = 1) -> None:
        picked = rng.permutation(BATCHES)[:count]
        for y in keras.tree.flatten(ism.saturate(x[picked])):
            y.numpy()

    first = timed(call)
    for _ in range(3):
        call()
    known = _traced(ism)
    spent = [timed(call) for _ in range(CALLS)]
    inside, beside = _in_xla(call)
    again = _traced(ism) - known
    for _ in range(2):
        for count in range(1, BATCHES + 1):
            call(count)
    return {
        "model": model,
        "mutants": len(ism.sites) * (ism.input_shape[1] - 1),
        "first_seconds": first,
        "call_seconds": statistics.median(spent),
        "xla_seconds": inside,
        "call_seconds_while_profiled": beside,
        "traces_in_calls": again,
        "traces_of_batches": _traced(ism),
    }


def _traced(ism: ismc.CompiledISM) -> int:
    """How many programs there are: each is traced and compiled once."""
    return sum(isinstance(key[0], int) for key in ism.program.programs)


def _in_xla(call: Callable[[], None]) -> tuple[float, float]:
    """Median seconds of the executable and of whole calls, while TensorFlow's profiler looks on."""
    with TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            calls = [timed(call) for _ in range(PROFILED)]
        # by name, for what the module holds is made when it is imported
        space: Any = import_module("tensorflow.tsl.profiler.protobuf.xplane_pb2").XSpace()
        for file in Path(folder).rglob("*.xplane.pb"):
            space.MergeFromString(file.read_bytes())
    found = [
        event.duration_ps / 1e12
        for plane in space.planes
        for line in plane.lines
        for event in line.events
        if plane.event_metadata[event.metadata_id].name in IN_XLA
    ]
    inside = statistics.median(found) if found else float("nan")
    return inside, statistics.median(calls)


def markdown(rows: list[Record]) -> str:
    """A table of milliseconds."""
    lines = [
        "| model | mutants | a call, ms | profiled, ms | in XLA | traced again | programs |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        call, inside = row["call_seconds"], row["xla_seconds"]
        beside = row["call_seconds_while_profiled"]
        lines.append(
            f"| {row['model']} | {row['mutants']} | {call * 1e3:.2f} | {beside * 1e3:.2f} | "
            f"{inside / beside:.0%} | {row['traces_in_calls']} | {row['traces_of_batches']} |"
        )
    return "\n".join(lines)
