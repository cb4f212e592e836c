"""One value for each position of a genome, of records that overlap.

A position that several records have scored belongs to that of the nearest summit: of neighbouring
summits ``a <= b``, positions before ``(a + b) // 2`` belong to ``a``, and others to ``b``. Only
records that have scored the position count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
Run = tuple[str, int, Array]


@dataclass(frozen=True)
class Records:
    """Where ``N`` records are, and what they have at their sites.

    Attributes:
        chrom: names of chromosomes, ``[N]``.
        start: int64 ``[N]``, of their first letters.
        summit: int64 ``[N]``.
        at: int64 ``[S]``, positions of the sites in each record, ascending.
        values: from the number of a record to float32 ``[S]``.
    """

    chrom: list[str]
    start: Array
    summit: Array
    at: Array
    values: Callable[[int], Array]


class _Window:
    """What is known of the positions from ``base`` on, which records to come may still take."""

    def __init__(self, chrom: str, base: int, size: int, length: int) -> None:
        self.chrom, self.base, self.length = chrom, base, length
        self.value = np.zeros(size, np.float32)
        self.summit = np.zeros(size, np.int64)
        self.known = np.zeros(size, bool)

    def offers(self, at: Array, summit: int, values: Array) -> None:
        """A record has values at positions counted from ``base``."""
        middle = (self.summit[at] + summit) // 2
        later = summit >= self.summit[at]
        mine = ~self.known[at] | (later == (at + self.base >= middle))
        at, values = at[mine], values[mine]
        self.value[at], self.summit[at], self.known[at] = values, summit, True

    def moves(self, base: int) -> Iterator[Run]:
        """Positions before ``base`` are settled, in runs without gaps."""
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

    Positions outside chromosomes are left out, those that no record has too.
    """
    order = {name: number for number, name in enumerate(sizes)}
    ranks = np.asarray([order[name] for name in records.chrom], np.int64)
    size = int(records.at.max()) + 1
    window: _Window | None = None
    for i in np.lexsort((records.start, ranks)).tolist():
        chrom, start = records.chrom[i], int(records.start[i])
        if window is not None:
            ends = window.base + size if window.chrom != chrom else start
            yield from window.moves(ends)
        if window is None or window.chrom != chrom:
            window = _Window(chrom, start, size, sizes[chrom])
        window.offers(records.at, int(records.summit[i]), records.values(i))
    if window is not None:
        yield from window.moves(window.base + size)
