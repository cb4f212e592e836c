"""One value for each position of a genome, from records that may overlap.

A position takes the value of the record with the nearest summit, among the records that scored it:
of neighbouring summits ``a <= b``, positions before ``(a + b) // 2`` belong to ``a``, and others to
``b``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
Run = tuple[str, int, Array]


@dataclass(frozen=True)
class Records:
    """The coordinates of ``N`` records, and the values at their sites.

    Attributes:
        chrom: names of chromosomes, ``[N]``.
        start: positions of their first letters, int64 ``[N]``.
        summit: positions of their summits, int64 ``[N]``.
        at: positions of the sites in each record, ascending, int64 ``[S]``.
        values: returns the values of a record, float32 ``[S]``, by its number.
    """

    chrom: list[str]
    start: Array
    summit: Array
    at: Array
    values: Callable[[int], Array]


class _Window:
    """Values at the positions from ``base`` on, which later records may still replace."""

    def __init__(self, chrom: str, base: int, size: int, length: int) -> None:
        self.chrom, self.base, self.length = chrom, base, length
        self.value = np.zeros(size, np.float32)
        self.summit = np.zeros(size, np.int64)
        self.known = np.zeros(size, bool)

    def add(self, at: Array, summit: int, values: Array) -> None:
        """Adds the values of a record, at positions counted from ``base``."""
        middle = (self.summit[at] + summit) // 2
        later = summit >= self.summit[at]
        mine = ~self.known[at] | (later == (at + self.base >= middle))
        at, values = at[mine], values[mine]
        self.value[at], self.summit[at], self.known[at] = values, summit, True

    def advance(self, base: int) -> Iterator[Run]:
        """Advances to a new ``base``; yields the positions before it, in runs without gaps."""
        count = min(base - self.base, len(self.value))
        inside = np.arange(self.base, self.base + count)
        at = np.flatnonzero(self.known[:count] & (inside >= 0) & (inside < self.length))
        for run in np.split(at, np.flatnonzero(np.diff(at) > 1) + 1):
            if len(run):
                yield self.chrom, self.base + int(run[0]), self.value[run]
        for column in (self.value, self.summit, self.known):
            column[: len(column) - count] = column[count:].copy()
            column[len(column) - count :] = 0
        self.base = base


def runs(records: Records, sizes: dict[str, int]) -> Iterator[Run]:
    """Chromosome, start and float32 values of runs without gaps, in the order of ``sizes``.

    Positions outside chromosomes, and positions without a record, are omitted.
    """
    order = {name: number for number, name in enumerate(sizes)}
    ranks = np.asarray([order[name] for name in records.chrom], np.int64)
    size = int(records.at.max()) + 1
    window: _Window | None = None
    for i in np.lexsort((records.start, ranks)).tolist():
        chrom, start = records.chrom[i], int(records.start[i])
        if window is not None:
            ends = window.base + size if window.chrom != chrom else start
            yield from window.advance(ends)
        if window is None or window.chrom != chrom:
            window = _Window(chrom, start, size, sizes[chrom])
        window.add(records.at, int(records.summit[i]), records.values(i))
    if window is not None:
        yield from window.advance(window.base + size)
