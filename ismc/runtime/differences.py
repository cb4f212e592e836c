"""Linear layers on differences ``[N, W, C]``: biases drop out, no reference is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

import tensorflow as tf

from ismc.runtime.layers import average_pool1d, batch_norm_scale, conv1d
from ismc.runtime.overlap import add_pieces, overlap_add, tap_blocks
from ismc.runtime.positions import _spread, gather_windows, mask_outside, per_mutant, place
from ismc.runtime.products import matmul_taps, pad_columns, product, rounded
from ismc.runtime.types import Tensor, Weights

MANY = 16


def gemm_kernel(w: Weights, *, products: str = "") -> Weights:
    """The kernel ``[K, C, F]`` as products take it, ``[C, K, F]`` and backwards; made once.

    ``columns`` is the same as a matrix.

    Kernels of few channels or filters are not rounded to ``products``: it would gain nothing.
    """
    if "taps" in w:
        return w
    worth = min(w["kernel"].shape[1:]) >= MANY
    kernel = tf.transpose(w["kernel"][::-1], [1, 0, 2])
    kernel = rounded(kernel, products) if worth else kernel
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

    Every position is multiplied with every row of the kernel, ``W * K`` products in all, and
    the products are added up where they land. Groups follow from the shapes. With ``crop``, the
    first output and how many are wanted, rows whose products land elsewhere are left out.
    """
    w = gemm_kernel(w, products=products)
    kernel = w["taps"]
    channels, size, filters = kernel.shape
    groups = d.shape[2] // channels
    if groups > 1:
        parts = zip(tf.split(d, groups, 2), tf.split(kernel, groups, 2), strict=True)
        each = (
            conv1d_gemm(p, {"taps": k, "columns": pad_columns(k)}, dilation=dilation, crop=crop)
            for p, k in parts
        )
        return tf.concat(list(each), 2)
    if not crop:
        return overlap_add(matmul_taps(d, w["columns"], (size, filters)), dilation)
    pieces = cropped(d, kernel, dilation, *crop)
    if not pieces:  # every tap lands beyond the outputs that are wanted
        return tf.zeros([d.shape[0], crop[1], filters], d.dtype)
    return add_pieces(pieces, crop[1])


def cropped(
    d: Tensor, kernel: Tensor, dilation: int, first: int, out: int
) -> list[tuple[int, Tensor]]:
    """What `conv1d_gemm` adds up for ``out`` outputs from ``first`` on: where it lands, and it.

    ``kernel`` is ``[C, K, F]`` and backwards.
    """
    (_, size, filters), pieces = kernel.shape, []
    for begin, end, wanted in tap_blocks(d.shape[1], size, dilation, first, out):
        columns = pad_columns(kernel[:, wanted.start : wanted.stop])
        y = matmul_taps(d[:, begin:end], columns, (len(wanted), filters))
        pieces += [(begin + j * dilation - first, y[:, :, i]) for i, j in enumerate(wanted)]
    return pieces


def conv1d_outer(d: Tensor, w: Weights, *, dilation: int = 1) -> Tensor:
    """The same for few channels: sums of scaled kernel rows, which fuse into what follows."""
    kernel = w["kernel"][::-1]
    products = sum(d[:, :, None, c, None] * kernel[:, c] for c in range(d.shape[2]))
    return overlap_add(products, dilation)


def conv1d_toeplitz(d: Tensor, w: Weights, *, dilation: int = 1) -> Tensor:
    """The same as one product with the banded matrix of the kernel; no overlap-add."""
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
    """The library's convolution of a difference that already has its flanks."""
    return conv1d(d, {"kernel": w["kernel"]}, strides=strides, dilation=dilation)


def batch_norm_difference(d: Tensor, w: Weights, *, epsilon: float) -> Tensor:
    """BatchNormalization of a difference: the scale alone."""
    return d * batch_norm_scale(w, epsilon)


def dense_difference(d: Tensor, w: Weights, *, products: str = "") -> Tensor:
    """Dense along the last axis, without its bias."""
    kernel = rounded(w["kernel"], products)
    y = product(tf.reshape(d, [-1, d.shape[-1]]), kernel)
    return tf.reshape(y, [*d.shape[:-1], kernel.shape[1]])


def average_difference(*ds: Tensor, count: int) -> Tensor:
    """The Average merge of ``count`` values, of which these differ."""
    return tf.add_n(ds) / count


def zeros_beside(d: Tensor, tail: Sequence[int]) -> Tensor:
    """The difference of a value that does not change, beside ``d``: ``[N, W, *tail]`` zeros."""
    return tf.zeros([*d.shape[:2], *tail], d.dtype)


def broadcast_channels(d: Tensor, tail: Sequence[int]) -> Tensor:
    """A difference repeated along the channels that it was broadcast to."""
    return tf.broadcast_to(d, [*d.shape[:2], *tail])


def pick(d: Tensor, step: int, keys: Sequence[int | Sequence[int]]) -> Tensor:
    """Every ``step``-th position, and of each the channels that ``keys`` name."""
    tail = (key if isinstance(key, int) else slice(*key) for key in keys)
    return d[(slice(None), slice(None, None, step), *tail)]


def repeat(d: Tensor, times: int) -> Tensor:
    """Each position several times: UpSampling1D."""
    return tf.repeat(d, times, axis=1)


def average_pool_difference(
    s: Tensor, starts: Tensor, *, size: int, strides: int, pad: int = 0, length: int = 0
) -> Tensor:
    """AveragePooling1D of a difference with its flanks; divides by the positions that count.

    Args:
        s: ``[N, (W-1) * strides + size, C]`` differences, zero outside the sequence.
        starts: ``int32[M]`` first outputs.
        size: positions of a window.
        strides: positions from one window to the next.
        pad: positions of padding before the sequence.
        length: length of the input, where windows reach beyond its ends; else 0.
    """
    total = average_pool1d(s, size, strides)
    if not length:
        return total
    first = (starts[:, None] + tf.range(total.shape[1])) * strides - pad
    counted = tf.minimum(first + size, length) - tf.maximum(first, 0)
    scale = size / tf.cast(tf.maximum(counted, 1), s.dtype)
    return total * _spread(scale, s.shape[0])[:, :, None]


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
    """Dense after Flatten: the reference answer plus what the changed positions contribute.

    Args:
        r: ``[B, F]`` the reference answer, bias included.
        d: ``[N, W]`` the flattened difference.
        starts: ``int32[M]`` the position of each difference.
        rows: ``int32`` the first kernel row of the tile.
        w: the weights of the Dense.
        band: the number of kernel rows that the tile touches.
        grain: positions that move together; divides widths and offsets.
        products: the type that operands of the product are rounded to, if any.
    """
    count, width = d.shape
    kernel = tf.slice(w["kernel"], [rows, 0], [band, w["kernel"].shape[1]])
    blocks = tf.reshape(d, [count, width // grain, grain])
    placed = place(blocks, (starts - rows) // grain, band // grain)
    return per_mutant(r, count) + product(
        tf.reshape(placed, [count, band]), rounded(kernel, products)
    )


def mean_stop(
    r: Tensor, d: Tensor, *, length: int, keepdims: bool = False, axes: Sequence[int] = (1,)
) -> Tensor:
    """A mean over positions: the reference answer plus that of the difference."""
    change = tf.reduce_sum(d, axes, keepdims=keepdims) / length
    return per_mutant(r, d.shape[0]) + change


def global_max_stop(r: Tensor, s: Tensor, starts: Tensor, *, keepdims: bool = False) -> Tensor:
    """GlobalMaxPooling1D from the slab and the maxima of the reference before and after it.

    Args:
        r: ``[B, L, C]`` the reference of the layer's input.
        s: ``[N, W, C]`` mutated values.
        starts: ``int32[M]`` their positions.
        keepdims: whether the answer is ``[N, 1, C]``.
    """
    length, width = r.shape[1], s.shape[1]
    edge = tf.fill([r.shape[0], 1, *r.shape[2:]], -inf)
    before = tf.concat([edge, _running(tf.maximum, r)], 1)
    after = tf.concat([_running(tf.maximum, r[:, ::-1])[:, ::-1], edge], 1)
    here = tf.reduce_max(mask_outside(s, starts, length, -inf), 1, keepdims=True)
    left = gather_windows(before, tf.maximum(starts, 0), 1)
    right = gather_windows(after, tf.minimum(starts + width, length), 1)
    most = tf.maximum(here, tf.maximum(left, right))
    return most if keepdims else most[:, 0]


def sum_stop(
    r: Tensor,
    s: Tensor,
    starts: Tensor,
    *,
    length: int,
    keepdims: bool = False,
    axes: Sequence[int] = (1,),
) -> Tensor:
    """A mean over positions from values alone: nothing is taken away that was added before.

    Args:
        r: ``[B, L, ..., C]`` the reference of the layer's input.
        s: ``[N, W, ..., C]`` mutated values.
        starts: ``int32[M]`` their positions.
        length: what the sum is divided by.
        keepdims: whether the axes stay, with length one.
        axes: those that are added up, 1 for the positions among them.
    """
    others, total, width = [axis for axis in axes if axis != 1], r.shape[1], s.shape[1]
    r, s = (tf.reduce_sum(v, others, keepdims=True) for v in (r, s))
    edge = tf.zeros([r.shape[0], 1, *r.shape[2:]], r.dtype)
    before = tf.concat([edge, _running(tf.add, r)], 1)
    after = tf.concat([_running(tf.add, r[:, ::-1])[:, ::-1], edge], 1)
    here = tf.reduce_sum(mask_outside(s, starts, total), 1, keepdims=True)
    left = gather_windows(before, tf.maximum(starts, 0), 1)
    right = gather_windows(after, tf.minimum(starts + width, total), 1)
    y = (left + here + right) / length
    return y if keepdims else tf.squeeze(y, list(axes))


def _running(add: Callable[[Tensor, Tensor], Tensor], x: Tensor) -> Tensor:
    """Maximum, or sum, of each position and all before it, in ``log2(L)`` steps."""
    step = 1
    while step < x.shape[1]:
        x = tf.concat([x[:, :step], add(x[:, step:], x[:, :-step])], 1)
        step *= 2
    return x
