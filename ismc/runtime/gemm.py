"""Convolution of a difference by direct products and an overlap-add."""

from __future__ import annotations

import tensorflow as tf

from ismc.runtime.overlap import add_pieces, overlap_add, tap_blocks
from ismc.runtime.products import matmul_taps, pad_columns, round_kernel
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
    d: Tensor, w: Weights, *, dilation: int = 1, crop: tuple[int, int] | None = None
) -> Tensor:
    """Convolution as products and an overlap-add: ``[N, W + (K-1) * dilation, F]``.

    Each position is multiplied with each tap, ``W * K`` products in all, and the products are
    added where they land. Groups follow from the shapes. ``crop`` is the first output and the
    number of outputs; products that land elsewhere are omitted.
    """
    w = gemm_kernel(w)
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
