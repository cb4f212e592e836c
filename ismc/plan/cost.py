"""Operations, bytes and seconds of each strategy; an operation is a floating-point add or multiply.

Seconds follow from the rates of a machine. The default rates are those of a small CPU, so that a
plan does not depend on the machine that makes it; `using_rates` replaces them by measured rates.
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
    from ismc.ir.graph import Layer, Shape  # artifacts run without networkx
    from ismc.rules import Products

MIN_SECONDS_PER_THREAD = 5e-3  # predicted time of the sites of a thread
BLOCK, MAX_FILTERS_FOR_BLOCKS = 8, 4  # positions, filters; see `ismc.runtime.blocks`
MAX_POINTS = 8  # of a product of polynomials; see `ismc.runtime.toom`
MIN_PAIR_LENGTH = 16  # positions of each block of a pair; see `ismc.runtime.pairs`
UNFUSED_SPEEDS = ("gemm", "overlap")  # ways that write each product to memory; see `speed`
MIN_PAIR_CHANNELS = 32  # for pairs; Toom-Cook groups need more channels than this


@dataclass(frozen=True)
class Rates:
    """How fast a machine is.

    Attributes:
        gemm: operations per second of matrix products.
        convolution: operations per second of the library's convolution of short differences.
        full: operations per second of the library's convolution of whole sequences.
        elements: elements per second of element-wise functions.
        bytes: bytes per second read or written beyond the cache.
        cache: bytes of cache per core.
    """

    gemm: float = 4e11
    convolution: float = 1.4e11
    full: float = 3e11
    elements: float = 4e9
    bytes: float = 1.2e10
    cache: float = 4e6


_RATES: ContextVar[Rates] = ContextVar("rates", default=Rates())  # noqa: B039  (it is frozen)


def rates() -> Rates:
    """The rates that seconds are computed from."""
    return _RATES.get()


@contextmanager
def using_rates(machine: Rates) -> Iterator[None]:
    """Within this context, costs are computed from these rates."""
    token = _RATES.set(machine)
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


def elements(count: int, per_element: int = 1) -> Cost:
    """An element-wise function, fused with its neighbours."""
    return Cost(count * per_element, count / rates().elements, 4 * count)


def kernel(layer: Layer, shape: Shape) -> tuple[int, int, int, int]:
    """``(K, C per group, F, groups)`` of a convolution or Dense on inputs of ``shape``."""
    size = layer.config.get("kernel_size", (1,))[0]
    groups = layer.config.get("groups", 1)
    return size, shape[-1] // groups, layer.shape[-1], groups


def speed(name: str) -> float:
    """Operations per second of products that run in this way; see `ismc.rules.Products`.

    Products by channel are not matrix products. Their factors are measured relative to `conv1d`
    and `dense` on a CPU.
    """
    machine = rates()
    return {
        "gemm": machine.gemm,
        "convolution": machine.convolution,
        "whole": machine.full,
        "overlap": machine.gemm / 2,  # followed by an overlap-add
        "by channel": machine.elements * 4,  # fused multiply-adds
        "library by channel": machine.elements / 4,  # the library's grouped convolution
        "recurrent": machine.gemm / 4,
        "attention": machine.gemm / 2,
    }[name]


def cost_in_full(products: Products, shape: Shape, inputs: Sequence[Shape]) -> Cost:
    """A layer with these products on whole values; shapes are without the batch axis."""
    count = prod(shape)
    if not products.full:
        return elements(max([count, *map(prod, inputs)]))
    operations = 2 * products.full
    seconds = operations / speed(products.speed)
    return Cost(operations, seconds, 4 * (count + products.between), 4 * products.weights)


def local(products: Products, pairs: int, written: int, flanks: bool) -> Cost:
    """The products on changed positions.

    Args:
        products: the products of the layer.
        pairs: pairs of a changed position and an output that reads it.
        written: numbers that are written.
        flanks: whether the padding around the positions is computed as well.
    """
    operations = 2 * pairs * (products.tap if flanks else products.pair)
    return Cost(operations, operations / speed(products.local), 4 * written, 4 * products.weights)


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
    """Groups of positions and groups of taps that are multiplied; see `ismc.runtime.toom`.

    Attributes:
        positions: positions of a group; the last group is padded with zeros.
        groups: groups of positions.
        taps: taps of a large group; a small group has one tap less.
        large: large groups of taps.
        small: small groups of taps.
        ungrouped: whether the last position is in no group and is multiplied with each tap.
    """

    positions: int
    groups: int
    taps: int
    large: int
    small: int
    ungrouped: bool

    @property
    def sizes(self) -> list[int]:
        """Taps of each group of taps, large groups first."""
        return [self.taps] * self.large + [self.taps - 1] * self.small

    @property
    def products(self) -> int:
        """Products of channels with filters; direct products would be ``width * size``."""
        points = sum(self.positions + size - 1 for size in self.sizes)
        return self.groups * points + self.ungrouped * sum(self.sizes)


@cache
def toom(width: int, size: int) -> Toom:
    """The groups that take the fewest products with at most `MAX_POINTS` points.

    >>> toom(13, 7)
    Toom(positions=5, groups=3, taps=4, large=1, small=1, ungrouped=False)
    >>> toom(13, 7).products
    45
    """
    candidates = []
    for count in range(1, size):
        taps = ceil(size / count)
        for positions in range(2, MAX_POINTS + 2 - taps):
            for ungrouped in {False, width % positions == 1 and width > positions}:
                groups = ceil((width - ungrouped) / positions)
                large = size - count * (taps - 1)
                candidates.append(Toom(positions, groups, taps, large, count - large, ungrouped))
    return min(candidates, key=lambda groups: (groups.products, groups.positions + groups.taps))


def convolution(
    layer: Layer, shape: Shape, width: int, out: int, exact: bool = True
) -> dict[str, Cost]:
    """The cost of each strategy for a convolution, by name.

    Args:
        layer: the convolution.
        shape: the shape of its input, without the batch axis.
        width: changed positions of the input.
        out: changed positions of the output.
        exact: whether operands keep float32; sums of rounded operands must not cancel.
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
    if (
        groups == 1
        and dilation == 1
        and filters <= MAX_FILTERS_FOR_BLOCKS < size
        and width >= BLOCK
    ):
        adding = products // 4 / rates().elements  # short rows, one for each tap
        forms["gemm"] = replace(forms["gemm"], seconds=gemm.seconds + adding)
        forms["blocks"] = _blocks(width, size, channels, filters, weights, written)
    # with fewer channels the sums of the scheme take longer than the products that it saves
    wide = groups == 1 and exact and min(channels, filters) > MIN_PAIR_CHANNELS
    if wide and dilation == 1 and width >= 4 and size >= 3:
        forms["toom"] = _toom(width, size, channels, filters, weights, written)
    block = min(dilation, width - dilation)
    if (
        groups == 1
        and size == 3
        and block >= MIN_PAIR_LENGTH
        and min(channels, filters) >= MIN_PAIR_CHANNELS
        and exact
    ):
        forms["pairs"] = _pairs(width, dilation, channels, filters, weights, written)
    if groups == 1 and width <= 8:
        banded = 2 * width * channels * reach * filters
        forms["toeplitz"] = _product(banded, rates().gemm / 2, 4 * reach * filters, weights * width)
    if groups == 1 and channels * width <= 8 and dilation == 1:
        work = 2 * width * size * channels * filters
        forms["outer"] = Cost(work, work / rates().elements / 4, 0, weights)
    return forms


def _toom(width: int, size: int, channels: int, filters: int, weights: int, written: int) -> Cost:
    """As many products as the groups need; see `ismc.runtime.toom`."""
    groups = toom(width, size)
    operations = 2 * channels * filters * groups.products
    values = groups.groups * (groups.positions + groups.taps - 1)
    temporaries = 2 * groups.products * filters + values * channels  # products, coefficients, sums
    seconds = operations / rates().gemm + temporaries / rates().elements
    return Cost(operations, seconds, 4 * temporaries + 2 * written, 2 * weights)


def _pairs(
    width: int, dilation: int, channels: int, filters: int, weights: int, written: int
) -> Cost:
    """Four products for two positions and three taps; see `ismc.runtime.pairs`."""
    unpaired = width % (2 * dilation) if width >= 2 * dilation else 2 * dilation - width
    paired = 2 * (width - unpaired)
    products = paired + 3 * unpaired
    operations = 2 * channels * filters * products
    cost = _product(operations, rates().gemm, 4 * products * filters, 2 * weights)
    return replace(cost, temporary=4 * (products * filters + paired * channels) + 2 * written)


def _blocks(width: int, size: int, channels: int, filters: int, weights: int, written: int) -> Cost:
    """Each block of positions with all positions that it reaches; see `ismc.runtime.blocks`."""
    rows, reached = ceil(width / BLOCK), ceil((BLOCK + size - 1) / BLOCK)
    products = rows * reached * BLOCK * filters
    operations = 2 * BLOCK * channels * products
    cost = _product(operations, rates().gemm, 4 * products, weights * BLOCK)
    adding = products / rates().elements
    return replace(cost, seconds=cost.seconds + adding, temporary=4 * products + 2 * written)


def _product(operations: int, rate: float, written: int, weights: int) -> Cost:
    return Cost(operations, operations / rate + 2 * written / rates().bytes / 4, written, weights)
