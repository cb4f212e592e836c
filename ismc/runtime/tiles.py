"""The loop over tiles inside the program, and the order of its results."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from ismc.runtime.types import Tensor


def scan(
    tile: Callable[[Tensor], Sequence[Tensor]],
    tile_ids: Tensor,
    count: Tensor,
    shapes: Sequence[Sequence[int]],
) -> list[Tensor]:
    """Runs ``tile(t)`` for the first ``count`` of ``tile_ids`` in one loop.

    Memory does not grow with the number of tiles, except for the results.

    Args:
        tile: computes the results of a tile.
        tile_ids: ``int32[tiles]`` numbers of the tiles.
        count: how many of them run; the results of the others are zeros.
        shapes: the shapes of the results of one tile.

    Returns:
        One array ``[tiles, ...]`` per result.
    """
    tiles = tile_ids.shape[0]
    if not tiles:
        return [tf.zeros([0, *shape]) for shape in shapes]
    if tiles == 1:
        return [value[None] for value in tile(tf.constant(0))]
    arrays = [tf.TensorArray(tf.float32, tiles, element_shape=shape) for shape in shapes]

    def body(i: Tensor, *stacks: tf.TensorArray) -> tuple:
        t = tile_ids[i]
        values = tile(t)
        return i + 1, *(a.write(t, v) for a, v in zip(stacks, values, strict=True))

    done = tf.while_loop(lambda i, *_: i < count, body, (0, *arrays), parallel_iterations=1)
    return [array.stack() for array in done[1:]]


def materialized(
    make: Callable[[], Tensor], t: Tensor, shape: Sequence[int], one_tile: bool = False
) -> Tensor:
    """``make()``, a tensor of ``shape``, computed once and written to memory for all its readers.

    XLA fuses across a barrier but not into a conditional, so the value is made inside a branch that
    is always taken: ``t``, the number of a tile, is never negative, but XLA does not know that.
    Programs of one tile need none; there the value is made directly.
    """
    if one_tile:
        return make()
    return tf.cond(t >= 0, make, lambda: tf.zeros(shape))


def flatten_tiles(stack: Tensor, batch: int) -> Tensor:
    """The mutants of all tiles, ``[tiles, B * T * A, ...]``, ordered by sequence: ``[N, ...]``."""
    tiles, count, *tail = stack.shape
    y = tf.reshape(stack, [tiles, batch, count // batch, *tail])
    y = tf.transpose(y, [1, 0, *range(2, y.shape.rank)]) if batch > 1 else y
    return tf.reshape(y, [tiles * count, *tail])


def collect(stack: Tensor, reference: Tensor, order: Tensor, letters: int) -> Tensor:
    """The results of all tiles in the order of the sites: ``[B, S, A, ...]``.

    Args:
        stack: ``[tiles, B * T * A, ...]`` results.
        reference: ``[B, ...]`` the result for sites that change no output.
        order: ``int32[S]`` the index of each site among the tiles; one past the end for a site that
            changes no output.
        letters: ``A``.
    """
    batch, tail = reference.shape[0], reference.shape[1:]
    unchanged = tf.broadcast_to(reference[:, None, None], [batch, 1, letters, *tail])
    if not stack.shape[0] or not stack.shape[1]:
        return tf.gather(unchanged, order, axis=1)
    sites = stack.shape[1] // (batch * letters)
    y = tf.reshape(stack, [stack.shape[0], batch, sites, letters, *tail])
    y = tf.transpose(y, [1, 0, *range(2, y.shape.rank)])
    y = tf.reshape(y, [batch, stack.shape[0] * sites, letters, *tail])
    return tf.gather(tf.concat([y, unchanged], 1), order, axis=1)


def letters_in_order(y: Tensor, reference: Tensor, x: Tensor, starts: Tensor) -> Tensor:
    """Reorders the alternatives of each site by letter and adds the reference: ``[B, S, C, ...]``.

    Alternative ``j`` is the letter ``j + 1`` steps after the reference letter, modulo ``C``.

    Args:
        y: ``[B, S, C - 1, ...]`` results for the alternatives of one-hot sites.
        reference: ``[B, ...]`` the result for the reference letter.
        x: ``[B, L, C]`` sequences.
        starts: ``int32[S]`` sites of width 1.
    """
    count = x.shape[2]
    reference_letters = tf.argmax(tf.gather(x, starts, axis=1), 2, output_type=tf.int32)
    unchanged = tf.broadcast_to(reference[:, None, None], [*y.shape[:2], 1, *y.shape[3:]])
    rotated = tf.concat([unchanged, y], 2)
    steps = (tf.range(count) - reference_letters[:, :, None]) % count
    return tf.gather(rotated, steps, axis=2, batch_dims=2)
