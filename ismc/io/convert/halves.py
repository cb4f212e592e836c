"""Numbers as 16-bit floats, checked: none becomes infinite, and not all become 0."""

from __future__ import annotations

import numpy as np

from ismc.errors import InputError
from ismc.io.stores.store import Store

Array = np.ndarray
MOST = float(np.finfo(np.float16).max)
LEAST = float(np.finfo(np.float16).smallest_subnormal)


class Halves:
    """Counts what is lost while blocks are rounded to 16 bits."""

    def __init__(self, store: Store) -> None:
        self._names = store.names
        self.lost = self.nonzero = 0

    def of(self, rows: slice, values: Array) -> Array:
        """The values of some records ``[n, ...]`` in float16.

        Raises:
            InputError: when one of them does not fit.
        """
        most = np.abs(values).reshape(len(values), -1).max(1, initial=0)
        if (most > MOST).any():
            worst = int(most.argmax())
            raise InputError(
                f"The record {str(self._names[rows.start + worst])!r} has a score of "
                f"{most[worst]:.6g}, expected {MOST:g} at most, as 16-bit floats hold.",
                hint="Write npz, h5, modisco or tsv, or score with log2_ratio.",
            )
        found = values.astype(np.float16)
        there = values != 0
        self.nonzero += int(np.count_nonzero(there))
        self.lost += int(np.count_nonzero(there & (found == 0)))
        return found

    def notes(self) -> list[str]:
        """What is worth saying when all is written.

        Raises:
            InputError: when nothing but 0 is left.
        """
        if not self.lost:
            return []
        if self.lost == self.nonzero:
            raise InputError(
                f"All scores are less than {LEAST:.2g}, expected more, as they are 0 in 16-bit "
                "floats.",
                hint="Write npz, h5, modisco or tsv, or score with log2_ratio.",
            )
        part = f"{self.lost:,} of {self.nonzero:,} scores"
        return [f"{part} are less than {LEAST:.2g} and became 0 in 16-bit floats."]
