"""The output of a truncated program, which keeps the compiler from removing values."""

from __future__ import annotations

import tensorflow as tf

from ismc.runtime.types import Tensor, Weights


def checksum(rows: Tensor | int, *values: Tensor | Weights) -> Tensor:
    """A number that depends on every element of the values, for each row: ``[rows]``.

    ``rows`` is the number of rows, or a value that has as many. Magnitudes are summed over all axes
    but the last, and the maximum of the sums is taken, so a compiler that reorders sums cannot
    simplify the computation.
    """
    count = rows if isinstance(rows, int) else rows.shape[0]
    total = tf.zeros([])
    for value in tf.nest.flatten(values):
        sums = tf.reduce_sum(tf.abs(tf.cast(value, tf.float32)), list(range(value.shape.rank - 1)))
        total += tf.reduce_max(sums)
    return tf.broadcast_to(total, [count])
