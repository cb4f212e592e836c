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
from ismc.runtime.products import in_batch, in_columns, with_taps
from ismc.runtime.types import Tensor, Weights

POSITIONS, TAPS = 4, 3


def toom_taps(w: Weights) -> Weights:
    """The kernel ``[K, C, F]`` as `conv1d_toom` takes it; made once.

    ``values`` are ``[6, C, K / 3 * F]``, at 0, infinity, 1, -1, 2 and -2; the last four are halved:
    sums and differences need them so. ``columns`` are all taps, ``alone`` is one too many.
    """
    if "values" in w:
        return w
    taps: list[Tensor] = tf.unstack(w["kernel"])[::-1]
    found = {"columns": tf.concat(taps, 1)}
    if len(taps) % TAPS == 1:
        found["alone"] = taps.pop()
    taps += [tf.zeros_like(taps[0])] * (-len(taps) % TAPS)
    first, second, third = (tf.concat(taps[i::TAPS], 1) for i in range(TAPS))
    one, two = (first + third) / 2, (first + 4 * third) / 2
    halves = [one + second / 2, one - second / 2, two + second, two - second]
    values = [in_columns(kernel) for kernel in (first, third, *halves)]
    found = {name: in_columns(kernel) for name, kernel in found.items()}
    return {"kernel": w["kernel"], "values": tf.stack(values), **found}


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
    d0, d1, d2, d3 = tf.unstack(fours, axis=2)
    even, odds, even2, odds2 = d0 + d2, d1 + d3, d0 + 4 * d2, 2 * d1 + 8 * d3
    values = [d0, d3, even + odds, even - odds, even2 + odds2, even2 - odds2]
    found = in_batch(values, w["values"], taps * filters)
    y0, y5, above, below, above2, below2 = (
        tf.reshape(y, [count, groups, taps, filters]) for y in found
    )
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
        pieces.append((size - 1, with_taps(grouped, w["alone"], (1, filters))[:, :, 0]))
    if odd:
        last = with_taps(d[:, width - 1 :], w["columns"], (size, filters))
        pieces.append((width - 1, last[:, 0]))
    return add_pieces(pieces, width + size - 1)
