"""Runs a program that is compiled for a fixed number of rows on any number of rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ismc.execution.module import Run

Array = np.ndarray
BATCH_ROWS = 16


def run_by_rows(run: Run, put: Callable[[Array], object], *arrays: Array) -> Array:
    """The first result of a program, ``[n, ...]`` for arrays ``[n, ...]`` with ``n > 0``.

    Args:
        run: a program of ``BATCH_ROWS`` independent rows; the last batch is padded.
        put: copies an array to the memory of the program.
        arrays: the arguments of the program.
    """
    chunks, total = [], len(arrays[0])
    for start in range(0, total, BATCH_ROWS):
        count = min(BATCH_ROWS, total - start)
        rows = start + np.arange(BATCH_ROWS) % count
        chunks.append(np.asarray(run([put(array[rows]) for array in arrays])[0])[:count])
    return np.concatenate(chunks)
