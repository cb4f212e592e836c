"""Tests by trial whether a function acts on single positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def is_pointwise(function: Callable[[Any], Any], shape: Sequence[int], seed: int = 0) -> bool:
    """Whether every position of ``function(x)`` depends only on that position of ``x``.

    The function is called on three random inputs ``[2, L, ...]`` and on each of their positions;
    the results must agree. A function that raises on a single position is not pointwise.

    Args:
        function: an activation function.
        shape: the shape of its input without the batch axis, ``[L, ...]``; at most 16 positions
            are tried.
        seed: the seed of the random inputs.
    """
    if not shape:
        return False
    rng = np.random.default_rng(seed)
    length = min(int(shape[0]), 16)
    for scale in (0.1, 1.0, 10.0):
        x = rng.normal(scale=scale, size=(2, length, *shape[1:])).astype("float32")
        try:
            full = np.asarray(function(x))
            single = [np.asarray(function(x[:, i : i + 1])) for i in range(length)]
        except Exception:  # noqa: BLE001  (a user's function may raise anything)
            return False
        if full.shape[:2] != (2, length):
            return False
        if not np.allclose(full, np.concatenate(single, 1), rtol=1e-5, atol=1e-6):
            return False
    return True
