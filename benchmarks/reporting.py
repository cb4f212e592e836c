"""Progress on stderr: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

Step = Callable[[], None]
Say = Callable[[str], None]


@contextmanager
def reporting(total: int, unit: str) -> Iterator[tuple[Say, Step]]:
    """Yields a function that says what is done now, and one that counts what is done."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text: print(text, file=sys.stderr, flush=True), lambda: None
        return
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(unit, total=total)
        yield (
            lambda text: progress.update(task, description=text),
            lambda: progress.advance(task),
        )
