"""Convolution of a difference with fewer products: a group of positions meets a group of taps.

Positions are the coefficients of a polynomial, taps those of another, and what they give is the
product of the two, known from its values at as many points as it has coefficients (Toom and Cook;
Winograd's filtering is its transpose). Four positions and four taps take seven products in place
of sixteen, on sums that are made of positions in the tile and of taps before the loop.
`ismc.plan.cost.toom` chooses the groups.
"""

from __future__ import annotations

from functools import cache, reduce
from operator import add

import numpy as np
import tensorflow as tf

from ismc.plan.cost import Toom, toom
from ismc.runtime.overlap import add_pieces
from ismc.runtime.products import batched_product, matmul_taps, pad_columns, product
from ismc.runtime.types import Tensor, Weights

FEW = 4  # groups of positions
POINTS = (0.0, np.inf, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)  # the first so many are taken

Array = np.ndarray


def toom_kernel(w: Weights, width: int) -> Weights:
    """The kernel ``[K, C, F]`` as `conv1d_toom` takes it for ``width`` positions; made once.

    ``values`` are ``[points, C, groups of taps * F]``. Where some groups have a tap more than
    others they have a point more, whose values are ``more``. ``columns`` are all taps.
    """
    if "values" in w:
        return w
    taps = tf.unstack(w["kernel"][::-1])
    groups = toom(width, len(taps))
    parts = [taps[i : i + size] for i, size in _taps(groups)]
    matrices = [_points(groups.positions, len(part))[1] for part in parts]
    points = min(len(matrix) for matrix in matrices)
    values = [
        [_sum(row, part) for row in matrix] for matrix, part in zip(matrices, parts, strict=True)
    ]
    found = [pad_columns(tf.concat([v[i] for v in values], 1)) for i in range(points)]
    more = [v[points] for v in values if len(v) > points]
    return {
        "kernel": w["kernel"],
        "values": tf.stack(found),
        "columns": pad_columns(tf.concat(taps, 1)),
        **({"more": pad_columns(tf.concat(more, 1))} if more else {}),
    }


def conv1d_toom(d: Tensor, w: Weights) -> Tensor:
    """Convolution of ``[N, W, C]``, each position with every tap: ``[N, W + K - 1, F]``."""
    count, width, channels = d.shape
    w = toom_kernel(w, width)
    size, _, filters = w["kernel"].shape
    groups = toom(width, size)
    grouped = d[:, : width - 1] if groups.ungrouped else d
    short = groups.groups * groups.positions - grouped.shape[1]
    filled = tf.pad(grouped, [[0, 0], [0, short], [0, 0]]) if short else grouped
    shape = [count, groups.groups, groups.positions, channels]
    positions = tf.unstack(tf.reshape(filled, shape), axis=2)
    values = [_sum(row, positions) for row in _points(groups.positions, groups.taps)[0]]
    points = w["values"].shape[0]
    columns = len(groups.sizes) * filters
    found = batched_product(values[:points], w["values"], columns)
    if "more" in w:
        flat = tf.reshape(values[points], [-1, channels])
        more = product(flat, w["more"])[:, : groups.large * filters]
        found.append(tf.reshape(more, [count, groups.groups, groups.large * filters]))
    pieces = []
    for g, (start, taps) in enumerate(_taps(groups)):
        matrix = _points(groups.positions, taps)[2]
        there = [y[..., g * filters : (g + 1) * filters] for y in found[: len(matrix)]]
        pieces += _landing(start, [_sum(row, there) for row in matrix], groups)
    if groups.ungrouped:
        last = matmul_taps(d[:, width - 1 :], w["columns"], (size, filters))
        pieces.append((width - 1, last[:, 0]))
    return add_pieces(pieces, width + size - 1)


def _landing(start: int, values: list[Tensor], groups: Toom) -> list[tuple[int, Tensor]]:
    """Where the coefficients ``[N, groups, F]`` of each group of positions land, and what does.

    A piece for each of few groups. Of many, what lands at one place of each group of outputs is
    brought together, so that the number of pieces does not grow with the width.
    """
    count, number, filters = values[0].shape
    if number <= FEW:
        y = tf.stack(values, 2)
        return [(groups.positions * i + start, y[:, i]) for i in range(number)]
    before = start % groups.positions
    behind = -(before + len(values)) % groups.positions
    none = tf.zeros_like(values[0])
    y = tf.stack([none] * before + values + [none] * behind, 2)
    rows = tf.split(y, y.shape[2] // groups.positions, 2)
    return [
        (start - before + groups.positions * i, tf.reshape(row, [count, -1, filters]))
        for i, row in enumerate(rows)
    ]


def _taps(groups: Toom) -> list[tuple[int, int]]:
    """The first tap and the size of each group of taps."""
    return [(sum(groups.sizes[:i]), size) for i, size in enumerate(groups.sizes)]


@cache
def _points(positions: int, taps: int) -> tuple[Array, Array, Array]:
    """Matrices from positions to values, from taps to values, and from products to coefficients.

    Values of positions are sums of whole multiples; what coefficients take of a product is at most
    one of it, and the values of taps make up for both.
    """
    points = POINTS[: positions + taps - 1]
    ours, theirs, both = (_powers(points, n) for n in (positions, taps, positions + taps - 1))
    whole = np.array([2.0 ** (positions - 1) if 0 < abs(p) < 1 else 1.0 for p in points])[:, None]
    inverse = np.linalg.inv(both)
    largest = np.abs(inverse).max(0)
    return ours * whole, theirs / whole * largest[:, None], inverse / largest


def _powers(points: tuple[float, ...], count: int) -> Array:
    """The values of ``count`` powers at each point; at infinity the highest alone counts."""
    return np.array(
        [[float(j == count - 1) if np.isinf(p) else p**j for j in range(count)] for p in points]
    )


def _sum(factors: Array, values: list[Tensor]) -> Tensor:
    """Multiples of values, added up; what is taken no time is left out."""
    terms = [v if f == 1 else f * v for f, v in zip(factors, values, strict=True) if abs(f) > 1e-12]
    return reduce(add, terms)
