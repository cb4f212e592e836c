"""Dense after Flatten for all mutants: each block of kernel rows is multiplied once."""

from __future__ import annotations

import tensorflow as tf
from tensorflow.compiler.tf2xla.ops.gen_xla_ops import xla_dynamic_update_slice

from ismc.runtime.positions import per_mutant
from ismc.runtime.products import product, round_kernel
from ismc.runtime.types import Tensor, Weights

MAX_BATCHED_BYTES = 16 << 20  # of the products of all blocks in one batch


def dense_by_position(
    r: Tensor,
    d: Tensor,
    w: Weights,
    starts: Tensor,
    first: Tensor,
    counted_from: Tensor,
    position: Tensor,
    *,
    most: int,
    block: int,
    grain: int,
    ordered: bool,
    products: str = "",
) -> Tensor:
    """Dense after Flatten: the reference output plus the contribution of the changed positions.

    Args:
        r: ``[B, F]`` the reference output, bias included.
        d: ``[N, W]`` the flattened differences, in the order of the sites.
        w: the weights of the Dense.
        starts: ``int32[N / B]`` the first position of each difference.
        first: ``int32[Q]`` the first mutant of a sequence that changes each block.
        counted_from: ``int32[Q]`` the position in each block from which products count; blocks may
            overlap.
        position: ``int32[Q]`` the first position of each block.
        most: the largest number of mutants that change a block.
        block: positions of a block.
        grain: kernel rows of a position.
        ordered: whether the blocks are consecutive and cover the kernel.
        products: the type that operands of the product are rounded to, or ``""``.
    """
    (batch, filters), (count, width) = r.shape, d.shape
    reach, rows, blocks = width // grain, count // batch, first.shape[0]
    values = tf.reshape(d, [batch, rows * reach, grain])

    def changes(first: Tensor, counted_from: Tensor, position: Tensor) -> Tensor:
        """The changes of blocks ``[*I]``: ``[*I, B * most, block * grain]``."""
        places = position[..., None] + tf.range(block)
        mutants = first[..., None] + tf.range(most)
        at = places[..., None, :] - tf.gather(starts, mutants)[..., None]
        counts = (places >= counted_from[..., None])[..., None, :]
        present = (at >= 0) & (at < reach) & counts
        row = mutants[..., None] * reach + tf.clip_by_value(at, 0, reach - 1)
        x = tf.gather(values, row, axis=1)
        x = tf.where(present[..., None], x, 0.0)
        x = tf.transpose(
            x, [*range(1, x.shape.rank - 3), 0, *range(x.shape.rank - 3, x.shape.rank)]
        )
        return tf.reshape(x, [*first.shape, batch * most, block * grain])

    def body(i: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
        kernel = tf.slice(w["kernel"], [position[i] * grain, 0], [block * grain, filters])
        x = changes(first[i], counted_from[i], position[i])
        y = tf.reshape(product(x, round_kernel(kernel, products)), [batch, most, filters])
        corner = tf.stack([0, first[i], 0])
        y += tf.slice(total, corner, y.shape)
        return i + 1, xla_dynamic_update_slice(total, y, corner)

    if 4 * blocks * batch * most * filters > MAX_BATCHED_BYTES:
        start = (0, tf.zeros([batch, rows, filters]))
        total = tf.while_loop(lambda i, _: i < blocks, body, start, parallel_iterations=1)[1]
        return per_mutant(r, count) + tf.reshape(total, [count, filters])
    kernel = tf.reshape(w["kernel"], [-1, grain, filters])
    if not ordered:
        kernel = tf.gather(kernel, position[:, None] + tf.range(block))
    kernel = round_kernel(tf.reshape(kernel, [blocks, block * grain, filters]), products)
    y = product(changes(first, counted_from, position), kernel)
    y = tf.transpose(tf.reshape(y, [blocks, batch, most, filters]), [1, 0, 2, 3])
    y = tf.reshape(y, [batch, blocks * most, filters])
    earlier = tf.reduce_sum(tf.cast(counted_from + block <= starts[:, None], tf.int32), 1)
    total = per_mutant(r, count)
    for i in range((reach + block - 2) // block + 1):  # blocks that a span can overlap
        q = tf.minimum(earlier + i, blocks - 1)
        mutant = tf.range(rows) - tf.gather(first, q)
        present = (earlier + i < blocks) & (mutant >= 0) & (mutant < most)
        row = q * most + tf.clip_by_value(mutant, 0, most - 1)
        contribution = tf.where(present[:, None], tf.gather(y, row, axis=1), 0.0)
        total += tf.reshape(contribution, [count, filters])
    return total
