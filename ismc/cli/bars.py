"""The progress of a long run: a bar on a terminal, one line per minute elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from ismc.io.extras import extras
from ismc.ism.checking.statistics import Checked
from ismc.jobs.run import BlockDone

SECONDS_BETWEEN_LINES = 60.0


@dataclass
class Tally:
    """The counts and timings so far; ``answering`` and ``waiting`` are seconds."""

    records: int = 0
    sites: int = 0
    mutants: int = 0
    answering: float = 0.0
    waiting: float = 0.0
    checked: Checked = field(default_factory=Checked)
    start: float = field(default_factory=monotonic)

    def add(self, done: BlockDone) -> None:
        """Adds one scored slice."""
        self.records += done.records
        self.sites += done.sites
        self.mutants += done.mutants
        self.answering += done.answering
        self.waiting += done.waiting
        self.checked += Checked(done.checked, done.error, done.recomputed)

    @property
    def speed(self) -> str:
        """Sites and mutants per second."""
        seconds = max(monotonic() - self.start, 1e-9)
        return f"{self.sites / seconds:,.0f} sites/s, {self.mutants / seconds:,.0f} mutants/s"


class Bar:
    """Shows the current step and the number of scored records."""

    def __init__(self, progress: Any, task: Any, console: Any) -> None:
        self._progress, self._task, self._console = progress, task, console
        self._last_line = monotonic()
        self.tally = Tally()
        self.total = 0

    def on_status(self, text: str) -> None:
        """Shows a step before scoring, such as ``compiling``."""
        self._progress.update(self._task, description=text)

    def start(self, done: int, total: int) -> None:
        """Starts counting records; ``done`` of ``total`` have scores already."""
        self.total, self.tally = total, Tally()
        self._progress.reset(self._task, total=total, completed=done, speed="")
        self._progress.update(self._task, description="records", completed=done)

    def on_block(self, done: BlockDone) -> None:
        """Counts a written slice and updates the display."""
        self.tally.add(done)
        self._progress.update(self._task, advance=done.records, speed=self.tally.speed)
        now = monotonic()
        if not self._console.is_terminal and now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            task = self._progress.tasks[0]
            seconds = task.time_remaining
            remaining = "" if seconds is None else f", {seconds / 60:,.0f} min left"
            records = f"{task.completed:,.0f} of {self.total:,} records"
            print(f"{records}, {self.tally.speed}{remaining}", file=sys.stderr, flush=True)


@contextmanager
def bar() -> Iterator[Bar]:
    """A progress bar on stderr while the body runs."""
    with extras():
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"), TimeRemainingColumn(),
    )  # fmt: skip
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        yield Bar(progress, progress.add_task("checking", total=None, speed=""), console)
