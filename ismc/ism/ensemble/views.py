"""`View`: a shifted or reverse-complemented sequence, and the sites in it."""

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
    """A sequence shifted right by ``shift`` positions, then reverse-complemented or not.

    Positions shifted in are zeros (N); positions shifted out of the window are lost.
    """

    shift: int = 0
    reverse: bool = False

    def seen(self, x: Array) -> Array:
        """The sequences ``[B, L, C]`` in this view."""
        length, k = x.shape[1], self.shift
        if k:
            shifted = np.zeros_like(x)
            shifted[:, max(k, 0) : length + min(k, 0)] = x[:, max(-k, 0) : length - max(k, 0)]
            x = shifted
        return np.ascontiguousarray(x[:, ::-1, ::-1]) if self.reverse else x

    def site(self, site: Site, length: int) -> Site | None:
        """The site in this view, clipped to the window; ``None`` if it is outside.

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
    """The views: all shifts of the sequence, then all shifts of its reverse complement.

    Raises:
        InputError: when a shift is not an integer, occurs twice, or shifts everything out.
    """
    offsets = [shifts] if isinstance(shifts, int) else list(shifts)
    invalid = [k for k in offsets if isinstance(k, bool) or not _fits(k, length)]
    if invalid or not offsets or len(set(offsets)) < len(offsets):
        raise InputError(
            f"shifts is {shifts!r}, expected different whole numbers between {1 - length} and "
            f"{length - 1}.",
            hint="For instance shifts=(-1, 0, 1); 0 is the unshifted sequence.",
        )
    orientations = (False, True) if reverse_complement else (False,)
    return [View(int(k), reverse) for reverse in orientations for k in offsets]


def _fits(shift: Any, length: int) -> bool:
    return isinstance(shift, int | np.integer) and abs(int(shift)) < length
