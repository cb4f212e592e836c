"""Checked conversion to 16-bit floats: no number becomes infinite, and not all become 0."""

from __future__ import annotations

import numpy as np

from ismc.errors import InputError
from ismc.io.stores.store import Store

Array = np.ndarray
LARGEST_HALF = float(np.finfo(np.float16).max)
SMALLEST_HALF = float(np.finfo(np.float16).smallest_subnormal)


class Halves:
    """Rounds blocks to 16-bit floats, and counts the numbers that become 0."""

    def __init__(self, store: Store) -> None:
        self._names = store.names
        self.lost = self.nonzero = 0

    def of(self, rows: slice, values: Array) -> Array:
        """The values of records ``[n, ...]`` as float16.

        Raises:
            InputError: when one of them is too large.
        """
        largest = np.abs(values).reshape(len(values), -1).max(1, initial=0)
        if (largest > LARGEST_HALF).any():
            worst = int(largest.argmax())
            raise InputError(
                f"The record {str(self._names[rows.start + worst])!r} has a score of "
                f"{largest[worst]:.6g}, expected {LARGEST_HALF:g} at most in 16-bit floats.",
                hint="Write npz, h5, modisco or tsv, or score with log2_ratio.",
            )
        halves = values.astype(np.float16)
        nonzero = values != 0
        self.nonzero += int(np.count_nonzero(nonzero))
        self.lost += int(np.count_nonzero(nonzero & (halves == 0)))
        return halves

    def notes(self) -> list[str]:
        """Notes for the user, once all blocks are written.

        Raises:
            InputError: when every non-zero number became 0.
        """
        if not self.lost:
            return []
        if self.lost == self.nonzero:
            raise InputError(
                f"All scores are less than {SMALLEST_HALF:.2g}, expected more, as they are 0 in "
                "16-bit floats.",
                hint="Write npz, h5, modisco or tsv, or score with log2_ratio.",
            )
        part = f"{self.lost:,} of {self.nonzero:,} scores"
        return [f"{part} are less than {SMALLEST_HALF:.2g} and became 0 in 16-bit floats."]
