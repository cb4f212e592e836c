"""The loop over tiles inside the program, and the order of what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar, copy_context

import tensorflow as tf

from ismc.runtime.types import Tensor

_SINGLE_TILE = ContextVar("the only tile is being traced", default=False)


def single_tile() -> bool:
    """Whether what is traced is the only tile of a program, which has no loop.

    XLA may fuse more there: in a loop, what becomes a part of the copy into the results runs on one
    core, and what several kernels read is computed again for each.
    """
    return _SINGLE_TILE.get()


def scan(
    tile: Callable[[Tensor], Sequence[Tensor]],
    chosen: Tensor,
    count: Tensor,
    shapes: Sequence[Sequence[int]],
) -> list[Tensor]:
    """Runs ``tile(t)`` for the first ``count`` of ``chosen`` in one loop: ``[tiles, ...]`` each.

    ``chosen`` is ``int32[tiles]``; the results of tiles that are not run are zeros. ``shapes`` are
    those of the results of one tile; memory does not grow with the tiles but for the results.
    """
    tiles = chosen.shape[0]
    if not tiles:
        return [tf.zeros([0, *shape]) for shape in shapes]
    if tiles == 1:
        return [value[None] for value in copy_context().run(_only, tile)]
    arrays = [tf.TensorArray(tf.float32, tiles, element_shape=shape) for shape in shapes]

    def body(i: Tensor, *stacks: tf.TensorArray) -> tuple:
        t = chosen[i]
        values = tile(t)
        return i + 1, *(a.write(t, v) for a, v in zip(stacks, values, strict=True))

    done = tf.while_loop(lambda i, *_: i < count, body, (0, *arrays), parallel_iterations=1)
    return [array.stack() for array in done[1:]]


def _only(tile: Callable[[Tensor], Sequence[Tensor]]) -> Sequence[Tensor]:
    _SINGLE_TILE.set(True)
    return tile(tf.constant(0))


def materialized(make: Callable[[], Tensor], t: Tensor, shape: Sequence[int]) -> Tensor:
    """``make()``, of that shape, computed once and written, whoever reads it.

    XLA's fusion does not look into a branch, and does not know that ``t``, the number of a tile, is
    never negative. It is how to have a value written on a processor: barriers are gone before
    fusion. A GPU would wait for the host at each branch; and programs of one tile have none.
    """
    if single_tile() or tf.config.list_physical_devices("GPU"):
        return make()
    return tf.cond(t >= 0, make, lambda: tf.zeros(shape))


def flatten_tiles(stack: Tensor, batch: int) -> Tensor:
    """The mutants of all tiles, ``[tiles, B * T * A, ...]``, sequence by sequence: ``[N, ...]``."""
    tiles, count, *tail = stack.shape
    y = tf.reshape(stack, [tiles, batch, count // batch, *tail])
    y = tf.transpose(y, [1, 0, *range(2, y.shape.rank)]) if batch > 1 else y
    return tf.reshape(y, [tiles * count, *tail])


def collect(stack: Tensor, reference: Tensor, order: Tensor, letters: int) -> Tensor:
    """Puts the mutants of all tiles in the order of the sites: ``[B, S, A, ...]``.

    Args:
        stack: ``[tiles, B * T * A, ...]``.
        reference: ``[B, ...]`` the answer where a site cannot change it.
        order: ``int32[S]``, where each site stands among the tiles; one past the end for a site
            that changes nothing.
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
    """Turns "the letter ``j + 1`` after the one that is there" into letters: ``[B, S, C, ...]``.

    Args:
        y: ``[B, S, C - 1, ...]`` answers for the alternatives of one-hot sites.
        reference: ``[B, ...]`` the answer for the letter that is there.
        x: ``[B, L, C]`` sequences.
        starts: ``int32[S]`` sites of width 1.
    """
    count = x.shape[2]
    there = tf.argmax(tf.gather(x, starts, axis=1), 2, output_type=tf.int32)
    unchanged = tf.broadcast_to(reference[:, None, None], [*y.shape[:2], 1, *y.shape[3:]])
    rotated = tf.concat([unchanged, y], 2)
    steps = (tf.range(count) - there[:, :, None]) % count
    return tf.gather(rotated, steps, axis=2, batch_dims=2)
