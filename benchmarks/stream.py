"""Memory of a whole `ismc run` over FASTA files of different sizes, a process for each."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import keras
import numpy as np
from keras import layers

Record = dict[str, Any]

MODELS = (1_000, 10_000, 100_000)
"""Records of each file."""

LENGTH = 200
RUN = """
import resource, sys
from ismc.cli import main
try:
    main(sys.argv[1:])
finally:
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def measured(count: int) -> Record:
    """Peak memory and seconds of a run over so many records."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        _model().save(folder / "model.keras")
        _write(folder / "in.fa", count)
        command = ["run", "model.keras", "--fasta", "in.fa", "-o", "out.zarr"]
        begin = perf_counter()
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", RUN, *command],
            cwd=folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
        seconds = perf_counter() - begin
        peak = int(done.stderr.rsplit("peak ", 1)[1])
        size = sum(path.stat().st_size for path in (folder / "out.zarr").rglob("*"))
        fasta = (folder / "in.fa").stat().st_size
    return {
        "records": count, "length": LENGTH, "seconds": seconds, "peak": peak << 10,
        "fasta": fasta, "store": size,
    }  # fmt: skip


def _model() -> keras.Model:
    sequence = keras.Input((LENGTH, 4))
    x = layers.Conv1D(8, 9, activation="relu")(sequence)
    x = layers.GlobalMaxPooling1D()(x)
    keras.utils.set_random_seed(0)
    return keras.Model(sequence, layers.Dense(1)(x))


def _write(path: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    with path.open("w") as file:
        for i in range(count):
            letters = rng.choice(np.frombuffer(b"ACGT", np.uint8), LENGTH).tobytes().decode()
            file.write(f">record_{i}\n{letters}\n")


def markdown(rows: list[Record]) -> str:
    """A table of sizes."""
    lines = [
        "| records | FASTA, MB | store, MB | peak memory, MB | seconds |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        sizes = " | ".join(f"{row[key] / 1e6:.0f}" for key in ("fasta", "store", "peak"))
        lines.append(f"| {row['records']:,} | {sizes} | {row['seconds']:.0f} |")
    return "\n".join(lines)
