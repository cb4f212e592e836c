"""A convolution as one product of windows with the kernel: few, large kernels for a GPU."""

from __future__ import annotations

import tensorflow as tf

from ismc.plan.cost import Cost, product_cost
from ismc.plan.target import Target
from ismc.rules.base import Expr
from ismc.runtime.types import Tensor, Weights
from ismc.strategies.base import Convolution, Strategy


class Im2col(Strategy):
    """The windows of all outputs, each a row, times the kernel as a matrix."""

    name = "im2col"
    targets = ("gpu",)
    reads_flanks = True
    examples = (
        Convolution(width=9, out=13, size=5, channels=6, filters=7),
        Convolution(width=9, out=4, size=5, channels=6, filters=8, stride=3),
        Convolution(width=9, out=17, size=3, channels=6, filters=4, dilation=4),
    )

    def applies(self, conv: Convolution) -> bool:
        return conv.groups == 1

    def cost(self, conv: Convolution, target: Target) -> Cost:
        windows = 4 * conv.out * conv.size * conv.channels
        operations = 2 * conv.out * conv.size * conv.channels * conv.filters
        return product_cost(target, operations, windows + conv.written, conv.weights)

    def apply(self, conv: Convolution) -> Expr:
        return Expr("conv1d_im2col", kwargs=conv.options)


def conv1d_im2col(d: Tensor, w: Weights, *, strides: int = 1, dilation: int = 1) -> Tensor:
    """Convolution of ``[N, W, C]``, which includes its flanks, as one product."""
    kernel = w["kernel"]
    size, channels, filters = kernel.shape
    out = (d.shape[1] - (size - 1) * dilation - 1) // strides + 1
    taps = [d[:, j * dilation :: strides][:, :out] for j in range(size)]
    windows = tf.reshape(tf.concat(taps, 2), [-1, size * channels])
    y = windows @ tf.reshape(kernel, [size * channels, filters])
    return tf.reshape(y, [-1, out, filters])
