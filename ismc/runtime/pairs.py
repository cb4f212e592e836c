"""Convolution of a difference with three taps: four products for a pair of positions.

A pair is two positions that taps connect. With a dilation of ``D``, the pairs are formed by blocks
of ``D`` positions, so all accesses are contiguous. Toom-Cook with values at 0, infinity, 1 and -1
turns six products into four, with only sums and halves of kernels. If only the two outputs in the
middle are needed, three products suffice. `ismc.runtime.toom` is for longer groups.
"""

from __future__ import annotations

import tensorflow as tf

from ismc.runtime.differences import conv1d_gemm, crop_pieces, gemm_kernel
from ismc.runtime.overlap import add_pieces
from ismc.runtime.products import batched_product, pad_columns
from ismc.runtime.types import Tensor, Weights

PARTS_PER_SUM = 4


def pairs_kernel(w: Weights) -> Weights:
    """The kernel ``[3, C, F]`` transformed for `conv1d_pairs`.

    ``values`` are ``[4, C, F]``, at 0, infinity, 1 and -1, the last two halved. ``middle`` are
    ``[3, C, F]``, for the two outputs in the middle alone. The other entries are those of
    `gemm_kernel`.
    """
    if "values" in w:
        return w
    first, second, third = tf.unstack(w["kernel"][::-1])
    even, odd = (first + third) / 2, second / 2
    values = [first, third, even + odd, even - odd]
    middle = [second, first - second, third - second]
    return {
        "values": tf.stack([pad_columns(kernel) for kernel in values]),
        "middle": tf.stack([pad_columns(kernel) for kernel in middle]),
        **gemm_kernel(w),
    }


def conv1d_pairs(
    d: Tensor, w: Weights, *, dilation: int = 1, crop: tuple[int, int] | None = None
) -> Tensor:
    """Convolution of ``[N, W, C]`` with three taps: ``[N, W + 2 * dilation, F]``.

    Positions in no pair use direct products. ``crop`` is the first output and the number of
    outputs; others are omitted.
    """
    w = pairs_kernel(w)
    count, width, channels = d.shape
    filters = w["taps"].shape[2]
    first, out = crop or (0, width + 2 * dilation)
    if width <= dilation:
        return conv1d_gemm(d, w, dilation=dilation, crop=crop)
    if width < 2 * dilation:
        a, b = d[:, None, : width - dilation], d[:, None, dilation:]
        start, end = width - dilation, dilation
    else:
        start, end = width - width % (2 * dilation), width
        a, b = tf.unstack(tf.reshape(d[:, :start], [count, -1, 2, dilation, channels]), axis=2)
    pairs, block = a.shape[1:3]
    if pairs == 1 and block <= first and first + out <= 3 * dilation:
        common, with_b, with_a = batched_product([a + b, b, a], w["middle"], filters)
        outputs = {1: common + with_b, 2: common + with_a}
    else:
        above, below = _sums(a, b)
        y0, y3, above, below = batched_product([a, b, above, below], w["values"], filters)
        outputs = {0: y0, 1: above - below - y3, 2: above + below - y0, 3: y3}
    pieces = [
        (dilation * (2 * i + j) - first, value[:, i])
        for i in range(pairs)
        for j, value in outputs.items()
    ]
    if start < end:
        pieces += crop_pieces(d[:, start:end], w["taps"], dilation, first - start, out)
    return add_pieces(pieces, out)


def _sums(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """``a + b`` and ``a - b`` of blocks ``[N, P, D, C]``, each in a few parts.

    XLA fuses the producer of the blocks into each of few readers and so repeats it. With this many
    readers it writes the blocks first, which is 2.3 times as fast.
    """
    block = a.shape[2]
    parts = min(PARTS_PER_SUM, block)
    sizes = [block // parts + (i < block % parts) for i in range(parts)]
    both = list(zip(tf.split(a, sizes, 2), tf.split(b, sizes, 2), strict=True))
    return tf.concat([x + y for x, y in both], 2), tf.concat([x - y for x, y in both], 2)
