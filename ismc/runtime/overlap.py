"""The overlap-add: the second half of a convolution by products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import pairwise
from operator import add

import tensorflow as tf

from ismc.runtime.types import Tensor

MAX_SEGMENTS = 8
MAX_CROPPED_SHARE = 0.9  # of the products; above it, cropping saves too little


def overlap_add(products: Tensor, dilation: int) -> Tensor:
    """Adds ``[N, W, K, F]``, where tap ``j`` of position ``i`` lands at ``i + j * dilation``."""
    _, width, size, _ = products.shape
    if dilation == 1 and width < size:
        pieces = [(i, products[:, i]) for i in range(width)]
    else:
        pieces = [(j * dilation, products[:, :, j]) for j in range(size)]
    return add_pieces(pieces, width + (size - 1) * dilation)


def add_pieces(pieces: Sequence[tuple[int, Tensor]], width: int) -> Tensor:
    """Adds pieces ``[N, w, F]`` at their first positions: ``[N, width, F]``; the rest is cut.

    Few pieces are added segment by segment between their ends, which leaves no condition in the
    loop over elements. Many pieces are padded to the full width.
    """
    count, _, filters = pieces[0][1].shape
    pieces = [(at, v) for at, v in pieces if at < width and at + v.shape[1] > 0]
    spans = [(max(0, at), min(width, at + v.shape[1])) for at, v in pieces]
    cuts = sorted({0, width, *(edge for span in spans for edge in span)})
    if len(cuts) > MAX_SEGMENTS:
        padded = (
            tf.pad(v[:, begin - at : end - at], [[0, 0], [begin, width - end], [0, 0]])
            for (at, v), (begin, end) in zip(pieces, spans, strict=True)
        )
        return reduce(add, padded)
    segments = []
    for begin, end in pairwise(cuts):
        covering = [
            v[:, begin - at : end - at]
            for (at, v), (first, last) in zip(pieces, spans, strict=True)
            if first <= begin and end <= last
        ]
        segments.append(
            reduce(add, covering) if covering else tf.zeros([count, end - begin, filters])
        )
    return segments[0] if len(segments) == 1 else tf.concat(segments, 1)


def tap_blocks(
    width: int, size: int, dilation: int, first: int, out: int
) -> Iterator[tuple[int, int, range]]:
    """Blocks of rows, with the taps of each block that land in ``[first, first + out)``.

    One block of all rows and taps if that omits few products.
    """
    ranges = [
        (max(0, first - j * dilation), min(width, first + out - j * dilation)) for j in range(size)
    ]
    count = sum(max(0, end - begin) for begin, end in ranges)
    cuts = sorted({0, width, *(min(max(edge, 0), width) for pair in ranges for edge in pair)})
    if count > MAX_CROPPED_SHARE * width * size or len(cuts) > MAX_SEGMENTS:
        yield 0, width, range(size)
        return
    for begin, end in pairwise(cuts):
        taps = [j for j, (low, high) in enumerate(ranges) if low <= begin and end <= high]
        if taps:
            yield begin, end, range(taps[0], taps[-1] + 1)
