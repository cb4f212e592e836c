"""How far two float32 answers to one question may be apart."""

from __future__ import annotations

import numpy as np

Array = np.ndarray

RTOL, ATOL = 1e-4, 1e-5
ROUNDING = 1e-6  # of an output, about: what float32 leaves of sums in another order


def exceeds(got: Array, want: Array, scale: float = 0.0) -> tuple[int, ...] | None:
    """Where two answers differ most beyond the tolerance, or nothing.

    ``scale`` is the range that rounding errors are relative to, if larger than that of ``want``.
    """
    if not want.size:
        return None
    size = np.where(np.isfinite(want), np.abs(want), 0.0)  # an infinite one lets nothing else pass
    span = max(scale if np.isfinite(scale) else 0.0, float(size.max()))
    with np.errstate(invalid="ignore"):
        excess = np.abs(got - want) - (RTOL * size + ATOL * span)
    excess[np.isnan(got) & np.isnan(want)] = -1.0
    excess[(got == want)] = -1.0
    excess[np.isnan(excess)] = np.inf
    worst = np.unravel_index(int(excess.argmax()), excess.shape)
    return tuple(int(i) for i in worst) if excess[worst] > 0 else None


def towards(want: Array, got: Array, most: Array) -> Array:
    """An answer, moved by at most so much towards the one that is wanted."""
    with np.errstate(invalid="ignore"):
        near = np.abs(got - want) <= most
        return np.where(near, want, got - np.sign(got - want) * most)


def off(got: Array, want: Array, scale: float) -> Array:
    """Where a value is further from a finite one that is wanted than rounding takes it."""
    with np.errstate(invalid="ignore", over="ignore"):
        near = (np.abs(got - want) <= RTOL * np.abs(want) + ATOL * scale) | (got == want)
    return ~near & np.isfinite(want)
