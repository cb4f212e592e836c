"""The predecessor, fastISM 0.5.1 on Keras 2: one replacement for each call."""

# pyright: reportMissingImports=false, reportMissingTypeStubs=false
from __future__ import annotations

import json
import os
import statistics
import time
from importlib import import_module
from pathlib import Path
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from benchmarks.sides.keras2 import keras2_model
from benchmarks.sides.serving import Record, rows_of, serve, steady, timed

# by name, for a checker takes this very file for the package
FastISM: Any = import_module("fastism").FastISM

LETTERS = np.eye(4, dtype=np.float32)
REPLACEMENTS = 3
FEW, LEAST, MOST = 2, 12, 40  # sites
BATCHES = (1, 8, 32, 128)
ONE, SWEEP = 8.0, 90.0  # seconds of one timing, and of all of a sweep
REPEATS = 3  # of the variant that is raced


class Predecessor:
    """FastISM of one model at subsets of its sites."""

    def __init__(self) -> None:
        self.model: Any = None
        self.x: Any = None
        self.sites: list[int] = []
        self.made: dict[tuple[int, ...], Any] = {}

    def load(self, request: Record) -> Record:
        """Builds the model in Keras 2, and the program for all sites."""
        folder = Path(request["folder"])
        layers = json.loads((folder / "layers.json").read_text())
        self.model = keras2_model(layers, np.load(folder / "weights.npz"))
        self.x = np.load(folder / "sequence.npy")
        self.sites = list(range(*(request["sites"] or (0, self.x.shape[1]))))
        built = timed(lambda: self._program(self.sites))
        few = self._program(self.sites[:FEW])
        first, again = (timed(lambda: few(self.x, LETTERS[0].tolist())) for _ in range(2))
        from importlib.metadata import version

        names = ("fastism", "tf-keras", "tensorflow-cpu")
        return {
            "compile": {"total": built + max(0.0, first - again)},
            "versions": {name: version(name) for name in names} | {"tf": tf.__version__},
        }

    def answer(self, request: Record) -> Record:
        """Every letter at some sites ``[S, C, *output]``, one call for each letter."""
        program = self._program(rows_of(request["windows"]))
        calls = [_flat(program(self.x, letter.tolist())) for letter in LETTERS]
        np.savez(
            request["file"], *[np.stack([y[0] for y in ys], 1) for ys in zip(*calls, strict=True)]
        )
        return {}

    def sweep(self, _: Record) -> Record:
        """Each batch of sequences, in seconds for one sequence."""
        found, spent = [], 0.0
        for batch in BATCHES:
            if spent > SWEEP:
                break
            begin = time.perf_counter()
            found.append(self._timed({"batch": batch}, 1))
            spent += time.perf_counter() - begin
        return {"sweep": found}

    def time(self, request: Record) -> Record:
        """Seconds of three replacements at every site of one sequence."""
        return self._timed(request["variant"], REPEATS)

    def _timed(self, variant: Record, repeats: int) -> Record:
        """Scaled from few and more sites, as each call runs the reference once.

        The two differ by so many sites that what they cost stands out from the reference.
        """
        x = np.repeat(self.x, variant["batch"], 0)
        total = len(self.sites)
        few = statistics.median(self._seconds(FEW, x) for _ in range(repeats))
        count = variant.get("sites") or max(LEAST, min(MOST, int(ONE / few * FEW)))
        count = min(count, total)
        more = statistics.median(self._seconds(count, x) for _ in range(repeats))
        each = max((more - few) / max(1, count - FEW), 0.0) or more / count
        seconds = more + each * (total - count)
        return {
            "variant": {"batch": variant["batch"], "sites": count},
            "seconds": seconds * REPLACEMENTS / variant["batch"],
            "timed": f"one of {REPLACEMENTS} replacements at {count} sites",
        }

    def _seconds(self, count: int, x: np.ndarray) -> float:
        spread = np.linspace(0, len(self.sites) - 1, min(count, len(self.sites))).round()
        program = self._program([self.sites[int(i)] for i in spread])
        if (program, len(x)) not in self.made:
            program(x, LETTERS[0].tolist())
            self.made[program, len(x)] = True
        return steady(lambda: program(x, LETTERS[0].tolist()))

    def _program(self, sites: list[int]) -> Any:
        key = tuple(sites)
        if key not in self.made:
            ranges = [(i, i + 1) for i in sites]
            self.made[key] = FastISM(self.model, change_ranges=ranges, test_correctness=False)
        return self.made[key]


def _flat(found: Any) -> list[np.ndarray]:
    return [np.asarray(y) for y in (found if isinstance(found, list) else [found])]


if __name__ == "__main__":
    side = Predecessor()
    serve({"load": side.load, "sweep": side.sweep, "time": side.time, "answer": side.answer})
