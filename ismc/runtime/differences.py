"""Linear layers on differences ``[N, W, C]``: biases cancel, and no reference is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

import tensorflow as tf

from ismc.runtime.layers import average_pool1d, batch_norm_scale, conv1d
from ismc.runtime.overlap import add_pieces, overlap_add, tap_blocks
from ismc.runtime.positions import _per_sequence, gather_windows, mask_outside, per_mutant, place
from ismc.runtime.products import matmul_taps, pad_columns, product, round_kernel
from ismc.runtime.types import Tensor, Weights

MIN_ROUNDED_CHANNELS = 16  # and filters, of a kernel whose rounding saves time


def gemm_kernel(w: Weights, *, products: str = "") -> Weights:
    """The kernel ``[K, C, F]`` transformed for `conv1d_gemm`.

    ``taps`` is ``[C, K, F]`` with the taps reversed, and ``columns`` is the same as a matrix. A
    kernel with few channels or filters is not rounded to ``products``, because that gains no time.
    """
    if "taps" in w:
        return w
    large = min(w["kernel"].shape[1:]) >= MIN_ROUNDED_CHANNELS
    kernel = tf.transpose(w["kernel"][::-1], [1, 0, 2])
    kernel = round_kernel(kernel, products) if large else kernel
    return {"taps": kernel, "columns": pad_columns(kernel)}


def conv1d_gemm(
    d: Tensor,
    w: Weights,
    *,
    dilation: int = 1,
    crop: tuple[int, int] | None = None,
    products: str = "",
) -> Tensor:
    """Convolution as products and an overlap-add: ``[N, W + (K-1) * dilation, F]``.

    Each position is multiplied with each tap, ``W * K`` products in all, and the products are
    added where they land. Groups follow from the shapes. ``crop`` is the first output and the
    number of outputs; products that land elsewhere are omitted.
    """
    w = gemm_kernel(w, products=products)
    kernel = w["taps"]
    channels, size, filters = kernel.shape
    groups = d.shape[2] // channels
    if groups > 1:
        parts = zip(tf.split(d, groups, 2), tf.split(kernel, groups, 2), strict=True)
        outputs = (
            conv1d_gemm(p, {"taps": k, "columns": pad_columns(k)}, dilation=dilation, crop=crop)
            for p, k in parts
        )
        return tf.concat(list(outputs), 2)
    if not crop:
        return overlap_add(matmul_taps(d, w["columns"], (size, filters)), dilation)
    pieces = crop_pieces(d, kernel, dilation, *crop)
    if not pieces:  # every tap lands outside the requested outputs
        return tf.zeros([d.shape[0], crop[1], filters], d.dtype)
    return add_pieces(pieces, crop[1])


def crop_pieces(
    d: Tensor, kernel: Tensor, dilation: int, first: int, out: int
) -> list[tuple[int, Tensor]]:
    """The offsets and pieces that `conv1d_gemm` adds up for ``out`` outputs from ``first`` on.

    ``kernel`` is ``[C, K, F]`` with the taps reversed.
    """
    (_, size, filters), pieces = kernel.shape, []
    for start, end, taps in tap_blocks(d.shape[1], size, dilation, first, out):
        columns = pad_columns(kernel[:, taps.start : taps.stop])
        y = matmul_taps(d[:, start:end], columns, (len(taps), filters))
        pieces += [(start + j * dilation - first, y[:, :, i]) for i, j in enumerate(taps)]
    return pieces


def conv1d_outer(d: Tensor, w: Weights, *, dilation: int = 1) -> Tensor:
    """Convolution of few channels as sums of scaled kernel rows, which fuse into readers."""
    kernel = w["kernel"][::-1]
    products = sum(d[:, :, None, c, None] * kernel[:, c] for c in range(d.shape[2]))
    return overlap_add(products, dilation)


def conv1d_toeplitz(d: Tensor, w: Weights, *, dilation: int = 1) -> Tensor:
    """Convolution as one product with the banded matrix of the kernel; no overlap-add."""
    size, channels, filters = w["kernel"].shape
    count, width, _ = d.shape
    out = width + (size - 1) * dilation
    kernel = w["kernel"][::-1]
    if dilation > 1:
        kernel = tf.reshape(kernel, [size, 1, channels, filters])
        kernel = tf.pad(kernel, [[0, 0], [0, dilation - 1], [0, 0], [0, 0]])
        kernel = tf.reshape(kernel, [size * dilation, channels, filters])
        kernel = kernel[: (size - 1) * dilation + 1]
    rows = [tf.pad(kernel, [[i, width - 1 - i], [0, 0], [0, 0]]) for i in range(width)]
    band = tf.reshape(tf.transpose(tf.stack(rows), [0, 2, 1, 3]), [width * channels, out * filters])
    return tf.reshape(tf.reshape(d, [count, width * channels]) @ band, [count, out, filters])


def conv1d_library(d: Tensor, w: Weights, *, strides: int = 1, dilation: int = 1) -> Tensor:
    """The library's convolution of a difference that includes its flanks."""
    return conv1d(d, {"kernel": w["kernel"]}, strides=strides, dilation=dilation)


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


def mean_stop(
    r: Tensor, d: Tensor, *, length: int, keepdims: bool = False, axes: Sequence[int] = (1,)
) -> Tensor:
    """A mean over positions: the reference output plus the mean of the difference."""
    change = tf.reduce_sum(d, axes, keepdims=keepdims) / length
    return per_mutant(r, d.shape[0]) + change


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
