"""Products of matrices, in float32 or of operands that are rounded first."""

from __future__ import annotations

import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla
from tensorflow.compiler.xla.xla_data_pb2 import DotDimensionNumbers

from ismc.runtime.types import Tensor


def product(a: Tensor, b: Tensor) -> Tensor:
    """``[*G, N, K] @ [*G, K, F]`` in float32; ``a`` is rounded to the type that ``b`` has."""
    if a.dtype == b.dtype:
        return a @ b
    last, several = b.shape.rank - 1, range(b.shape.rank - 2)
    dimensions = DotDimensionNumbers(
        lhs_contracting_dimensions=[last],
        rhs_contracting_dimensions=[last - 1],
        lhs_batch_dimensions=several,
        rhs_batch_dimensions=several,
    )
    return xla.dot_general(tf.cast(a, b.dtype), b, dimensions, preferred_element_type=a.dtype)


def with_taps(d: Tensor, kernel: Tensor) -> Tensor:
    """Every position of ``[N, W, C]`` with every tap of ``[C, K, F]``: ``[N, W, K, F]``."""
    count, width, channels = d.shape
    rows = tf.reshape(d, [count * width, channels])
    y = product(rows, tf.reshape(kernel, [channels, -1]))
    return tf.reshape(y, [count, width, *kernel.shape[1:]])


def rounded(kernel: Tensor, products: str) -> Tensor:
    """A kernel in the type that its products take, or as it is."""
    return tf.cast(kernel, products) if products else kernel
