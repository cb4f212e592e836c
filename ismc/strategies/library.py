"""The library's convolution of a difference that includes its flanks."""

from __future__ import annotations

from ismc.plan.cost import Cost, product_cost
from ismc.plan.target import Target
from ismc.rules.base import Expr
from ismc.runtime.layers import conv1d
from ismc.runtime.types import Tensor, Weights
from ismc.strategies.base import Convolution, Strategy


class Library(Strategy):
    """TensorFlow's convolution; it has every stride, dilation and number of groups."""

    name = "conv"
    reads_flanks = True
    examples = (
        Convolution(width=9, out=13, size=5, channels=6, filters=7),
        Convolution(width=9, out=4, size=5, channels=6, filters=8, groups=2, stride=3),
        Convolution(width=9, out=17, size=3, channels=6, filters=4, dilation=4),
    )

    def applies(self, conv: Convolution) -> bool:
        del conv
        return True

    def cost(self, conv: Convolution, target: Target) -> Cost:
        operations = 2 * conv.out * conv.size * conv.channels * conv.filters
        return product_cost(target, operations, conv.written, conv.weights, target.convolution)

    def apply(self, conv: Convolution) -> Expr:
        return Expr("conv1d_library", kwargs=conv.options)


def conv1d_library(d: Tensor, w: Weights, *, strides: int = 1, dilation: int = 1) -> Tensor:
    """The library's convolution of a difference that includes its flanks."""
    return conv1d(d, {"kernel": w["kernel"]}, strides=strides, dilation=dilation)
