"""Matrix products in float32, or of operands that are rounded first."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla
from tensorflow.compiler.xla.xla_data_pb2 import DotDimensionNumbers

from ismc.runtime.types import Tensor

VECTOR_LENGTH = 16  # float32 numbers of a register of 512 bits


def product(a: Tensor, b: Tensor) -> Tensor:
    """``[*G, N, K] @ [*G, K, F]`` in float32; ``a`` is rounded to the type of ``b``."""
    if a.dtype == b.dtype:
        return a @ b
    last, batch_axes = b.shape.rank - 1, range(b.shape.rank - 2)
    dimensions = DotDimensionNumbers(
        lhs_contracting_dimensions=[last],
        rhs_contracting_dimensions=[last - 1],
        lhs_batch_dimensions=batch_axes,
        rhs_batch_dimensions=batch_axes,
    )
    return xla.dot_general(tf.cast(a, b.dtype), b, dimensions, preferred_element_type=a.dtype)


def matmul_taps(d: Tensor, columns: Tensor, shape: Sequence[int]) -> Tensor:
    """The product of every position of ``[N, W, C]`` with every tap: ``[N, W, K, F]``.

    Args:
        d: differences.
        columns: the kernel ``[C, K, F]`` as a matrix from `pad_columns`.
        shape: ``(K, F)``.
    """
    count, width, channels = d.shape
    y = product(tf.reshape(d, [count * width, channels]), columns)
    return tf.reshape(y[:, : prod(shape)], [count, width, *shape])


def batched_product(values: Sequence[Tensor], kernels: Tensor, columns: int) -> list[Tensor]:
    """The products of values ``[*G, C]``, each with its own kernel, in one batch.

    Args:
        values: values of one shape.
        kernels: ``[len(values), C, F]``; `pad_columns` may have added columns.
        columns: how many columns to return.

    Returns:
        One product ``[*G, columns]`` per value.
    """
    *groups, channels = values[0].shape
    y = tf.reshape(tf.stack(values), [len(values), -1, channels]) @ kernels
    y = tf.reshape(y, [len(values), *groups, kernels.shape[2]])
    # slicing before unstacking makes XLA copy all of y
    return [value[..., :columns] for value in tf.unstack(y)]


def pad_columns(kernel: Tensor) -> Tensor:
    """A kernel ``[C, ...]`` as a matrix, with columns of zeros where they make products faster.

    XLA's products process 64 columns at once, the last ones in vectors of 16. A partial vector, or
    more than three vectors of the last 64 columns, take up to twice as long.
    """
    columns = prod(kernel.shape[1:])
    flat = tf.reshape(kernel, [-1, columns])
    missing = -columns % VECTOR_LENGTH
    faster = missing < VECTOR_LENGTH / 2 or columns % (4 * VECTOR_LENGTH) > 3 * VECTOR_LENGTH
    return tf.pad(flat, [[0, 0], [0, missing]]) if missing and faster else flat


def round_kernel(kernel: Tensor, products: str) -> Tensor:
    """A kernel in the type of its products; unchanged if that is ``""``."""
    return tf.cast(kernel, products) if products else kernel
