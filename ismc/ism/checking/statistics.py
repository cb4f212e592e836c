"""How many mutants of a run the model itself was asked about, and how far answers were off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

MODES = (True, False, "recompute")
Mode = bool | str | None  # None: as the program was compiled


@dataclass(frozen=True)
class Checked:
    """What checks found.

    Attributes:
        mutants: how many were also computed by the model itself.
        error: the largest error of them, as a share of the largest score of those that were checked
            with it: the largest absolute value, over all numbers of an output.
        recomputed: sequences whose scores are the model's own, as the program's were wrong.
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
        said = f"{self.mutants:,} mutants, off by {self.error:.1e} of the largest score at most"
        if self.recomputed:
            said += f"; {self.recomputed:,} sequences recomputed by the model itself"
        return said

    def rows(self, count: int, records: Iterable[int] = (), errors: Iterable[float] = ()) -> Array:
        """The same by sequence, as `of` takes it: float32 ``[count, 3]``.

        Args:
            count: of sequences; all are recomputed, or none.
            records: the sequence of each mutant.
            errors: of each mutant.
        """
        found = np.zeros((count, 3), np.float32)
        for record, error in zip(records, errors, strict=True):
            found[record, 0] += 1
            found[record, 1] = max(found[record, 1], error)
        found[:, 2] = self.recomputed > 0
        return found


def of(rows: Array) -> Checked:
    """The sum of rows: mutants, largest error, and whether it was recomputed, by sequence."""
    if not len(rows):
        return Checked()
    mutants, recomputed = (int(rows[:, i].sum(dtype=np.float64)) for i in (0, 2))
    return Checked(mutants, float(rows[:, 1].max()), recomputed)
