"""Operations and bytes of each strategy. One operation is one floating-point add or multiply.

Seconds follow from the rates of a machine. The default rates are those of a small CPU, so that a
plan does not depend on where it is made; `using_rates` puts measured ones in their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache
from math import ceil, prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ismc.ir.graph import Layer, Shape  # artifacts are run without networkx
    from ismc.rules import Products

WORTH = 5e-3  # predicted seconds of sites that are worth a core of their own
BLOCK, FEW = 8, 4  # positions of a block, and filters that are few; see `ismc.runtime.blocks`
POINTS = 8  # at most, of a product of polynomials; see `ismc.runtime.toom`
LONG = 16  # least positions of a pair of blocks; see `ismc.runtime.pairs`
WRITTEN = ("gemm", "overlap")  # ways of products that are written one by one; see `speed`
MANY = 32  # channels that pairs need at least, and groups of positions exceed


@dataclass(frozen=True)
class Rates:
    """How fast a machine is.

    Attributes:
        gemm: operations per second of matrix products.
        convolution: operations per second of the library's convolution of short differences.
        full: operations per second of the library's convolution of whole sequences.
        elements: elements per second of functions of single elements.
        bytes: bytes per second read or written beyond the cache.
        cache: bytes that the cache holds for each core.
    """

    gemm: float = 4e11
    convolution: float = 1.4e11
    full: float = 3e11
    elements: float = 4e9
    bytes: float = 1.2e10
    cache: float = 4e6


_RATES: ContextVar[Rates] = ContextVar("rates", default=Rates())  # noqa: B039  (it is frozen)


def rates() -> Rates:
    """The rates that seconds follow from."""
    return _RATES.get()


@contextmanager
def using_rates(found: Rates) -> Iterator[None]:
    """Inside, costs are those of a machine with these rates."""
    token = _RATES.set(found)
    try:
        yield
    finally:
        _RATES.reset(token)


@dataclass(frozen=True)
class Cost:
    """What one mutant costs.

    Attributes:
        operations: floating-point operations.
        seconds: predicted time.
        temporary: bytes of the largest array that is written.
        weights: bytes of weights that every tile reads again.
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
        """Half of it: what is left on average after a site."""
        return Cost(self.operations // 2, self.seconds / 2, self.temporary, self.weights)


def elements(count: int, per_element: int = 1) -> Cost:
    """A function of single elements, fused with its neighbours."""
    return Cost(count * per_element, count / rates().elements, 4 * count)


def kernel(layer: Layer, shape: Shape) -> tuple[int, int, int, int]:
    """``(K, C per group, F, groups)`` of a convolution or Dense on inputs of ``shape``."""
    size = layer.config.get("kernel_size", (1,))[0]
    groups = layer.config.get("groups", 1)
    return size, shape[-1] // groups, layer.shape[-1], groups


def speed(name: str) -> float:
    """Operations per second of products that run in one of these ways.

    Those by channel are no matrix products. Measured beside `conv1d` and `dense`, on a CPU.
    """
    found = rates()
    return {
        "gemm": found.gemm,
        "convolution": found.convolution,
        "whole": found.full,
        "overlap": found.gemm / 2,  # products that are added where they land
        "by channel": found.elements * 4,  # multiply-adds that are fused
        "library by channel": found.elements / 4,  # the library's grouped convolution
        "recurrent": found.gemm / 4,
        "attention": found.gemm / 2,
    }[name]


def cost_in_full(found: Products, shape: Shape, inputs: Sequence[Shape]) -> Cost:
    """A layer of these products, from values of these shapes to one, without the batch axis."""
    count = prod(shape)
    if not found.full:
        return elements(max([count, *map(prod, inputs)]))
    operations = 2 * found.full
    seconds = operations / speed(found.speed)
    return Cost(operations, seconds, 4 * (count + found.between), 4 * found.weights)


def local(found: Products, pairs: int, written: int, beside: bool) -> Cost:
    """So many pairs of a changed position and an answer that reads it, and numbers written.

    ``beside`` says that padding beside the positions is computed as well.
    """
    operations = 2 * pairs * (found.tap if beside else found.pair)
    return Cost(operations, operations / speed(found.local), 4 * written, 4 * found.weights)


def dense_cost(width: int, layer: Layer, inputs: tuple[Layer, ...]) -> Cost:
    """Dense on ``width`` positions, or after Flatten on ``width`` rows of its kernel."""
    rows = width if len(inputs[0].shape) == 1 else width * inputs[0].shape[-1]
    operations = 2 * rows * layer.shape[-1]
    out = layer.shape[-1] if len(inputs[0].shape) == 1 else width * layer.shape[-1]
    return Cost(
        operations, operations / rates().gemm, 4 * max(out, rows), 4 * rows * layer.shape[-1]
    )


@dataclass(frozen=True)
class Toom:
    """Groups of positions that meet groups of taps; see `ismc.runtime.toom`.

    Attributes:
        positions: of a group; the last group is filled up with zeros.
        groups: of positions.
        taps: of a large group; a small one has one less.
        large: groups of taps that are large.
        small: groups of taps that are small.
        ungrouped: whether the last position is in no group, and meets the taps one by one.
    """

    positions: int
    groups: int
    taps: int
    large: int
    small: int
    ungrouped: bool

    @property
    def sizes(self) -> list[int]:
        """Taps of each group of taps, large ones first."""
        return [self.taps] * self.large + [self.taps - 1] * self.small

    @property
    def products(self) -> int:
        """Products of channels with filters; ``width * size`` would be all of them."""
        points = sum(self.positions + size - 1 for size in self.sizes)
        return self.groups * points + self.ungrouped * sum(self.sizes)


@cache
def toom(width: int, size: int) -> Toom:
    """The groups that take the fewest products, of those whose values few points give.

    >>> toom(13, 7)
    Toom(positions=5, groups=3, taps=4, large=1, small=1, ungrouped=False)
    >>> toom(13, 7).products
    45
    """
    found = []
    for number in range(1, size):
        taps = ceil(size / number)
        for positions in range(2, POINTS + 2 - taps):
            for ungrouped in {False, width % positions == 1 and width > positions}:
                groups = ceil((width - ungrouped) / positions)
                large = size - number * (taps - 1)
                found.append(Toom(positions, groups, taps, large, number - large, ungrouped))
    return min(found, key=lambda one: (one.products, one.positions + one.taps))


def convolution(
    layer: Layer, shape: Shape, width: int, out: int, exact: bool = True
) -> dict[str, Cost]:
    """Every form of a convolution from ``width`` changed positions to ``out``, by name.

    Not ``exact`` are products of rounded operands, whose sums must not cancel.
    """
    size, channels, filters, groups = kernel(layer, shape)
    (stride,) = layer.config.get("strides", (1,))
    (dilation,) = layer.config.get("dilation_rate", (1,))
    reach = width + (size - 1) * dilation
    weights = 4 * size * channels * filters
    written = 4 * out * filters
    forms = {
        "conv": _product(2 * out * size * channels * filters, rates().convolution, written, weights)
    }
    if stride > 1 or groups > 8:
        return forms
    products = 4 * width * size * filters
    gemm = _product(2 * width * size * channels * filters, rates().gemm, products, weights)
    forms["gemm"] = replace(gemm, temporary=products + 2 * written)
    if groups == 1 and dilation == 1 and filters <= FEW < size and width >= BLOCK:
        adding = products // 4 / rates().elements  # rows of few filters, one for each tap
        forms["gemm"] = replace(forms["gemm"], seconds=gemm.seconds + adding)
        forms["blocks"] = _blocks(width, size, channels, filters, weights, written)
    wide = groups == 1 and exact and min(channels, filters) > MANY  # else sums take too long
    if wide and dilation == 1 and width >= 4 and size >= 3:
        forms["toom"] = _toom(width, size, channels, filters, weights, written)
    block = min(dilation, width - dilation)
    if groups == 1 and size == 3 and block >= LONG and min(channels, filters) >= MANY and exact:
        forms["pairs"] = _pairs(width, dilation, channels, filters, weights, written)
    if groups == 1 and width <= 8:
        banded = 2 * width * channels * reach * filters
        forms["toeplitz"] = _product(banded, rates().gemm / 2, 4 * reach * filters, weights * width)
    if groups == 1 and channels * width <= 8 and dilation == 1:
        work = 2 * width * size * channels * filters
        forms["outer"] = Cost(work, work / rates().elements / 4, 0, weights)
    return forms


def _toom(width: int, size: int, channels: int, filters: int, weights: int, written: int) -> Cost:
    """As many products as the scheme says; see `ismc.runtime.toom`."""
    found = toom(width, size)
    operations = 2 * channels * filters * found.products
    values = found.groups * (found.positions + found.taps - 1)
    between = 2 * found.products * filters + values * channels  # products, coefficients, sums
    seconds = operations / rates().gemm + between / rates().elements
    return Cost(operations, seconds, 4 * between + 2 * written, 2 * weights)


def _pairs(
    width: int, dilation: int, channels: int, filters: int, weights: int, written: int
) -> Cost:
    """Four products for each two positions and three taps; see `ismc.runtime.pairs`."""
    rest = width % (2 * dilation) if width >= 2 * dilation else 2 * dilation - width
    met = 2 * (width - rest)
    products = met + 3 * rest
    operations = 2 * channels * filters * products
    found = _product(operations, rates().gemm, 4 * products * filters, 2 * weights)
    return replace(found, temporary=4 * (products * filters + met * channels) + 2 * written)


def _blocks(width: int, size: int, channels: int, filters: int, weights: int, written: int) -> Cost:
    """Each block of positions with all that it reaches; see `ismc.runtime.blocks`."""
    rows, reached = ceil(width / BLOCK), ceil((BLOCK + size - 1) / BLOCK)
    products = rows * reached * BLOCK * filters
    operations = 2 * BLOCK * channels * products
    found = _product(operations, rates().gemm, 4 * products, weights * BLOCK)
    adding = products / rates().elements
    return replace(found, seconds=found.seconds + adding, temporary=4 * products + 2 * written)


def _product(operations: int, rate: float, written: int, weights: int) -> Cost:
    return Cost(operations, operations / rate + 2 * written / rates().bytes / 4, written, weights)
