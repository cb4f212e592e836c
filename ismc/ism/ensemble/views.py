"""How a member of an ensemble sees a sequence: moved, reversed; and where its sites are then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ismc.errors import InputError

Array = np.ndarray
Site = tuple[int, int]


@dataclass(frozen=True)
class View:
    """A sequence moved right by ``shift`` positions, then reverse-complemented or not.

    Zeros, which are N, fill in where nothing was; what leaves the window is gone.
    """

    shift: int = 0
    reverse: bool = False

    def seen(self, x: Array) -> Array:
        """The sequences ``[B, L, C]`` as the member sees them."""
        length, k = x.shape[1], self.shift
        if k:
            moved = np.zeros_like(x)
            moved[:, max(k, 0) : length + min(k, 0)] = x[:, max(-k, 0) : length - max(k, 0)]
            x = moved
        return np.ascontiguousarray(x[:, ::-1, ::-1]) if self.reverse else x

    def site(self, site: Site, length: int) -> Site | None:
        """Where the member sees a site; what lies outside of the window is cut off.

        >>> View(shift=3).site((5, 9), 10)
        (8, 10)
        >>> View(shift=3, reverse=True).site((0, 2), 10)
        (5, 7)
        >>> View(shift=3).site((7, 9), 10)
        """
        start, stop = (min(max(end + self.shift, 0), length) for end in site)
        if start == stop:
            return None
        return (length - stop, length - start) if self.reverse else (start, stop)


def views(reverse_complement: bool, shifts: int | Sequence[int], length: int) -> list[View]:
    """All shifts of the sequence as it is, then those of its reverse complement.

    Raises:
        InputError: when a shift is no number, is there twice, or leaves nothing of a sequence.
    """
    found = [shifts] if isinstance(shifts, int) else list(shifts)
    wrong = [k for k in found if isinstance(k, bool) or not _fits(k, length)]
    if wrong or not found or len(set(found)) < len(found):
        raise InputError(
            f"shifts is {shifts!r}, expected different whole numbers between {1 - length} and "
            f"{length - 1}.",
            hint="For instance shifts=(-1, 0, 1); 0 is the sequence where it is.",
        )
    turns = (False, True) if reverse_complement else (False,)
    return [View(int(k), reverse) for reverse in turns for k in found]


def _fits(shift: Any, length: int) -> bool:
    return isinstance(shift, int | np.integer) and abs(int(shift)) < length
