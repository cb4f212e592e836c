"""Convolutions other than Conv1D: depthwise, two-dimensional, transposed.

Kernels have the layouts of Keras: ``[K, C, M]`` depthwise, ``[K, columns, C, F]`` two-dimensional,
``[K, (1,) F, C]`` transposed.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from ismc.runtime.gemm import conv1d_gemm, gemm_kernel
from ismc.runtime.overlap import overlap_add
from ismc.runtime.types import Tensor, Weights

NO_PADS = (0, 0)


def depthwise_conv1d(
    x: Tensor,
    w: Weights,
    *,
    strides: int = 1,
    dilation: int = 1,
    pads: Sequence[int] = NO_PADS,
    bias: bool = True,
) -> Tensor:
    """DepthwiseConv1D without its activation; ``pads`` are zeros before and after."""
    size, channels, multiplier = w["kernel"].shape
    kernel = tf.reshape(w["kernel"], [size, 1, channels * multiplier])
    x = tf.pad(x, [[0, 0], list(pads), [0, 0]])
    y = tf.nn.convolution(x, kernel, strides, "VALID", dilations=dilation)
    return y + w["bias"] if bias and "bias" in w else y


def depthwise_overlap(d: Tensor, w: Weights, *, dilation: int = 1) -> Tensor:
    """DepthwiseConv1D of a difference without flanks: products and an overlap-add."""
    size, channels, multiplier = w["kernel"].shape
    count, width, _ = d.shape
    products = d[:, :, None, :, None] * w["kernel"][::-1]
    products = tf.reshape(products, [count, width, size, channels * multiplier])
    return overlap_add(products, dilation)


def conv2d(
    x: Tensor,
    w: Weights,
    *,
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[Sequence[int]],
    bias: bool = True,
    columns_first: bool = False,
) -> Tensor:
    """Conv2D without its activation; ``pads`` are zeros around positions and columns.

    ``columns_first`` says that the kernel has its columns first.
    """
    x = tf.pad(x, [[0, 0], *map(list, pads), [0, 0]])
    kernel = _positions_first(w["kernel"]) if columns_first else w["kernel"]
    y = tf.nn.convolution(x, kernel, list(strides), "VALID", dilations=list(dilations))
    return y + w["bias"] if bias and "bias" in w else y


def _positions_first(kernel: Tensor) -> Tensor:
    return tf.transpose(kernel, [1, 0, 2, 3])


def conv2d_gemm(
    d: Tensor,
    w: Weights,
    *,
    dilation: int = 1,
    column: int = -1,
    columns_first: bool = False,
    products: str = "",
) -> Tensor:
    """Conv2D of a difference without flanks, where the kernel covers all columns at once.

    Args:
        d: ``[N, W, columns, C]`` differences.
        w: the weights.
        dilation: positions from one tap to the next.
        column: the column of the kernel that is applied to the only column of ``d``, or -1 for all.
        columns_first: whether the kernel has its columns first.
        products: the type that operands of the product are rounded to, or ``""``.
    """
    kernel = _positions_first(w["kernel"]) if columns_first else w["kernel"]
    kernel = kernel if column < 0 else kernel[:, column : column + 1]
    size, columns, channels, filters = kernel.shape
    kernel = tf.reshape(kernel, [size, columns * channels, filters])
    flat = tf.reshape(d, [*d.shape[:2], columns * channels])
    prepared = gemm_kernel({"kernel": kernel}, products=products)
    return conv1d_gemm(flat, prepared, dilation=dilation)[:, :, None]


def conv_transpose(
    x: Tensor, w: Weights, *, strides: int, dilation: int, crop: int, length: int
) -> Tensor:
    """Conv1DTranspose, or Conv2DTranspose of one column, without its activation.

    Returns the positions from ``crop`` to ``crop + length`` of the full result, with zeros after it
    if it is shorter.
    """
    y = transposed_overlap(x, w, strides=strides, dilation=dilation)
    missing = max(0, crop + length - y.shape[1])
    y = tf.pad(y, [[0, 0], [0, missing]] + [[0, 0]] * (y.shape.rank - 2))[:, crop : crop + length]
    return y + w["bias"] if "bias" in w else y


def transposed_overlap(d: Tensor, w: Weights, *, strides: int, dilation: int) -> Tensor:
    """A transposed convolution of a difference, as one product and an overlap-add.

    ``[N, W, C]`` or ``[N, W, 1, C]`` to ``(W - 1) * strides + (K - 1) * dilation + 1`` positions.
    """
    filters, channels = w["kernel"].shape[-2:]
    size = w["kernel"].shape.num_elements() // (filters * channels)
    count, width = d.shape[:2]
    kernel = tf.transpose(tf.reshape(w["kernel"], [size, filters, channels]), [2, 0, 1])
    products = tf.reshape(d, [count * width, channels]) @ tf.reshape(
        kernel, [channels, size * filters]
    )
    products = tf.reshape(products, [count, width, size, filters])
    if strides > 1:
        products = tf.pad(products[:, :, None], [[0, 0]] * 2 + [[0, strides - 1]] + [[0, 0]] * 2)
        products = tf.reshape(products, [count, width * strides, size, filters])
        products = products[:, : (width - 1) * strides + 1]
    y = overlap_add(products, dilation)
    return y if d.shape.rank == 3 else y[:, :, None]
