"""Guards: which mutants lost digits because the reference is much larger, or contain infinity.

Each guard returns a number per mutant, ``[N]``: 1 if the model itself must compute it, else 0.
"""

from __future__ import annotations

from functools import reduce
from math import inf

import numpy as np
import tensorflow as tf

from ismc.runtime.positions import per_mutant
from ismc.runtime.types import Tensor

MAX_LOST_BITS = 7  # of an element, of the 24 of float32
MAX_LOST_BITS_OF_SUMS = 11  # of all elements together; one of few may be near zero by chance
MAX_SAMPLE, QUANTILE = 1024, 0.1


def typical(r: Tensor) -> Tensor:
    """The 10 % quantile of the magnitudes of a value: ``[B]``.

    Computed from up to 1024 elements of ``[B, ...]``, without zeros and infinities; 0 if no element
    remains.
    """
    flat = tf.abs(tf.reshape(r, [r.shape[0], -1]))
    count = int(flat.shape[1] or 0)
    if count > MAX_SAMPLE:
        sample = np.sort(np.random.default_rng(0).choice(count, MAX_SAMPLE, replace=False))
        flat = tf.gather(flat, sample.astype(np.int32), axis=1)
    usable = (flat > 0) & tf.math.is_finite(flat)
    ordered = tf.sort(tf.where(usable, flat, inf), 1)
    usable_count = tf.reduce_sum(tf.cast(usable, tf.int32), 1)
    index = tf.cast(QUANTILE * tf.cast(usable_count, tf.float32), tf.int32)
    size = tf.gather(ordered, index[:, None], axis=1, batch_dims=1)[:, 0]
    return tf.where(usable_count > 0, size, 0.0)


def cancelled(w: Tensor, s: Tensor, usual: Tensor | None = None) -> Tensor:
    """Mutants with an element that is only the rounding error of a much larger one: ``[N]``.

    Args:
        w: ``[N, W, ...]`` the reference that the difference is added to.
        s: the sum, of the same shape.
        usual: ``[B]`` the typical size of the value. Elements that are not much larger lose no
            digits that matter, unless readers compare small values by their ratio.
    """
    limit = tf.abs(w) * 2.0**-MAX_LOST_BITS
    lost = limit > tf.abs(s)
    if usual is not None:
        count = s.shape[0]
        usual = tf.reshape(per_mutant(usual, count), [count, *[1] * (s.shape.rank - 1)])
        lost &= limit > usual
    return _any(lost | ~tf.math.is_finite(s))


def cancelled_sums(w: Tensor, y: Tensor) -> Tensor:
    """Mutants that lost digits in values ``[N, ...]`` whose elements are sums of the same terms.

    An example is the output of a Dense.
    """
    axes = list(range(1, y.shape.rank))
    before, after = (tf.reduce_max(tf.abs(v), axes) for v in (w, y))
    return tf.cast(before * 2.0**-MAX_LOST_BITS_OF_SUMS > after, tf.float32) + not_finite(y)


def not_finite(d: Tensor) -> Tensor:
    """Mutants whose difference contains infinity or NaN: ``[N]``."""
    return _any(~tf.math.is_finite(d))


def either(*flags: Tensor) -> Tensor:
    """Mutants that any of the guards marks: ``[N]``."""
    return reduce(tf.maximum, flags)


def _any(flags: Tensor) -> Tensor:
    return tf.cast(tf.reduce_any(flags, list(range(1, flags.shape.rank))), tf.float32)
