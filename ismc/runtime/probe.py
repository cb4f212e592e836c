"""What a truncated program answers, so that the compiler can drop none of its values."""

from __future__ import annotations

import tensorflow as tf

from ismc.runtime.types import Tensor, Weights


def checksum(rows: Tensor | int, *values: Tensor | Weights) -> Tensor:
    """One number that every element of the values is part of, for each row: ``[rows]``.

    ``rows`` is their number, or a value that has as many. Magnitudes are added up, and the sums of
    the last axis compared: a compiler that reorders sums finds nothing to shorten.
    """
    count = rows if isinstance(rows, int) else rows.shape[0]
    total = tf.zeros([])
    for value in tf.nest.flatten(values):
        sums = tf.reduce_sum(tf.abs(tf.cast(value, tf.float32)), list(range(value.shape.rank - 1)))
        total += tf.reduce_max(sums)
    return tf.broadcast_to(total, [count])
