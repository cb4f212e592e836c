"""Direct products and an overlap-add: the strategy that others are measured against."""

from __future__ import annotations

from dataclasses import replace

from ismc.plan.cost import Cost, product_cost
from ismc.plan.target import Target
from ismc.rules.base import Expr
from ismc.strategies.base import Convolution, Strategy

MAX_GROUPS = 8
MAX_SHORT_FILTERS, MIN_SHORT_WIDTH = 4, 8  # few filters make short rows; see `has_short_rows`


class Gemm(Strategy):
    """Every changed position times every tap, added where the products land."""

    name = "gemm"
    crops = True
    examples = (
        Convolution(width=9, out=13, size=5, channels=6, filters=7),
        Convolution(width=9, out=17, size=3, channels=6, filters=4, groups=2, dilation=4),
        Convolution(width=20, out=26, size=7, channels=40, filters=3),
    )

    def applies(self, conv: Convolution) -> bool:
        return conv.stride == 1 and conv.groups <= MAX_GROUPS

    def cost(self, conv: Convolution, target: Target) -> Cost:
        numbers = conv.width * conv.size * conv.filters
        cost = product_cost(target, 2 * numbers * conv.channels, 4 * numbers, conv.weights)
        adding = numbers / target.elements if has_short_rows(conv) else 0.0
        return replace(
            cost, seconds=cost.seconds + adding, temporary=4 * numbers + 2 * conv.written
        )

    def prepare(self, conv: Convolution) -> Expr:
        return Expr("gemm_kernel", kwargs={"products": conv.precision} if conv.rounded else {})

    def apply(self, conv: Convolution) -> Expr:
        return Expr("conv1d_gemm", kwargs=conv.options)


def has_short_rows(conv: Convolution) -> bool:
    """Whether the products of a tap are rows so short that adding them takes long."""
    few = conv.filters <= MAX_SHORT_FILTERS < conv.size
    return few and conv.groups == conv.dilation == 1 and conv.width >= MIN_SHORT_WIDTH
