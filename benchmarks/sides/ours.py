"""Our side: one compiled program, timed cold and warm."""

from __future__ import annotations

import os
import time
from typing import Any
from unittest.mock import patch

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import ismc
from benchmarks.architectures import build, sequences
from benchmarks.sides.serving import Record, rows_of, serve, steady, timed
from ismc.artifacts.cache import cached as kept
from ismc.execution import lowering


class Ours:
    """The program of one model."""

    def __init__(self) -> None:
        self.model: Any = None
        self.ism: Any = None

    def load(self, request: Record) -> Record:
        """Compiles, and runs once: what a user waits for, part by part."""
        self.model = build(request["model"], request["arguments"])
        begin = time.perf_counter()
        sites = self._sites(request["sites"])
        self.ism = ismc.compile(self.model, sites=sites, verify=False, cache=False)
        passes = time.perf_counter() - begin
        x, spent = sequences(self.model), []

        def lower(*args: Any) -> Any:
            begin = time.perf_counter()
            module = lowering.lower(*args)
            spent.append(time.perf_counter() - begin)
            return module

        with patch.object(kept, "lower", lower):
            first = timed(lambda: self._saturate(x))
        again = timed(lambda: self._saturate(x))
        trace = sum(spent)
        parts = {"codegen": passes, "trace": trace, "xla": max(0.0, first - trace - again)}
        plan = self.ism.plan
        return {
            "compile": {**parts, "total": sum(parts.values())},
            "versions": {"ismc": ismc.__version__},
            "operations": dict(zip(("ismc", "naive"), plan.operations, strict=True)),
            "minimum": plan.minimum,
        }

    def sweep(self, request: Record) -> Record:
        """The default is what is timed."""
        return {"sweep": [{"variant": {}, "seconds": self._time(request)}]}

    def time(self, request: Record) -> Record:
        """Seconds of one saturation, or of one of a batch of sequences."""
        return {"seconds": self._time(request), "timed": "all mutants"}

    def answer(self, request: Record) -> Record:
        """Every letter at some sites ``[S, C, *output]``, by the program for all sites."""
        rows = [i - self.ism.sites[0][0] for i in rows_of(request["windows"])]
        found = [y[0][rows] for y in self._saturate(sequences(self.model))]
        np.savez(request["file"], *found)
        return {}

    def _time(self, request: Record) -> float:
        x = sequences(self.model, request.get("sequences", 1))
        return steady(lambda: self._saturate(x))

    def _saturate(self, x: Any) -> list[np.ndarray]:
        return [y.numpy() for y in keras.tree.flatten(self.ism.saturate(x))]

    def _sites(self, sites: list[int] | None) -> list[int] | None:
        return None if sites is None else list(range(*sites))


if __name__ == "__main__":
    side = Ours()
    serve({"load": side.load, "sweep": side.sweep, "time": side.time, "answer": side.answer})
