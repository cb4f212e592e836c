"""Statistics of checks: how many mutants were compared, and the largest error."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

MODES = (True, False, "recompute")
Mode = bool | str | None  # None: as given to ismc.compile


@dataclass(frozen=True)
class Checked:
    """The statistics of checks.

    Attributes:
        mutants: the number of mutants that the model itself also computed.
        error: their largest error, as a share of the largest absolute score of an output among the
            mutants checked together with it.
        recomputed: the number of sequences whose scores the model computed because the program's
            were wrong.
    """

    mutants: int = 0
    error: float = 0.0
    recomputed: int = 0

    def __add__(self, other: Checked) -> Checked:
        return Checked(
            self.mutants + other.mutants,
            max(self.error, other.error),
            self.recomputed + other.recomputed,
        )

    def __str__(self) -> str:
        if not self.mutants:
            return "no mutants"
        text = f"{self.mutants:,} mutants, off by {self.error:.1e} of the largest score at most"
        if self.recomputed:
            text += f"; {self.recomputed:,} sequences recomputed by the model itself"
        return text

    def rows(self, count: int, records: Iterable[int] = (), errors: Iterable[float] = ()) -> Array:
        """The statistics by sequence, the input of `of`: float32 ``[count, 3]``.

        Args:
            count: the number of sequences; either all are recomputed, or none.
            records: the index of the sequence of each mutant.
            errors: the error of each mutant.
        """
        rows = np.zeros((count, 3), np.float32)
        for record, error in zip(records, errors, strict=True):
            rows[record, 0] += 1
            rows[record, 1] = max(rows[record, 1], error)
        rows[:, 2] = self.recomputed > 0
        return rows


def of(rows: Array) -> Checked:
    """The statistics of rows ``[n, 3]``: mutants, largest error and whether it was recomputed."""
    if not len(rows):
        return Checked()
    mutants, recomputed = (int(rows[:, i].sum(dtype=np.float64)) for i in (0, 2))
    return Checked(mutants, float(rows[:, 1].max()), recomputed)
