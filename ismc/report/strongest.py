"""The strongest substitutions of one sequence and of all sequences."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np

MAX_PEAKS, MIN_DISTANCE, MAX_SUBSTITUTIONS = 10, 8, 100

Array = np.ndarray


def peaks(scores: Array, same: Array, middles: Array) -> list[tuple[int, int]]:
    """The strongest sites, each with its strongest substitution, in descending order.

    A site less than 8 positions from a stronger one, middle to middle, is omitted, since both
    mostly belong to the same motif. Scores that are zero or not finite are ignored.

    Args:
        scores: ``[S, 4]``.
        same: ``[S, 4]``, whether the substitution leaves the sequence unchanged.
        middles: ``[S]``, the middle position of each site.

    Returns:
        At most 10 pairs of a site and a letter.
    """
    strength = np.where(same | ~np.isfinite(scores), 0, np.abs(scores))
    letters, best = strength.argmax(1), strength.max(1)
    pairs: list[tuple[int, int]] = []
    while len(pairs) < MAX_PEAKS and best.max(initial=0) > 0:
        site = int(best.argmax())
        pairs.append((site, int(letters[site])))
        best[np.abs(middles - middles[site]) < MIN_DISTANCE] = 0
    return pairs


@dataclass(frozen=True, order=True)
class Substitution:
    """A substitution, ordered by strength; of equal ones, the first is the greatest.

    Attributes:
        strength: the absolute score.
        entry: minus the index of the sequence.
        site: minus the index of the site.
        change: the reference and the substituted letters, ``C>A``.
        score: the signed score.
    """

    strength: float
    entry: int
    site: int
    change: str
    score: float

    def row(self) -> tuple[int, int, str, float]:
        """The sequence, site, change and score, as a table shows them."""
        return -self.entry, -self.site, self.change, float(f"{self.score:.6g}")


@dataclass
class Strongest:
    """A running selection of the 100 strongest substitutions."""

    heap: list[Substitution] = field(default_factory=list)

    def add(self, entry: int, site: int, change: str, score: float) -> None:
        """Adds a substitution, and drops the weakest beyond 100."""
        item = Substitution(abs(score), -entry, -site, change, score)
        if len(self.heap) < MAX_SUBSTITUTIONS:
            heapq.heappush(self.heap, item)
        else:
            heapq.heappushpop(self.heap, item)

    def rows(self) -> list[tuple[int, int, str, float]]:
        """The selected substitutions, the strongest first."""
        return [item.row() for item in sorted(self.heap, reverse=True)]
