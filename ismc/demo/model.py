"""The model and the sequence of the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
TASKS = ("AP-1", "HNF4")


def load_model() -> Any:
    """The Keras model, from ``[B, 2000, 4]`` to logits ``[B, 2]`` for `TASKS`."""
    import keras

    return keras.saving.load_model(FOLDER / "model.keras", compile=False)


def load_sequence() -> Any:
    """The enhancer as `ismc.io.sequences.fasta.Records`: one sequence of 2,000 bases."""
    from ismc.io.sequences.fasta import read_fasta

    return read_fasta(FOLDER / "enhancer.fa")
