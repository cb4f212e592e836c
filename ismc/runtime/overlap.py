"""Products put where they land: the second half of a convolution by products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import pairwise
from operator import add

import tensorflow as tf

from ismc.runtime.types import Tensor

SEGMENTS = 8
WORTH = 0.9


def overlap_add(products: Tensor, dilation: int) -> Tensor:
    """Adds ``[N, W, K, F]``, where tap ``j`` of position ``i`` lands at ``i + j * dilation``."""
    _, width, size, _ = products.shape
    if dilation == 1 and width < size:
        pieces = [(i, products[:, i]) for i in range(width)]
    else:
        pieces = [(j * dilation, products[:, :, j]) for j in range(size)]
    return add_pieces(pieces, width + (size - 1) * dilation)


def add_pieces(pieces: Sequence[tuple[int, Tensor]], width: int) -> Tensor:
    """Adds up ``[N, w, F]``, each from its first position on: ``[N, width, F]``; cut to fit.

    Few pieces are added between the positions where they begin and end, which leaves no
    condition in the loop over elements; many are padded to the whole width.
    """
    count, _, filters = pieces[0][1].shape
    pieces = [(at, v) for at, v in pieces if at < width and at + v.shape[1] > 0]
    spans = [(max(0, at), min(width, at + v.shape[1])) for at, v in pieces]
    cuts = sorted({0, width, *(edge for span in spans for edge in span)})
    if len(cuts) > SEGMENTS:
        padded = (
            tf.pad(v[:, begin - at : end - at], [[0, 0], [begin, width - end], [0, 0]])
            for (at, v), (begin, end) in zip(pieces, spans, strict=True)
        )
        return reduce(add, padded)
    segments = []
    for begin, end in pairwise(cuts):
        there = [
            v[:, begin - at : end - at]
            for (at, v), (first, last) in zip(pieces, spans, strict=True)
            if first <= begin and end <= last
        ]
        segments.append(reduce(add, there) if there else tf.zeros([count, end - begin, filters]))
    return segments[0] if len(segments) == 1 else tf.concat(segments, 1)


def tap_blocks(
    width: int, size: int, dilation: int, first: int, out: int
) -> Iterator[tuple[int, int, range]]:
    """Blocks of rows, and the taps of each that land in ``[first, first + out)``.

    One block of all rows and taps where hardly a product is left out.
    """
    ranges = [
        (max(0, first - j * dilation), min(width, first + out - j * dilation)) for j in range(size)
    ]
    kept = sum(max(0, end - begin) for begin, end in ranges)
    cuts = sorted({0, width, *(min(max(edge, 0), width) for pair in ranges for edge in pair)})
    if kept > WORTH * width * size or len(cuts) > SEGMENTS:
        yield 0, width, range(size)
        return
    for begin, end in pairwise(cuts):
        taps = [j for j, (low, high) in enumerate(ranges) if low <= begin and end <= high]
        if taps:
            yield begin, end, range(taps[0], taps[-1] + 1)
