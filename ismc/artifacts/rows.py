"""Runs a program that is made for so many rows on any number of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ismc.execution.module import Run

Array = np.ndarray
ROWS = 16


def by_rows(run: Run, put: Callable[[Array], object], *arrays: Array) -> Array:
    """The first result, row by row: ``[n, ...]`` of arrays ``[n, ...]``, where ``n`` is above 0.

    Args:
        run: a program of ``ROWS`` rows, each computed by itself; the last ones are filled up.
        put: takes an array to where the program runs.
        arrays: what it takes.
    """
    parts, total = [], len(arrays[0])
    for begin in range(0, total, ROWS):
        count = min(ROWS, total - begin)
        rows = begin + np.arange(ROWS) % count
        parts.append(np.asarray(run([put(array[rows]) for array in arrays])[0])[:count])
    return np.concatenate(parts)
