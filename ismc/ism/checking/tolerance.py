"""Tolerances for comparing two float32 results of the same computation."""

from __future__ import annotations

import numpy as np

Array = np.ndarray

RTOL, ATOL = 1e-4, 1e-5
ROUNDING = 1e-6  # the approximate relative error of float32 sums in another order


def exceeds(got: Array, want: Array, scale: float = 0.0) -> tuple[int, ...] | None:
    """The index where two arrays differ most beyond the tolerance; ``None`` if they do not.

    Rounding errors are relative to the largest finite number of ``want``, or to ``scale`` if that
    is larger.
    """
    if not want.size:
        return None
    size = np.where(np.isfinite(want), np.abs(want), 0.0)  # infinity would allow any difference
    span = max(scale if np.isfinite(scale) else 0.0, float(size.max()))
    with np.errstate(invalid="ignore"):
        excess = np.abs(got - want) - (RTOL * size + ATOL * span)
    excess[np.isnan(got) & np.isnan(want)] = -1.0
    excess[(got == want)] = -1.0
    excess[np.isnan(excess)] = np.inf
    worst = np.unravel_index(int(excess.argmax()), excess.shape)
    return tuple(int(i) for i in worst) if excess[worst] > 0 else None


def towards(want: Array, got: Array, most: Array) -> Array:
    """``got``, moved towards ``want`` by at most ``most``."""
    with np.errstate(invalid="ignore"):
        near = np.abs(got - want) <= most
        return np.where(near, want, got - np.sign(got - want) * most)


def differs(got: Array, want: Array, scale: float) -> Array:
    """Where ``got`` differs from a finite ``want`` by more than rounding explains."""
    with np.errstate(invalid="ignore", over="ignore"):
        near = (np.abs(got - want) <= RTOL * np.abs(want) + ATOL * scale) | (got == want)
    return ~near & np.isfinite(want)
