"""The demo: a small model that knows AP-1 and HNF4, and a human enhancer that carries both."""

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
    """Scans the enhancer and writes ``scores.npz`` and ``enhancer.png`` to a folder.

    Returns:
        The strongest sites, which are printed as a table.

    Raises:
        InputError: when a file exists already, or cannot be written.
    """
    from ismc.demo.scan import run_demo

    return run_demo(Path(directory), overwrite=overwrite)
