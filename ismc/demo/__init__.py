"""The demo: a small model that knows AP-1 and HNF4, and a human enhancer that carries both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ismc.demo.strongest import Site, importance, strongest

FOLDER = Path(__file__).parent
TASKS = ("AP-1", "HNF4")

__all__ = ["TASKS", "Site", "importance", "load_model", "load_sequence", "run", "strongest"]


def load_model() -> Any:
    """The Keras model, ``[B, 2000, 4]`` to logits ``[B, 2]`` for `TASKS`."""
    import keras

    return keras.saving.load_model(FOLDER / "model.keras", compile=False)


def load_sequence() -> Any:
    """The enhancer as `ismc.io.sequences.fasta.Records`: one sequence of 2,000 bases."""
    from ismc.io.sequences.fasta import read_fasta

    return read_fasta(FOLDER / "enhancer.fa")


def run(directory: Path, *, overwrite: bool = False) -> tuple[Site, ...]:
    """Scans the enhancer and writes ``scores.npz`` and ``enhancer.png`` to a folder.

    Returns:
        The strongest sites, which are printed as a table.

    Raises:
        InputError: when a file exists already, or cannot be written.
    """
    from ismc.demo.scan import scan

    return scan(Path(directory), overwrite=overwrite)
