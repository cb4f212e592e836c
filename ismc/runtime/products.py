"""Products of matrices, in float32 or of operands that are rounded first."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla
from tensorflow.compiler.xla.xla_data_pb2 import DotDimensionNumbers

from ismc.runtime.types import Tensor

VECTOR = 16  # numbers of a vector register of 512 bits


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


def matmul_taps(d: Tensor, columns: Tensor, shape: Sequence[int]) -> Tensor:
    """Every position of ``[N, W, C]`` with every tap: ``[N, W, K, F]``.

    Args:
        d: differences.
        columns: the kernel ``[C, K, F]`` as `in_columns` has it.
        shape: ``(K, F)``.
    """
    count, width, channels = d.shape
    y = product(tf.reshape(d, [count * width, channels]), columns)
    return tf.reshape(y[:, : prod(shape)], [count, width, *shape])


def batched_product(values: Sequence[Tensor], kernels: Tensor, columns: int) -> list[Tensor]:
    """Values ``[*G, C]``, each with a kernel of its own, in one batch: ``[*G, columns]`` each.

    Args:
        values: all of one shape.
        kernels: ``[len(values), C, F]``, of which `in_columns` may have made more columns.
        columns: how many are wanted.
    """
    *groups, channels = values[0].shape
    y = tf.reshape(tf.stack(values), [len(values), -1, channels]) @ kernels
    y = tf.reshape(y, [len(values), *groups, kernels.shape[2]])
    return [value[..., :columns] for value in tf.unstack(y)]  # sliced before, XLA copies all of it


def pad_columns(kernel: Tensor) -> Tensor:
    """A kernel ``[C, ...]`` as a matrix, with columns of zeros where products are quicker so.

    XLA's products go through sixty-four columns at once, the last ones in vectors of sixteen. What
    is left of a vector, or more than three of them, takes up to twice as long.
    """
    columns = prod(kernel.shape[1:])
    flat = tf.reshape(kernel, [-1, columns])
    short = -columns % VECTOR
    worth = short < VECTOR / 2 or columns % (4 * VECTOR) > 3 * VECTOR
    return tf.pad(flat, [[0, 0], [0, short]]) if short and worth else flat


def rounded(kernel: Tensor, products: str) -> Tensor:
    """A kernel in the type that its products take, or as it is."""
    return tf.cast(kernel, products) if products else kernel
