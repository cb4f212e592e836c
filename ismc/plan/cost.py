"""Operations, bytes and seconds; an operation is a floating-point add or multiply.

Seconds follow from the numbers of a `Target`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from ismc.plan.target import Target

if TYPE_CHECKING:
    from ismc.ir.graph import Layer, Shape  # artifacts run without networkx
    from ismc.rules import Products

MIN_SECONDS_PER_THREAD = 5e-3  # predicted time of the sites of a thread
UNFUSED_SPEEDS = ("gemm", "overlap")  # ways that write each product to memory; see `Target.speed`


@dataclass(frozen=True)
class Cost:
    """What one mutant costs.

    Attributes:
        operations: floating-point operations.
        seconds: predicted time.
        temporary: bytes of the largest array that is written.
        weights: bytes of weights that every tile reads.
    """

    operations: int
    seconds: float
    temporary: int = 0
    weights: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.operations + other.operations,
            self.seconds + other.seconds,
            max(self.temporary, other.temporary),
            self.weights + other.weights,
        )

    @property
    def half(self) -> Cost:
        """Half of the cost: on average, half of the positions follow a site."""
        return Cost(self.operations // 2, self.seconds / 2, self.temporary, self.weights)


def elements(target: Target, count: int) -> Cost:
    """An element-wise function, fused with its neighbours."""
    return Cost(count, count / target.elements, 4 * count)


def cost_in_full(target: Target, products: Products, shape: Shape, inputs: Sequence[Shape]) -> Cost:
    """A layer with these products on whole values; shapes are without the batch axis."""
    count = prod(shape)
    if not products.full:
        return elements(target, max([count, *map(prod, inputs)]))
    operations = 2 * products.full
    seconds = operations / target.speed(products.speed)
    return Cost(operations, seconds, 4 * (count + products.between), 4 * products.weights)


def local(target: Target, products: Products, pairs: int, written: int, flanks: bool) -> Cost:
    """The products on changed positions.

    Args:
        target: the device.
        products: the products of the layer.
        pairs: pairs of a changed position and an output that reads it.
        written: numbers that are written.
        flanks: whether the padding around the positions is computed as well.
    """
    operations = 2 * pairs * (products.tap if flanks else products.pair)
    return Cost(
        operations, operations / target.speed(products.local), 4 * written, 4 * products.weights
    )


def dense_cost(target: Target, width: int, layer: Layer, inputs: tuple[Layer, ...]) -> Cost:
    """Dense on ``width`` positions, or after Flatten on ``width`` rows of its kernel."""
    rows = width if len(inputs[0].shape) == 1 else width * inputs[0].shape[-1]
    operations = 2 * rows * layer.shape[-1]
    out = layer.shape[-1] if len(inputs[0].shape) == 1 else width * layer.shape[-1]
    return Cost(
        operations, operations / target.gemm, 4 * max(out, rows), 4 * rows * layer.shape[-1]
    )


def product_cost(
    target: Target, operations: int, written: int, weights: int, rate: float = 0.0
) -> Cost:
    """Products that are written to memory, at the rate of matrix products or another."""
    seconds = operations / (rate or target.gemm) + 2 * written / target.bytes / 4
    return Cost(operations, seconds, written, weights)
