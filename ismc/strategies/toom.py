"""Convolution of a difference with fewer products: Toom-Cook on groups of positions and of taps.

Positions are the coefficients of one polynomial and taps those of another. Their convolution is the
product of the two, which is determined by its values at as many points as it has coefficients
(Toom and Cook; Winograd's filtering is the transpose). Four positions and four taps take seven
products instead of sixteen. The sums of positions are computed in the tile, those of taps before
the loop. `best_groups` chooses the groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, reduce
from math import ceil
from operator import add

import numpy as np
import tensorflow as tf

from ismc.plan.cost import Cost
from ismc.plan.target import Target
from ismc.rules.base import Expr
from ismc.runtime.overlap import add_pieces
from ismc.runtime.products import batched_product, matmul_taps, pad_columns, product
from ismc.runtime.types import Tensor, Weights
from ismc.strategies.base import Convolution, Strategy

MIN_WIDTH, MIN_SIZE = 4, 3  # changed positions, taps
MAX_NARROW_CHANNELS = 32  # or filters: so few, and the sums take longer than the products saved
MAX_POINTS = 8  # of a product of polynomials
MAX_SEPARATE_GROUPS = 4  # of positions, for one piece per group
POINTS = (0.0, np.inf, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)  # n coefficients use the first n

Array = np.ndarray


class Toom(Strategy):
    """As few products as groups of positions and of taps need."""

    name = "toom"
    slow_to_compile = cancels = True
    examples = (
        Convolution(width=13, out=19, size=7, channels=33, filters=34),
        Convolution(width=4, out=6, size=3, channels=40, filters=33),
        Convolution(width=41, out=65, size=25, channels=33, filters=33),
    )

    def applies(self, conv: Convolution) -> bool:
        wide = min(conv.channels, conv.filters) > MAX_NARROW_CHANNELS
        long = conv.width >= MIN_WIDTH and conv.size >= MIN_SIZE
        return wide and long and conv.stride == conv.groups == conv.dilation == 1

    def cost(self, conv: Convolution, target: Target) -> Cost:
        groups = best_groups(conv.width, conv.size)
        operations = 2 * conv.channels * conv.filters * groups.products
        values = groups.groups * (groups.positions + groups.taps - 1)
        # products, coefficients, sums
        temporaries = 2 * groups.products * conv.filters + values * conv.channels
        seconds = operations / target.gemm + temporaries / target.elements
        return Cost(operations, seconds, 4 * temporaries + 2 * conv.written, 2 * conv.weights)

    def prepare(self, conv: Convolution) -> Expr:
        return Expr("toom_kernel", (conv.width,))

    def apply(self, conv: Convolution) -> Expr:
        del conv
        return Expr("conv1d_toom")


@dataclass(frozen=True)
class Groups:
    """Groups of positions and groups of taps that are multiplied; see `conv1d_toom`.

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
def best_groups(width: int, size: int) -> Groups:
    """The groups that take the fewest products with at most `MAX_POINTS` points.

    >>> best_groups(13, 7)
    Groups(positions=5, groups=3, taps=4, large=1, small=1, ungrouped=False)
    >>> best_groups(13, 7).products
    45
    """
    candidates = []
    for count in range(1, size):
        taps = ceil(size / count)
        for positions in range(2, MAX_POINTS + 2 - taps):
            for ungrouped in {False, width % positions == 1 and width > positions}:
                groups = ceil((width - ungrouped) / positions)
                large = size - count * (taps - 1)
                candidates.append(Groups(positions, groups, taps, large, count - large, ungrouped))
    return min(candidates, key=lambda groups: (groups.products, groups.positions + groups.taps))


def toom_kernel(w: Weights, width: int) -> Weights:
    """The kernel ``[K, C, F]`` transformed for `conv1d_toom` of ``width`` positions.

    ``values`` are ``[points, C, groups of taps * F]``. Groups with an extra tap also have
    an extra point, whose values are ``more``. ``columns`` are all taps.
    """
    if "values" in w:
        return w
    taps = tf.unstack(w["kernel"][::-1])
    groups = best_groups(width, len(taps))
    parts = [taps[i : i + size] for i, size in _taps(groups)]
    matrices = [_points(groups.positions, len(part))[1] for part in parts]
    points = min(len(matrix) for matrix in matrices)
    values = [
        [_sum(row, part) for row in matrix] for matrix, part in zip(matrices, parts, strict=True)
    ]
    kernels = [pad_columns(tf.concat([v[i] for v in values], 1)) for i in range(points)]
    more = [v[points] for v in values if len(v) > points]
    return {
        "kernel": w["kernel"],
        "values": tf.stack(kernels),
        "columns": pad_columns(tf.concat(taps, 1)),
        **({"more": pad_columns(tf.concat(more, 1))} if more else {}),
    }


def conv1d_toom(d: Tensor, w: Weights) -> Tensor:
    """Convolution of ``[N, W, C]``, each position with every tap: ``[N, W + K - 1, F]``."""
    count, width, channels = d.shape
    w = toom_kernel(w, width)
    size, _, filters = w["kernel"].shape
    groups = best_groups(width, size)
    grouped = d[:, : width - 1] if groups.ungrouped else d
    missing = groups.groups * groups.positions - grouped.shape[1]
    padded = tf.pad(grouped, [[0, 0], [0, missing], [0, 0]]) if missing else grouped
    shape = [count, groups.groups, groups.positions, channels]
    positions = tf.unstack(tf.reshape(padded, shape), axis=2)
    values = [_sum(row, positions) for row in _points(groups.positions, groups.taps)[0]]
    points = w["values"].shape[0]
    columns = len(groups.sizes) * filters
    products = batched_product(values[:points], w["values"], columns)
    if "more" in w:
        flat = tf.reshape(values[points], [-1, channels])
        more = product(flat, w["more"])[:, : groups.large * filters]
        products.append(tf.reshape(more, [count, groups.groups, groups.large * filters]))
    pieces = []
    for g, (start, taps) in enumerate(_taps(groups)):
        matrix = _points(groups.positions, taps)[2]
        values_at = [y[..., g * filters : (g + 1) * filters] for y in products[: len(matrix)]]
        pieces += _offset_pieces(start, [_sum(row, values_at) for row in matrix], groups)
    if groups.ungrouped:
        last = matmul_taps(d[:, width - 1 :], w["columns"], (size, filters))
        pieces.append((width - 1, last[:, 0]))
    return add_pieces(pieces, width + size - 1)


def _offset_pieces(start: int, values: list[Tensor], groups: Groups) -> list[tuple[int, Tensor]]:
    """The offsets and pieces of the result, from coefficients ``[N, groups, F]``.

    Few groups give one piece each. With many groups, the coefficients at the same offset in each
    group of outputs form one piece, so the number of pieces does not grow with the width.
    """
    count, group_count, filters = values[0].shape
    if group_count <= MAX_SEPARATE_GROUPS:
        y = tf.stack(values, 2)
        return [(groups.positions * i + start, y[:, i]) for i in range(group_count)]
    before = start % groups.positions
    after = -(before + len(values)) % groups.positions
    zeros = tf.zeros_like(values[0])
    y = tf.stack([zeros] * before + values + [zeros] * after, 2)
    rows = tf.split(y, y.shape[2] // groups.positions, 2)
    return [
        (start - before + groups.positions * i, tf.reshape(row, [count, -1, filters]))
        for i, row in enumerate(rows)
    ]


def _taps(groups: Groups) -> list[tuple[int, int]]:
    """The first tap and the size of each group of taps."""
    return [(sum(groups.sizes[:i]), size) for i, size in enumerate(groups.sizes)]


@cache
def _points(positions: int, taps: int) -> tuple[Array, Array, Array]:
    """Matrices from positions to values, from taps to values, and from products to coefficients.

    Values of positions are sums of integer multiples. In the coefficients, no product has a factor
    above 1. The values of taps compensate for both scales.
    """
    points = POINTS[: positions + taps - 1]
    position_powers, tap_powers, product_powers = (
        _powers(points, n) for n in (positions, taps, positions + taps - 1)
    )
    scale = np.array([2.0 ** (positions - 1) if 0 < abs(p) < 1 else 1.0 for p in points])[:, None]
    inverse = np.linalg.inv(product_powers)
    largest = np.abs(inverse).max(0)
    return position_powers * scale, tap_powers / scale * largest[:, None], inverse / largest


def _powers(points: tuple[float, ...], count: int) -> Array:
    """The first ``count`` powers of each point; at infinity only the highest counts."""
    return np.array(
        [[float(j == count - 1) if np.isinf(p) else p**j for j in range(count)] for p in points]
    )


def _sum(factors: Array, values: list[Tensor]) -> Tensor:
    """The sum of multiples of values, without the terms whose factor is zero."""
    terms = [v if f == 1 else f * v for f, v in zip(factors, values, strict=True) if abs(f) > 1e-12]
    return reduce(add, terms)
