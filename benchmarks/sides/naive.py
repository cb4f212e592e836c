"""The naive side: the model on every mutant; it also hands the model to the peers."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import ismc
from benchmarks.architectures import build, sequences
from benchmarks.naive import gemm_rate, naive_forms, sweep
from benchmarks.sides.description import described
from benchmarks.sides.serving import Record, rows_of, serve, steady

SWEEP = 40.0  # seconds, after which no larger batch is tried


class Naive:
    """The forms of the naive program of one model."""

    def __init__(self) -> None:
        self.model: Any = None
        self.x: Any = None
        self.forms: dict[str, Any] = {}
        self.mutants = 0

    def load(self, request: Record) -> Record:
        """Builds the model; ``folder`` gets its layers, weights and the sequence."""
        self.model = build(request["model"], request["arguments"])
        self.x = sequences(self.model)
        self.forms = naive_forms(self.model)
        length = self.x.shape[1]
        start, stop = request["sites"] or (0, length)
        self.mutants = 3 * (stop - start)
        return {
            "versions": {"tensorflow": tf.__version__, "keras": keras.__version__},
            "gpus": [device.name for device in tf.config.list_physical_devices("GPU")],
            "length": length,
            "mutants": self.mutants,
            "parameters": self.model.count_params(),
        }

    def export(self, request: Record) -> Record:
        """Writes what the peers build their model from."""
        folder = Path(request["folder"])
        layers, weights = described(self.model)
        (folder / "layers.json").write_text(json.dumps(layers, default=str))
        np.savez(folder / "weights.npz", **weights)
        np.save(folder / "sequence.npy", self.x)
        return {}

    def answer(self, request: Record) -> Record:
        """Every letter at some sites ``[S, C, *output]``, and the reference ``[*output]``."""
        sites = rows_of(request["windows"])
        ism = ismc.NaiveISM(self.model, sites=sites, batch_size=16)
        found = [y.numpy()[0] for y in keras.tree.flatten(ism.saturate(self.x))]
        np.savez(request["file"], *found)
        reference = keras.tree.flatten(self.model(self.x, training=False))
        np.savez(request["reference"], *[y.numpy()[0] for y in reference])
        return {}

    def sweep(self, request: Record) -> Record:
        """Each form at each batch, in seconds for all mutants."""
        found = sweep(self.forms, [self.x], request["batches"], SWEEP)
        return {
            "sweep": [
                {"variant": {"form": form, "batch": batch}, "seconds": each * self.mutants}
                for (form, batch), each in found.items()
            ]
        }

    def time(self, request: Record) -> Record:
        """Seconds of all mutants, scaled from as many whole batches as ``mutants`` holds."""
        form, batch = request["variant"]["form"], request["variant"]["batch"]
        count = max(1, min(request["mutants"], self.mutants) // batch) * batch
        rows = [np.repeat(self.x, count, 0)]
        seconds = steady(partial(self.forms[form], rows, batch))
        return {"seconds": seconds / count * self.mutants, "timed": f"{count} mutants"}

    def gemm(self, _: Record) -> Record:
        """The machine's product rate now."""
        return {"gflops": gemm_rate()}


if __name__ == "__main__":
    side = Naive()
    names = ("load", "export", "answer", "sweep", "time", "gemm")
    serve({name: getattr(side, name) for name in names})
