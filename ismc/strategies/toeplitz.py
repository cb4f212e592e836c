"""A convolution of few positions as one product with the banded matrix of the kernel."""

from __future__ import annotations

import tensorflow as tf

from ismc.plan.cost import Cost, product_cost
from ismc.plan.target import Target
from ismc.rules.base import Expr
from ismc.runtime.types import Tensor, Weights
from ismc.strategies.base import Convolution, Strategy

MAX_WIDTH = 8  # changed positions; the band is that many kernels


class Toeplitz(Strategy):
    """All changed positions times the banded matrix of the kernel."""

    name = "toeplitz"
    examples = (
        Convolution(width=5, out=9, size=5, channels=6, filters=7),
        Convolution(width=8, out=16, size=3, channels=4, filters=5, dilation=4),
    )

    def applies(self, conv: Convolution) -> bool:
        return conv.stride == conv.groups == 1 and conv.width <= MAX_WIDTH

    def cost(self, conv: Convolution, target: Target) -> Cost:
        numbers, weights = conv.reach * conv.filters, conv.weights * conv.width
        operations = 2 * conv.width * conv.channels * numbers
        return product_cost(target, operations, 4 * numbers, weights, target.gemm / 2)

    def apply(self, conv: Convolution) -> Expr:
        return Expr("conv1d_toeplitz", kwargs=conv.options)


def conv1d_toeplitz(d: Tensor, w: Weights, *, dilation: int = 1) -> Tensor:
    """Convolution as one product with the banded matrix of the kernel; no overlap-add."""
    size, channels, filters = w["kernel"].shape
    count, width, _ = d.shape
    out = width + (size - 1) * dilation
    kernel = w["kernel"][::-1]
    if dilation > 1:
        kernel = tf.reshape(kernel, [size, 1, channels, filters])
        kernel = tf.pad(kernel, [[0, 0], [0, dilation - 1], [0, 0], [0, 0]])
        kernel = tf.reshape(kernel, [size * dilation, channels, filters])
        kernel = kernel[: (size - 1) * dilation + 1]
    rows = [tf.pad(kernel, [[i, width - 1 - i], [0, 0], [0, 0]]) for i in range(width)]
    band = tf.reshape(tf.transpose(tf.stack(rows), [0, 2, 1, 3]), [width * channels, out * filters])
    return tf.reshape(tf.reshape(d, [count, width * channels]) @ band, [count, out, filters])
