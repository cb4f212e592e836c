"""Which mutants lost digits to a reference that is far larger than they are, or met infinity.

Each answers for ``N`` mutants, 1 for those that the model itself has to compute and 0 for others.
"""

from __future__ import annotations

from functools import reduce
from math import inf

import numpy as np
import tensorflow as tf

from ismc.runtime.positions import per_mutant
from ismc.runtime.types import Tensor

DIGITS = 7  # of the 24 binary digits of float32, that an element may lose
ALL_DIGITS = 11  # that all elements of a vector may lose; one of few is near zero by chance
SAMPLE, SHARE = 1024, 0.1


def typical(r: Tensor) -> Tensor:
    """The size that all but the smallest tenth of a value have at least: ``[B]``.

    Of 1024 elements of ``[B, ...]``, zeros and infinities left out; 0 where nothing is left.
    """
    flat = tf.abs(tf.reshape(r, [r.shape[0], -1]))
    count = int(flat.shape[1] or 0)
    if count > SAMPLE:
        some = np.sort(np.random.default_rng(0).choice(count, SAMPLE, replace=False))
        flat = tf.gather(flat, some.astype(np.int32), axis=1)
    usable = (flat > 0) & tf.math.is_finite(flat)
    ordered = tf.sort(tf.where(usable, flat, inf), 1)
    number = tf.reduce_sum(tf.cast(usable, tf.int32), 1)
    place = tf.cast(SHARE * tf.cast(number, tf.float32), tf.int32)
    found = tf.gather(ordered, place[:, None], axis=1, batch_dims=1)[:, 0]
    return tf.where(number > 0, found, 0.0)


def cancelled(w: Tensor, s: Tensor, usual: Tensor | None = None) -> Tensor:
    """Mutants of which some element is what rounding left of a far larger one: ``[N]``.

    Args:
        w: ``[N, W, ...]`` the reference that the difference was added to.
        s: the sum, of the same shape.
        usual: ``[B]`` the typical size of the value; elements that are not far larger than it
            lose nothing that matters, where readers do not tell small values apart.
    """
    limit = tf.abs(w) * 2.0**-DIGITS
    lost = limit > tf.abs(s)
    if usual is not None:
        count = s.shape[0]
        usual = tf.reshape(per_mutant(usual, count), [count, *[1] * (s.shape.rank - 1)])
        lost &= limit > usual
    return _any(lost | ~tf.math.is_finite(s))


def cancelled_sums(w: Tensor, y: Tensor) -> Tensor:
    """The same of values ``[N, ...]`` whose elements are sums of the same terms, as of a Dense."""
    axes = list(range(1, y.shape.rank))
    before, after = (tf.reduce_max(tf.abs(v), axes) for v in (w, y))
    return tf.cast(before * 2.0**-ALL_DIGITS > after, tf.float32) + not_finite(y)


def not_finite(d: Tensor) -> Tensor:
    """Mutants whose difference holds infinity, or infinity minus infinity: ``[N]``."""
    return _any(~tf.math.is_finite(d))


def either(*flags: Tensor) -> Tensor:
    """Mutants that any of the guards tells of: ``[N]``."""
    return reduce(tf.maximum, flags)


def _any(flags: Tensor) -> Tensor:
    return tf.cast(tf.reduce_any(flags, list(range(1, flags.shape.rank))), tf.float32)
