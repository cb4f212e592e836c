"""Conversions between spans, windows of the reference, and full sequences.

``N = B * M`` mutants are ordered by sequence: all mutants of the first, then of the second. Offsets
are ``int32[M]``, one per mutant of a sequence, and the same for every sequence.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from ismc.runtime.types import Tensor


def per_mutant(x: Tensor, count: int) -> Tensor:
    """Repeats ``[B, ...]`` for the mutants of each sequence: ``[N, ...]``."""
    if count == x.shape[0]:
        return x
    copies = count // x.shape[0]
    shape = [x.shape[0], copies, *x.shape[1:]]
    return tf.reshape(tf.broadcast_to(tf.expand_dims(x, 1), shape), [count, *x.shape[1:]])


def gather_windows(r: Tensor, starts: Tensor, width: int, step: int = 1) -> Tensor:
    """``width`` positions of ``[B, L, C]`` from each start: ``[N, width, C]``.

    Each ``step`` mutants share a start and one look-up: those of a site, except in a program of one
    tile, where separate look-ups fuse into their readers. Beyond the ends, the first or last
    position is repeated; `mask_outside` masks positions that must not be read.
    """
    index = starts[::step, None] + _range(width)
    index = tf.minimum(tf.maximum(index, 0), r.shape[1] - 1)
    shared = tf.reshape(tf.gather(r, index, axis=1), [-1, width, *r.shape[2:]])
    return per_mutant(shared, r.shape[0] * starts.shape[0])


def slice_window(r: Tensor, start: int, width: int, count: int) -> Tensor:
    """The same ``width`` positions of ``[B, L, C]`` for all mutants: ``[N, width, C]``."""
    return per_mutant(r[:, start : start + width], count)


def gather_weights(
    w: Mapping[str, Tensor], starts: Tensor, width: int, count: int
) -> dict[str, Tensor]:
    """Weights ``[L, C]`` with a row per position, at each mutant's span: ``[N, width, C]``."""
    rows = {name: gather_windows(v[None], starts, width) for name, v in w.items()}
    return {name: tf.tile(v, [count // v.shape[0], 1, 1]) for name, v in rows.items()}


def part(w: Mapping[str, Tensor], **names: str) -> dict[str, Tensor]:
    """The weights that a part of a composite layer uses, under the names of the part."""
    return {name: w[weight] for name, weight in names.items()}


def place(d: Tensor, shift: int | Tensor, width: int) -> Tensor:
    """Puts ``[N, W, C]`` at ``shift`` into zeros ``[N, width, C]``, and cuts what hangs over."""
    if isinstance(shift, int):
        return _place_static(d, shift, width)
    return _over(tf.zeros([], d.dtype), d, shift, width)


def cut(s: Tensor, shift: int | Tensor, width: int) -> Tensor:
    """``width`` positions of ``[N, W, C]`` from ``shift`` on."""
    return place(s, -shift, width)


def to_full_length(r: Tensor, d: Tensor, starts: Tensor) -> Tensor:
    """The mutated value ``[N, L, C]``: the reference plus the difference at its positions."""
    return per_mutant(r, d.shape[0]) + place(d, starts, r.shape[1])


def overwrite(r: Tensor, s: Tensor, starts: Tensor) -> Tensor:
    """The mutated value ``[N, L, C]``: the reference with the slab at its positions, any dtype."""
    return _over(per_mutant(r, s.shape[0]), s, starts, r.shape[1])


def mask_outside(v: Tensor, starts: Tensor, length: int, fill: float | Tensor = 0.0) -> Tensor:
    """``v`` at positions within a sequence of ``length``, and ``fill`` elsewhere."""
    position = _per_sequence(starts[:, None] + _range(v.shape[1]), v.shape[0])
    return tf.where(_like((position >= 0) & (position < length), v), v, tf.cast(fill, v.dtype))


def substitution(
    x: Tensor, rotation: Tensor, block: Tensor, starts: Tensor, widths: Tensor
) -> Tensor:
    """The difference that a substitution makes: ``window @ rotation + block - window``.

    Args:
        x: ``[B, L, C]`` sequences.
        rotation: ``[A, C, C]`` permutations of the reference letter, or zeros.
        block: ``[A, W, C]`` the substituted block where ``rotation`` is zero, else zeros.
        starts: ``int32[A * T]`` first positions of the sites, each ``A`` times.
        widths: ``int32[A * T]`` widths of the sites, at most ``W``.
    """
    old, new, in_site = _substitute(x, rotation, block, starts, widths)
    return tf.where(in_site, new - old, 0.0)


def substituted(
    x: Tensor, rotation: Tensor, block: Tensor, starts: Tensor, widths: Tensor
) -> Tensor:
    """The windows after the substitution, bit-exact; arguments as in `substitution`."""
    old, new, in_site = _substitute(x, rotation, block, starts, widths)
    return tf.where(in_site, new, old)


def _substitute(
    x: Tensor, rotation: Tensor, block: Tensor, starts: Tensor, widths: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The windows ``[N, W, C]``, the substituted windows, and which positions are in the site."""
    width = block.shape[1]
    old = gather_windows(x, starts, width)
    letters = tf.reshape(old, [-1, rotation.shape[0], width, x.shape[2]])
    new = tf.reshape(tf.einsum("maws,ast->mawt", letters, rotation) + block, old.shape)
    in_site = _per_sequence(_range(width) < widths[:, None], old.shape[0])
    return old, new, in_site[:, :, None]


def _over(under: Tensor, s: Tensor, starts: Tensor, width: int) -> Tensor:
    """``[N, W, C]`` from each start on, over ``under`` elsewhere: ``[N, width, C]``."""
    index = _per_sequence(_range(width) - starts[:, None], s.shape[0])
    last = s.shape[1] - 1
    gathered = tf.gather(s, tf.clip_by_value(index, 0, last), axis=1, batch_dims=1)
    return tf.where(_like((index >= 0) & (index <= last), gathered), gathered, under)


def _place_static(d: Tensor, shift: int, width: int) -> Tensor:
    start, stop = max(0, -shift), min(d.shape[1], width - shift)
    if start >= stop:
        return tf.zeros([d.shape[0], width, *d.shape[2:]], d.dtype)
    d = d[:, start:stop]
    before = max(0, shift)
    flanks = [[0, 0], [before, width - before - d.shape[1]]] + [[0, 0]] * (d.shape.rank - 2)
    return tf.pad(d, flanks)


def _range(width: int) -> np.ndarray:
    """``[1, width]``: 0, 1, .. as a constant, because tracing a range takes four operations."""
    return np.arange(width, dtype=np.int32)[None]


def _per_sequence(rows: Tensor, count: int) -> Tensor:
    """Repeats ``[M, W]`` for every sequence: ``[N, W]``."""
    return tf.tile(rows, [count // rows.shape[0], 1])


def _like(flags: Tensor, v: Tensor) -> Tensor:
    return tf.reshape(flags, [*flags.shape, *[1] * (v.shape.rank - 2)])
