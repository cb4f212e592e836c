"""Trying a function on numbers: does one position of the result read that position alone?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def is_pointwise(function: Callable[[Any], Any], shape: Sequence[int], seed: int = 0) -> bool:
    """Whether every position of ``function(x)`` depends on that position of ``x`` alone.

    Three random inputs ``[2, L, ...]`` are cut to single positions; the results must agree. A
    function that fails on a single position is not pointwise either.

    Args:
        function: an activation.
        shape: ``[L, ...]``, without the batch axis; at most 16 positions are tried.
        seed: of the random inputs.
    """
    if not shape:
        return False
    rng = np.random.default_rng(seed)
    length = min(int(shape[0]), 16)
    for scale in (0.1, 1.0, 10.0):
        x = rng.normal(scale=scale, size=(2, length, *shape[1:])).astype("float32")
        try:
            whole = np.asarray(function(x))
            parts = [np.asarray(function(x[:, i : i + 1])) for i in range(length)]
        except Exception:  # noqa: BLE001  (whatever a user's function raises, it is not local)
            return False
        if whole.shape[:2] != (2, length):
            return False
        if not np.allclose(whole, np.concatenate(parts, 1), rtol=1e-5, atol=1e-6):
            return False
    return True
