"""Convolution of a difference with three taps: four products for a pair of positions.

A pair is two positions that taps connect. With a dilation of ``D``, the pairs are formed by blocks
of ``D`` positions, so all accesses are contiguous. Toom-Cook with values at 0, infinity, 1 and -1
turns six products into four, with only sums and halves of kernels. If only the two outputs in the
middle are needed, three products suffice. `ismc.strategies.toom` is for longer groups.
"""

from __future__ import annotations

from dataclasses import replace

import tensorflow as tf

from ismc.plan.cost import Cost, product_cost
from ismc.plan.target import Target
from ismc.rules.base import Expr
from ismc.runtime.gemm import conv1d_gemm, crop_pieces, gemm_kernel
from ismc.runtime.overlap import add_pieces
from ismc.runtime.products import batched_product, pad_columns
from ismc.runtime.types import Tensor, Weights
from ismc.strategies.base import Convolution, Strategy

MIN_LENGTH = 16  # positions of each block of a pair
MIN_CHANNELS = 32  # and filters: with fewer, the sums take longer than the products saved
PARTS_PER_SUM = 4


class Pairs(Strategy):
    """Four products for two positions and three taps."""

    name = "pairs"
    slow_to_compile = cancels = crops = True
    examples = (
        Convolution(width=64, out=128, size=3, channels=32, filters=33, dilation=32),
        Convolution(width=50, out=114, size=3, channels=33, filters=32, dilation=32),
        Convolution(width=70, out=102, size=3, channels=32, filters=32, dilation=16),
    )

    def applies(self, conv: Convolution) -> bool:
        long = min(conv.dilation, conv.width - conv.dilation) >= MIN_LENGTH
        wide = min(conv.channels, conv.filters) >= MIN_CHANNELS
        return long and wide and conv.size == 3 and conv.stride == conv.groups == 1

    def cost(self, conv: Convolution, target: Target) -> Cost:
        pair = 2 * conv.dilation
        unpaired = conv.width % pair if conv.width >= pair else pair - conv.width
        paired = 2 * (conv.width - unpaired)
        products = paired + 3 * unpaired
        written = products * conv.filters
        operations = 2 * conv.channels * written
        cost = product_cost(target, operations, 4 * written, 2 * conv.weights)
        temporary = 4 * (written + paired * conv.channels) + 2 * conv.written
        return replace(cost, temporary=temporary)

    def prepare(self, conv: Convolution) -> Expr:
        del conv
        return Expr("pairs_kernel")

    def apply(self, conv: Convolution) -> Expr:
        return Expr("conv1d_pairs", kwargs=conv.options)


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
