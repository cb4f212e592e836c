"""yuzu 0.0.1 in PyTorch: compressed sensing, which gives one L2 distance for each mutant."""

# pyright: reportMissingImports=false, reportMissingTypeStubs=false
from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from yuzu.models import Basset, Flatten, Unsqueeze
from yuzu.precompute import precompute
from yuzu.yuzu_ism import yuzu_ism

from benchmarks.sides.serving import Record, cores, rows_of, serve, steady, timed
from benchmarks.sides.torch_models import Transposed, chain

NEEDED = "torch.linalg.inv, which it calls, replaced by NumPy's in double precision"
PACKAGE = "package_basset"
BATCHES = (1, 4)


class Yuzu:
    """yuzu of one model, at the accuracy that its own default asks for."""

    def __init__(self) -> None:
        self.model: Any = None
        self.x: Any = None
        self.known: Any = None

    def load(self, request: Record) -> Record:
        """Builds the chain of layers and runs what yuzu computes once for a model."""
        if request["sites"]:
            raise ValueError("yuzu mutates every position, and has no argument for fewer.")
        torch.set_num_threads(cores())
        torch.linalg.inv = _inverse
        folder = Path(request["folder"])
        layers = json.loads((folder / "layers.json").read_text())
        parts = chain(layers, np.load(folder / "weights.npz"))
        self.x = np.load(folder / "sequence.npy").transpose(0, 2, 1).copy()
        self.model = (
            _package(parts, layers["length"]) if request["model"] == PACKAGE else _own(parts)
        )
        self.model.eval()
        seconds = timed(self._precompute)
        return {
            "compile": {"total": seconds},
            "versions": {name: version(name) for name in ("yuzu-ism", "torch")},
            "needed": NEEDED,
            "approximate": True,
        }

    def answer(self, request: Record) -> Record:
        """The L2 distance of every mutant to the reference at some sites ``[S, C]``."""
        found = yuzu_ism(self.model, self.x, self.known)[0].T
        np.savez(request["file"], found[rows_of(request["windows"])])
        return {"distances": True}

    def sweep(self, _: Record) -> Record:
        """Each number of sequences in one call, in seconds for one of them."""
        return {"sweep": [self._timed({"sequences": count}) for count in BATCHES]}

    def time(self, request: Record) -> Record:
        """Seconds of one saturation."""
        return self._timed(request["variant"])

    def _timed(self, variant: Record) -> Record:
        count = variant["sequences"]
        x = np.repeat(self.x, count, 0)
        seconds = steady(lambda: yuzu_ism(self.model, x, self.known, batch_size=count))
        timing = f"all mutants of {count} sequences"
        return {"variant": variant, "seconds": seconds / count, "timed": timing}

    def _precompute(self) -> None:
        self.known = precompute(self.model, self.x.shape[-1], random_state=0)


def _inverse(x: Any) -> Any:
    """The batched inverse: on some builds of PyTorch that of a library is wrong on two threads."""
    return torch.from_numpy(np.linalg.inv(x.numpy().astype(np.float64))).to(x.dtype)


def _own(parts: list[nn.Module]) -> nn.Module:
    """The chain in yuzu's terms: its own Flatten, and an axis added at the end."""
    parts = [Flatten() if isinstance(part, Transposed) else part for part in parts]
    return nn.Sequential(*parts, Unsqueeze(1))


def _package(parts: list[nn.Module], length: int) -> nn.Module:
    """The package's own Basset with the weights of ours."""
    model = Basset(4, seq_len=length)
    given = [part for part in parts if part.state_dict()]
    places = [part for part in model.children() if part.state_dict()]
    for place, part in zip(places, given, strict=True):
        place.load_state_dict(part.state_dict())
    return model


if __name__ == "__main__":
    side = Yuzu()
    serve({"load": side.load, "sweep": side.sweep, "time": side.time, "answer": side.answer})
