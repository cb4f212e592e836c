"""Moving between spans, windows of the reference, and whole sequences.

``N = B * M`` mutants: all mutants of the first sequence, then of the second. Offsets are
``int32[M]``, one per mutant of a sequence, and the same for every sequence.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from ismc.runtime.tiles import single_tile
from ismc.runtime.types import Tensor


def per_mutant(x: Tensor, count: int) -> Tensor:
    """Repeats ``[B, ...]`` for the mutants of each sequence: ``[N, ...]``."""
    if count == x.shape[0]:
        return x
    copies = count // x.shape[0]
    shape = [x.shape[0], copies, *x.shape[1:]]
    return tf.reshape(tf.broadcast_to(tf.expand_dims(x, 1), shape), [count, *x.shape[1:]])


def gather_windows(r: Tensor, starts: Tensor, width: int, letters: int = 1) -> Tensor:
    """``width`` positions of ``[B, L, C]`` from each start: ``[N, width, C]``.

    The ``letters`` mutants of a site share one look-up, but in a program of one tile, where what
    each looks up by itself is fused into its reader. Beyond the ends the last position is repeated;
    `inside` masks what must not be seen.
    """
    index = starts[:: 1 if single_tile() else letters, None] + _counted(width)
    index = tf.minimum(tf.maximum(index, 0), r.shape[1] - 1)
    shared = tf.reshape(tf.gather(r, index, axis=1), [-1, width, *r.shape[2:]])
    return per_mutant(shared, r.shape[0] * starts.shape[0])


def slice_window(r: Tensor, start: int, width: int, count: int) -> Tensor:
    """The same ``width`` positions of ``[B, L, C]`` for all mutants of a sequence."""
    return per_mutant(r[:, start : start + width], count)


def gather_weights(
    w: Mapping[str, Tensor], starts: Tensor, width: int, count: int
) -> dict[str, Tensor]:
    """Weights with a row per position, ``[L, C]``, at each mutant's span: ``[N, width, C]``."""
    rows = {name: gather_windows(v[None], starts, width) for name, v in w.items()}
    return {name: tf.tile(v, [count // v.shape[0], 1, 1]) for name, v in rows.items()}


def part(w: Mapping[str, Tensor], **names: str) -> dict[str, Tensor]:
    """The weights that a part of a layer takes, under its own names."""
    return {name: w[kept] for name, kept in names.items()}


def place(d: Tensor, shift: int | Tensor, width: int) -> Tensor:
    """Puts ``[N, W, C]`` at ``shift`` into ``[N, width, C]`` of zeros; what sticks out is cut."""
    if isinstance(shift, int):
        return _place_static(d, shift, width)
    return _over(tf.zeros([], d.dtype), d, shift, width)


def cut(s: Tensor, shift: int | Tensor, width: int) -> Tensor:
    """``width`` positions of ``[N, W, C]`` from ``shift`` on."""
    return place(s, -shift, width)


def to_full_length(r: Tensor, d: Tensor, starts: Tensor) -> Tensor:
    """The whole mutated value ``[N, L, C]``: the reference plus the difference in its place."""
    return per_mutant(r, d.shape[0]) + place(d, starts, r.shape[1])


def overwrite(r: Tensor, s: Tensor, starts: Tensor) -> Tensor:
    """The whole mutated value ``[N, L, C]``: the slab in its place, in any dtype."""
    return _over(per_mutant(r, s.shape[0]), s, starts, r.shape[1])


def mask_outside(v: Tensor, starts: Tensor, length: int, fill: float | Tensor = 0.0) -> Tensor:
    """``v`` where its positions are those of a sequence of ``length``, else ``fill``."""
    position = _spread(starts[:, None] + _counted(v.shape[1]), v.shape[0])
    return tf.where(_like((position >= 0) & (position < length), v), v, tf.cast(fill, v.dtype))


def substitution(
    x: Tensor, rotation: Tensor, block: Tensor, starts: Tensor, widths: Tensor
) -> Tensor:
    """The difference that writing makes: ``window @ rotation + block - window``.

    Args:
        x: ``[B, L, C]`` sequences.
        rotation: ``[A, C, C]``; permutations of the letter that is there, or zeros.
        block: ``[A, W, C]``; what is written when ``rotation`` is zero.
        starts: ``int32[A * T]`` first positions of the sites, each ``A`` times.
        widths: ``int32[A * T]`` widths of the sites, at most ``W``.
    """
    there, new, keep = _written(x, rotation, block, starts, widths)
    return tf.where(keep, new - there, 0.0)


def substituted(
    x: Tensor, rotation: Tensor, block: Tensor, starts: Tensor, widths: Tensor
) -> Tensor:
    """What is there after writing, to the last bit; arguments as of `substitution`."""
    there, new, keep = _written(x, rotation, block, starts, widths)
    return tf.where(keep, new, there)


def _written(
    x: Tensor, rotation: Tensor, block: Tensor, starts: Tensor, widths: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The windows ``[N, W, C]``, what is written there, and where a site is that wide."""
    width = block.shape[1]
    there = gather_windows(x, starts, width)
    seen = tf.reshape(there, [-1, rotation.shape[0], width, x.shape[2]])
    new = tf.reshape(tf.einsum("maws,ast->mawt", seen, rotation) + block, there.shape)
    keep = _spread(_counted(width) < widths[:, None], there.shape[0])
    return there, new, keep[:, :, None]


def _over(under: Tensor, s: Tensor, starts: Tensor, width: int) -> Tensor:
    """``[N, W, C]`` from each start on, and what is under it elsewhere: ``[N, width, C]``."""
    index = _spread(_counted(width) - starts[:, None], s.shape[0])
    last = s.shape[1] - 1
    taken = tf.gather(s, tf.clip_by_value(index, 0, last), axis=1, batch_dims=1)
    return tf.where(_like((index >= 0) & (index <= last), taken), taken, under)


def _place_static(d: Tensor, shift: int, width: int) -> Tensor:
    left, right = max(0, -shift), min(d.shape[1], width - shift)
    if left >= right:
        return tf.zeros([d.shape[0], width, *d.shape[2:]], d.dtype)
    d = d[:, left:right]
    before = max(0, shift)
    flanks = [[0, 0], [before, width - before - d.shape[1]]] + [[0, 0]] * (d.shape.rank - 2)
    return tf.pad(d, flanks)


def _counted(width: int) -> np.ndarray:
    """``[1, width]``: 0, 1, ..; a constant, for tracing a range takes four operations."""
    return np.arange(width, dtype=np.int32)[None]


def _spread(rows: Tensor, count: int) -> Tensor:
    """Repeats ``[M, W]`` for every sequence: ``[N, W]``."""
    return tf.tile(rows, [count // rows.shape[0], 1])


def _like(flags: Tensor, v: Tensor) -> Tensor:
    return tf.reshape(flags, [*flags.shape, *[1] * (v.shape.rank - 2)])
