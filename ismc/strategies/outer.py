"""A convolution of few channels as sums of scaled kernel rows, which fuse into their readers."""

from __future__ import annotations

from ismc.plan.cost import Cost
from ismc.plan.target import Target
from ismc.rules.base import Expr
from ismc.runtime.overlap import overlap_add
from ismc.runtime.types import Tensor, Weights
from ismc.strategies.base import Convolution, Strategy

MAX_NUMBERS = 8  # of the changed positions: channels times width


class Outer(Strategy):
    """Each number of the difference times its row of the kernel."""

    name = "outer"
    replaces = ("gemm",)
    examples = (
        Convolution(width=1, out=7, size=7, channels=4, filters=9),
        Convolution(width=2, out=4, size=3, channels=3, filters=5),
    )

    def applies(self, conv: Convolution) -> bool:
        few = conv.channels * conv.width <= MAX_NUMBERS
        return few and conv.stride == conv.groups == conv.dilation == 1

    def cost(self, conv: Convolution, target: Target) -> Cost:
        operations = 2 * conv.width * conv.size * conv.channels * conv.filters
        return Cost(operations, operations / target.elements / 4, 0, conv.weights)

    def apply(self, conv: Convolution) -> Expr:
        del conv
        return Expr("conv1d_outer")


def conv1d_outer(d: Tensor, w: Weights, *, dilation: int = 1) -> Tensor:
    """Convolution of few channels as sums of scaled kernel rows, which fuse into readers."""
    kernel = w["kernel"][::-1]
    products = sum(d[:, :, None, c, None] * kernel[:, c] for c in range(d.shape[2]))
    return overlap_add(products, dilation)
