"""tangermeme in PyTorch: the model on every mutant, or its own incremental form for long jobs."""

# pyright: reportMissingImports=false, reportMissingTypeStubs=false
from __future__ import annotations

import json
import warnings
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tangermeme.saturation_mutagenesis import saturation_mutagenesis

from benchmarks.sides.serving import Record, cores, serve, steady, timed
from benchmarks.sides.torch_models import Graph

BATCHES = (8, 32, 128)
SECONDS = 4.0  # of one timing of the slow form
LONG = 40.0  # seconds of the slow form, from which on it is sure to try its fast form


class Tangermeme:
    """saturation_mutagenesis of one model."""

    def __init__(self) -> None:
        self.model: Any = None
        self.x: Any = None
        self.start, self.stop = 0, 0

    def load(self, request: Record) -> Record:
        """Builds the model; what the fast form captures, it captures in each call."""
        torch.set_num_threads(cores())
        folder = Path(request["folder"])
        layers = json.loads((folder / "layers.json").read_text())
        self.model = Graph(layers, np.load(folder / "weights.npz")).eval()
        self.x = torch.from_numpy(np.load(folder / "sequence.npy").transpose(0, 2, 1).copy())
        self.start, self.stop = request["sites"] or (0, self.x.shape[-1])
        return {"versions": {name: version(name) for name in ("tangermeme", "torch")}}

    def answer(self, request: Record) -> Record:
        """Every letter at some sites ``[S, C, *output]``."""
        parts = [_flat(self._run(self.x, i, j, 32, fast=False)) for i, j in request["windows"]]
        found = [
            np.concatenate([y[0].swapaxes(0, 1) for y in ys]) for ys in zip(*parts, strict=True)
        ]
        np.savez(request["file"], *found)
        return {}

    def sweep(self, _: Record) -> Record:
        """The slow form at each batch on some sites, then the fast form at the best of them."""
        found = []
        for batch in BATCHES:
            self._slow(batch, ceil(batch / 3))
            each = self._slow(batch, ceil(batch / 3)) / ceil(batch / 3)
            count = min(self.stop - self.start, max(ceil(batch / 3), int(SECONDS / each)))
            found.append(self._timed({"fast": False, "batch": batch, "sites": count}))
        best = min(found, key=lambda entry: entry["seconds"])
        copies = max(1, ceil(LONG / best["seconds"]))
        batch = best["variant"]["batch"]
        found.append(self._timed({"fast": True, "batch": batch, "sequences": copies}))
        return {"sweep": found}

    def time(self, request: Record) -> Record:
        """Seconds of one saturation."""
        return self._timed(request["variant"])

    def _timed(self, variant: Record) -> Record:
        total = self.stop - self.start
        if not variant["fast"]:
            count = variant["sites"]
            seconds = self._slow(variant["batch"], count) / count * total
            return {"variant": variant, "seconds": seconds, "timed": f"{count} sites"}
        copies = self.x.repeat(variant["sequences"], 1, 1)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            seconds = timed(
                lambda: self._run(copies, self.start, self.stop, variant["batch"], fast=True)
            )
        notes = [str(w.message) for w in caught if "tangermeme" in w.category.__name__.lower()]
        said = {"note": notes[0]} if notes else {}
        each = seconds / variant["sequences"]
        timing = f"all sites of {variant['sequences']} sequences in one call"
        return {"variant": variant, "seconds": each, "timed": timing, **said}

    def _slow(self, batch: int, sites: int) -> float:
        begin = self.start + (self.stop - self.start - sites) // 2
        return steady(lambda: self._run(self.x, begin, begin + sites, batch, fast=False))

    def _run(self, x: Any, start: int, stop: int, batch: int, *, fast: bool) -> Any:
        options: dict[str, Any] = {"raw_outputs": True, "device": "cpu", "fast": fast}
        return saturation_mutagenesis(
            self.model, x, start=start, end=stop, batch_size=batch, **options
        )[1]


def _flat(found: Any) -> list[np.ndarray]:
    return [y.numpy() for y in (found if isinstance(found, list | tuple) else [found])]


if __name__ == "__main__":
    side = Tangermeme()
    serve({"load": side.load, "sweep": side.sweep, "time": side.time, "answer": side.answer})
