"""Convolution of a difference to few filters: blocks of positions times a banded kernel.

Direct products of few filters give short rows, one for each tap, to add up. Here one row of the
product is a block of positions with all channels, and one row of the result is what the block adds
to the positions that it reaches. That leaves few and long rows to add.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import tensorflow as tf

from ismc.plan.cost import Cost, product_cost
from ismc.plan.target import Target
from ismc.rules.base import Expr
from ismc.runtime.gemm import conv1d_gemm, gemm_kernel
from ismc.runtime.overlap import add_pieces
from ismc.runtime.products import matmul_taps, pad_columns
from ismc.runtime.types import Tensor, Weights
from ismc.strategies.base import Convolution, Strategy
from ismc.strategies.gemm import has_short_rows

BLOCK = 8  # positions


class Blocks(Strategy):
    """Each block of positions with all positions that it reaches."""

    name = "blocks"
    examples = (
        Convolution(width=20, out=26, size=7, channels=6, filters=3),
        Convolution(width=16, out=40, size=25, channels=5, filters=1),
    )

    def applies(self, conv: Convolution) -> bool:
        return conv.stride == 1 and has_short_rows(conv)

    def cost(self, conv: Convolution, target: Target) -> Cost:
        blocks, rest = divmod(conv.width, BLOCK)
        reached = ceil((BLOCK + conv.size - 1) / BLOCK)
        in_blocks = blocks * reached * BLOCK * conv.filters
        in_rest = rest * conv.size * conv.filters
        numbers = in_blocks + in_rest
        operations = 2 * conv.channels * (BLOCK * in_blocks + in_rest)
        cost = product_cost(target, operations, 4 * numbers, conv.weights * BLOCK)
        seconds = cost.seconds + numbers / target.elements
        return replace(cost, seconds=seconds, temporary=4 * numbers + 2 * conv.written)

    def prepare(self, conv: Convolution) -> Expr:
        del conv
        return Expr("blocks_kernel")

    def apply(self, conv: Convolution) -> Expr:
        del conv
        return Expr("conv1d_blocks")


def blocks_kernel(w: Weights) -> Weights:
    """The kernel ``[K, C, F]`` transformed for `conv1d_blocks`.

    ``blocks`` is ``[BLOCK * C, R * BLOCK * F]``: what each position and channel of a block adds to
    the positions of this block and of the next ``R - 1``. The other entries are those of
    `gemm_kernel`.
    """
    if "blocks" in w:
        return w
    kernel = w["kernel"][::-1]
    size, channels, _ = kernel.shape
    reach = BLOCK * ceil((BLOCK + size - 1) / BLOCK)
    rows = [tf.pad(kernel, [[i, reach - size - i], [0, 0], [0, 0]]) for i in range(BLOCK)]
    banded = tf.transpose(tf.stack(rows), [0, 2, 1, 3])
    return {**gemm_kernel(w), "blocks": pad_columns(tf.reshape(banded, [BLOCK * channels, -1]))}


def conv1d_blocks(d: Tensor, w: Weights) -> Tensor:
    """Convolution of ``[N, W, C]``, block by block: ``[N, W + K - 1, F]``.

    Positions after the last full block use direct products: padding them to a block with zeros
    would add a condition to the loop over elements.
    """
    w = blocks_kernel(w)
    _, size, filters = w["taps"].shape
    count, width, channels = d.shape
    blocks, reached = width // BLOCK, ceil((BLOCK + size - 1) / BLOCK)
    pieces = []
    if blocks:
        rows = tf.reshape(d[:, : blocks * BLOCK], [count, blocks, BLOCK * channels])
        products = matmul_taps(rows, w["blocks"], (reached, BLOCK * filters))
        y = add_pieces([(i, products[:, :, i]) for i in range(reached)], blocks + reached - 1)
        y = tf.reshape(y, [count, -1, filters])
        pieces.append((0, y[:, : blocks * BLOCK + size - 1]))
    if width % BLOCK:
        pieces.append((blocks * BLOCK, conv1d_gemm(d[:, blocks * BLOCK :], w)))
    return add_pieces(pieces, width + size - 1)
