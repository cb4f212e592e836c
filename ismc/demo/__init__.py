"""The demo: a small model of AP-1 and HNF4 binding, and a human enhancer with sites of both."""

from __future__ import annotations

from pathlib import Path

from ismc.demo.model import FOLDER, TASKS, load_model, load_sequence
from ismc.demo.strongest import Site, importance, strongest

__all__ = [
    "FOLDER",
    "TASKS",
    "Site",
    "importance",
    "load_model",
    "load_sequence",
    "run",
    "strongest",
]


def run(directory: Path, *, overwrite: bool = False) -> tuple[Site, ...]:
    """Scans the enhancer, writes ``scores.npz`` and ``enhancer.png``, and prints a table.

    Args:
        directory: the folder to write to.
        overwrite: replace existing files.

    Returns:
        The strongest sites, as in the printed table.

    Raises:
        InputError: when a file exists or the folder cannot be used.
    """
    from ismc.demo.scan import run_demo

    return run_demo(Path(directory), overwrite=overwrite)
