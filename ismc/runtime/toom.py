"""Convolution of a difference with fewer products: four positions meet three taps in six.

Positions are the coefficients of a polynomial, taps those of another, and what they give is the
product of the two: degree 5, known from its values at 0, 1, -1, 2, -2 and infinity (Toom and Cook;
Winograd's filtering is its transpose). Twelve products become six, on sums that are made of
positions in the tile and of taps before the loop.
"""

from __future__ import annotations

from math import ceil

import tensorflow as tf

from ismc.runtime.overlap import add_pieces
from ismc.runtime.products import in_columns, with_taps
from ismc.runtime.types import Tensor, Weights

POSITIONS, TAPS = 4, 3


def toom_taps(w: Weights) -> Weights:
    """The kernel ``[K, C, F]`` as `conv1d_toom` takes it: each ``[C, K / 3 * F]``; made once.

    The values at 1 and -1, and at 2 and -2, are halved: sums and differences need them so.
    """
    if "at_0" in w:
        return w
    taps: list[Tensor] = tf.unstack(w["kernel"])[::-1]
    found = {"columns": tf.concat(taps, 1)}
    if len(taps) % TAPS == 1:
        found["alone"] = taps.pop()
    taps += [tf.zeros_like(taps[0])] * (-len(taps) % TAPS)
    first, second, third = (tf.concat(taps[i::TAPS], 1) for i in range(TAPS))
    one, two = (first + third) / 2, (first + 4 * third) / 2
    found |= {
        "at_0": first,
        "at_1": one + second / 2,
        "at_-1": one - second / 2,
        "at_2": two + second,
        "at_-2": two - second,
        "at_infinity": third,
    }
    return {"kernel": w["kernel"]} | {name: in_columns(values) for name, values in found.items()}


def conv1d_toom(d: Tensor, w: Weights) -> Tensor:
    """Convolution of ``[N, W, C]``, each position with every tap: ``[N, W + K - 1, F]``.

    A position too many for groups of four, and a tap too many for groups of three, are multiplied
    by themselves; other groups are filled up with zeros.
    """
    w = toom_taps(w)
    count, width, channels = d.shape
    size, _, filters = w["kernel"].shape
    odd = width % POSITIONS == 1
    grouped = d[:, : width - 1] if odd else d
    filled = tf.pad(grouped, [[0, 0], [0, -grouped.shape[1] % POSITIONS], [0, 0]])
    fours: Tensor = tf.reshape(filled, [count, -1, POSITIONS, channels])
    groups, taps = fours.shape[1], ceil((size - (size % TAPS == 1)) / TAPS)

    def times(d: Tensor, name: str, size: int = taps) -> Tensor:
        return with_taps(d, w[name], (size, filters))

    d0, d1, d2, d3 = tf.unstack(fours, axis=2)
    even, odds, even2, odds2 = d0 + d2, d1 + d3, d0 + 4 * d2, 2 * d1 + 8 * d3
    y0, y5 = times(d0, "at_0"), times(d3, "at_infinity")
    above, below = times(even + odds, "at_1"), times(even - odds, "at_-1")
    above2, below2 = times(even2 + odds2, "at_2"), times(even2 - odds2, "at_-2")
    evens, evens2 = above + below, above2 + below2  # y0 + y2 + y4, y0 + 4 y2 + 16 y4
    others, others2 = above - below, (above2 - below2) / 2  # y1 + y3 + y5, y1 + 4 y3 + 16 y5
    y4 = (evens2 - 4 * evens + 3 * y0) / 12
    y3 = (others2 - others - 15 * y5) / 3
    in_order = [count, groups, taps * TAPS, filters]
    low = tf.reshape(tf.stack([y0, others - y3 - y5, evens - y0 - y4], 3), in_order)
    high = tf.reshape(tf.stack([y3, y4, y5], 3), in_order)
    pieces = []
    for i in range(groups):
        pieces += [(POSITIONS * i, low[:, i]), (POSITIONS * i + TAPS, high[:, i])]
    if "alone" in w:
        pieces.append((size - 1, times(grouped, "alone", 1)[:, :, 0]))
    if odd:
        pieces.append((width - 1, times(d[:, width - 1 :], "columns", size)[:, 0]))
    return add_pieces(pieces, width + size - 1)
