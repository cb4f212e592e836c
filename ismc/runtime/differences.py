"""Linear layers on differences ``[N, W, C]``: biases cancel, and no reference is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

import tensorflow as tf

from ismc.runtime.layers import average_pool1d, batch_norm_scale
from ismc.runtime.positions import _per_sequence, gather_windows, mask_outside, per_mutant, place
from ismc.runtime.products import product, round_kernel
from ismc.runtime.traits import reduces
from ismc.runtime.types import Tensor, Weights


def batch_norm_difference(d: Tensor, w: Weights, *, epsilon: float) -> Tensor:
    """BatchNormalization of a difference: only the scale."""
    return d * batch_norm_scale(w, epsilon)


def dense_difference(d: Tensor, w: Weights, *, products: str = "") -> Tensor:
    """Dense along the last axis, without its bias."""
    kernel = round_kernel(w["kernel"], products)
    y = product(tf.reshape(d, [-1, d.shape[-1]]), kernel)
    return tf.reshape(y, [*d.shape[:-1], kernel.shape[1]])


def average_difference(*ds: Tensor, count: int) -> Tensor:
    """The Average merge of ``count`` values, of which only these change."""
    return tf.add_n(ds) / count


def zeros_beside(d: Tensor, tail: Sequence[int]) -> Tensor:
    """Zeros ``[N, W, *tail]``: the difference of a value that does not change, next to ``d``."""
    return tf.zeros([*d.shape[:2], *tail], d.dtype)


def broadcast_channels(d: Tensor, tail: Sequence[int]) -> Tensor:
    """A difference repeated along the channels that it is broadcast to."""
    return tf.broadcast_to(d, [*d.shape[:2], *tail])


def pick(d: Tensor, step: int, keys: Sequence[int | Sequence[int]]) -> Tensor:
    """Every ``step``-th position, and the channels of it that ``keys`` select."""
    tail = (key if isinstance(key, int) else slice(*key) for key in keys)
    return d[(slice(None), slice(None, None, step), *tail)]


def repeat(d: Tensor, times: int) -> Tensor:
    """UpSampling1D: each position several times."""
    return tf.repeat(d, times, axis=1)


@reduces
def average_pool_difference(
    s: Tensor, starts: Tensor, *, size: int, strides: int, pad: int = 0, length: int = 0
) -> Tensor:
    """AveragePooling1D of a difference with its flanks; divides by the number of real positions.

    Args:
        s: ``[N, (W-1) * strides + size, C]`` differences, zero outside the sequence.
        starts: ``int32[M]`` first outputs.
        size: positions of a window.
        strides: positions from one window to the next.
        pad: positions of padding before the sequence.
        length: length of the input if windows reach beyond its ends, else 0.
    """
    total = average_pool1d(s, size, strides)
    if not length:
        return total
    first = (starts[:, None] + tf.range(total.shape[1])) * strides - pad
    real = tf.minimum(first + size, length) - tf.maximum(first, 0)
    scale = size / tf.cast(tf.maximum(real, 1), s.dtype)
    return total * _per_sequence(scale, s.shape[0])[:, :, None]


def dense_stop(
    r: Tensor,
    d: Tensor,
    starts: Tensor,
    rows: Tensor,
    w: Weights,
    *,
    band: int,
    grain: int,
    products: str = "",
) -> Tensor:
    """Dense after Flatten: the reference output plus the contribution of the changed positions.

    Args:
        r: ``[B, F]`` the reference output, bias included.
        d: ``[N, W]`` the flattened difference.
        starts: ``int32[M]`` the position of each difference.
        rows: ``int32`` the first kernel row of the tile.
        w: the weights of the Dense.
        band: the number of kernel rows that the tile reads.
        grain: a common divisor of widths and offsets; positions are placed in groups of it.
        products: the type that operands of the product are rounded to, or ``""``.
    """
    count, width = d.shape
    kernel = tf.slice(w["kernel"], [rows, 0], [band, w["kernel"].shape[1]])
    blocks = tf.reshape(d, [count, width // grain, grain])
    placed = place(blocks, (starts - rows) // grain, band // grain)
    return per_mutant(r, count) + product(
        tf.reshape(placed, [count, band]), round_kernel(kernel, products)
    )


@reduces
def mean_stop(
    r: Tensor, d: Tensor, *, length: int, keepdims: bool = False, axes: Sequence[int] = (1,)
) -> Tensor:
    """A mean over positions: the reference output plus the mean of the difference."""
    change = tf.reduce_sum(d, axes, keepdims=keepdims) / length
    return per_mutant(r, d.shape[0]) + change


@reduces
def global_max_stop(r: Tensor, s: Tensor, starts: Tensor, *, keepdims: bool = False) -> Tensor:
    """GlobalMaxPooling1D from the slab and the maxima of the reference before and after it.

    Args:
        r: ``[B, L, C]`` the reference of the layer's input.
        s: ``[N, W, C]`` mutated values.
        starts: ``int32[M]`` their positions.
        keepdims: whether the output is ``[N, 1, C]``.
    """
    length, width = r.shape[1], s.shape[1]
    edge = tf.fill([r.shape[0], 1, *r.shape[2:]], -inf)
    prefix = tf.concat([edge, _accumulate(tf.maximum, r)], 1)
    suffix = tf.concat([_accumulate(tf.maximum, r[:, ::-1])[:, ::-1], edge], 1)
    inside = tf.reduce_max(mask_outside(s, starts, length, -inf), 1, keepdims=True)
    before = gather_windows(prefix, tf.maximum(starts, 0), 1)
    after = gather_windows(suffix, tf.minimum(starts + width, length), 1)
    maximum = tf.maximum(inside, tf.maximum(before, after))
    return maximum if keepdims else maximum[:, 0]


def sum_stop(
    r: Tensor,
    s: Tensor,
    starts: Tensor,
    *,
    length: int,
    keepdims: bool = False,
    axes: Sequence[int] = (1,),
) -> Tensor:
    """A mean over positions computed from values only, so that no term cancels another.

    Args:
        r: ``[B, L, ..., C]`` the reference of the layer's input.
        s: ``[N, W, ..., C]`` mutated values.
        starts: ``int32[M]`` their positions.
        length: the divisor of the sum.
        keepdims: whether the axes remain, with length one.
        axes: the axes that are summed; axis 1, the positions, is among them.
    """
    other_axes, total, width = [axis for axis in axes if axis != 1], r.shape[1], s.shape[1]
    r, s = (tf.reduce_sum(v, other_axes, keepdims=True) for v in (r, s))
    edge = tf.zeros([r.shape[0], 1, *r.shape[2:]], r.dtype)
    prefix = tf.concat([edge, _accumulate(tf.add, r)], 1)
    suffix = tf.concat([_accumulate(tf.add, r[:, ::-1])[:, ::-1], edge], 1)
    inside = tf.reduce_sum(mask_outside(s, starts, total), 1, keepdims=True)
    before = gather_windows(prefix, tf.maximum(starts, 0), 1)
    after = gather_windows(suffix, tf.minimum(starts + width, total), 1)
    y = (before + inside + after) / length
    return y if keepdims else tf.squeeze(y, list(axes))


def _accumulate(add: Callable[[Tensor, Tensor], Tensor], x: Tensor) -> Tensor:
    """The maximum or sum of each position and all before it, in ``log2(L)`` steps."""
    step = 1
    while step < x.shape[1]:
        x = tf.concat([x[:, :step], add(x[:, step:], x[:, :-step])], 1)
        step *= 2
    return x
