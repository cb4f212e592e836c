"""A tqdm progress bar, shown only on a terminal by default."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(total: int, verbose: int | str) -> Iterator[Callable[[int], object]]:
    """Yields a function that advances the bar by a number of sequences."""
    shown = sys.stderr.isatty() if verbose == "auto" else bool(verbose)
    if not shown:
        yield lambda _: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit="seq", file=sys.stderr) as bar:
        yield bar.update
