"""The strongest substitutions: of one sequence, and of all that were seen."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np

PEAKS, APART, MOST = 10, 8, 100

Array = np.ndarray


def peaks(scores: Array, same: Array, middles: Array) -> list[tuple[int, int]]:
    """The strongest substitution of each of the strongest sites, the strongest first.

    Sites whose middles are less than 8 positions from a stronger one are left out, as they mostly
    belong to the same motif. Scores that are zero or not finite are none.

    Args:
        scores: ``[S, 4]``.
        same: ``[S, 4]``, whether that is the sequence as it is.
        middles: ``[S]``, positions.

    Returns:
        At most 10 pairs of a site and a letter.
    """
    strength = np.where(same | ~np.isfinite(scores), 0, np.abs(scores))
    letters, best = strength.argmax(1), strength.max(1)
    found: list[tuple[int, int]] = []
    while len(found) < PEAKS and best.max(initial=0) > 0:
        site = int(best.argmax())
        found.append((site, int(letters[site])))
        best[np.abs(middles - middles[site]) < APART] = 0
    return found


@dataclass(frozen=True, order=True)
class Substitution:
    """A substitution in a sequence; the strongest is the greatest, then the first.

    Attributes:
        strength: the absolute score.
        entry: minus the number of the sequence.
        site: minus the number of the site.
        change: what is there and what is written, ``C>A``.
        score: with its sign.
    """

    strength: float
    entry: int
    site: int
    change: str
    score: float

    def row(self) -> tuple[int, int, str, float]:
        """Sequence, site, change and score, as a table shows them."""
        return -self.entry, -self.site, self.change, float(f"{self.score:.6g}")


@dataclass
class Strongest:
    """The 100 strongest of any number of substitutions, which are added one by one."""

    heap: list[Substitution] = field(default_factory=list)

    def add(self, entry: int, site: int, change: str, score: float) -> None:
        """Adds one."""
        item = Substitution(abs(score), -entry, -site, change, score)
        if len(self.heap) < MOST:
            heapq.heappush(self.heap, item)
        else:
            heapq.heappushpop(self.heap, item)

    def rows(self) -> list[tuple[int, int, str, float]]:
        """Those that are left, the strongest first."""
        return [item.row() for item in sorted(self.heap, reverse=True)]
