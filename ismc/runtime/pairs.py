"""Convolution of a difference with three taps: a pair of positions meets them in four products.

The pair are two positions that taps join: with a dilation, blocks of so many positions meet each
other, and all of it is contiguous. Six products become four, Toom and Cook's scheme with values at
0, infinity, 1 and -1: nothing but sums, and halves of kernels. Where only the two outputs in the
middle are wanted, four products become three. `ismc.runtime.toom` is for more positions.
"""

from __future__ import annotations

import tensorflow as tf

from ismc.runtime.differences import conv1d_gemm, cropped, gemm_kernel
from ismc.runtime.overlap import add_pieces
from ismc.runtime.products import batched_product, pad_columns
from ismc.runtime.types import Tensor, Weights

PARTS = 4  # of each sum


def pairs_kernel(w: Weights) -> Weights:
    """The kernel ``[3, C, F]`` as `conv1d_pairs` takes it; made once.

    ``values`` are ``[4, C, F]``, at 0, infinity, 1 and -1, the last two halved; ``middle`` are
    ``[3, C, F]``, for the outputs in the middle alone; the rest is what `taps` gives.
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

    Positions that are in no pair meet the taps by themselves. With ``crop``, the first output and
    how many are wanted, others are left out.
    """
    w = pairs_kernel(w)
    count, width, channels = d.shape
    filters = w["taps"].shape[2]
    first, out = crop or (0, width + 2 * dilation)
    if width <= dilation:
        return conv1d_gemm(d, w, dilation=dilation, crop=crop)
    if width < 2 * dilation:
        a, b = d[:, None, : width - dilation], d[:, None, dilation:]
        begin, end = width - dilation, dilation
    else:
        begin, end = width - width % (2 * dilation), width
        a, b = tf.unstack(tf.reshape(d[:, :begin], [count, -1, 2, dilation, channels]), axis=2)
    pairs, block = a.shape[1:3]
    if pairs == 1 and block <= first and first + out <= 3 * dilation:
        both, late, early = batched_product([a + b, b, a], w["middle"], filters)
        found = {1: both + late, 2: both + early}
    else:
        above, below = _sums(a, b)
        y0, y3, above, below = batched_product([a, b, above, below], w["values"], filters)
        found = {0: y0, 1: above - below - y3, 2: above + below - y0, 3: y3}
    pieces = [
        (dilation * (2 * i + j) - first, value[:, i])
        for i in range(pairs)
        for j, value in found.items()
    ]
    if begin < end:
        pieces += cropped(d[:, begin:end], w["taps"], dilation, first - begin, out)
    return add_pieces(pieces, out)


def _sums(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """``a + b`` and ``a - b``, of blocks ``[N, P, D, C]``.

    In a few parts each: XLA fuses what makes the blocks into every one of few readers, and computes
    all of it again for each; with so many it writes the blocks first. It is 2.3 times as fast.
    """
    block = a.shape[2]
    parts = min(PARTS, block)
    sizes = [block // parts + (i < block % parts) for i in range(parts)]
    both = list(zip(tf.split(a, sizes, 2), tf.split(b, sizes, 2), strict=True))
    return tf.concat([x + y for x, y in both], 2), tf.concat([x - y for x, y in both], 2)
