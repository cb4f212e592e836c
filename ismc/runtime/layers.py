"""Layers as Keras computes them, on tensors ``[batch, L, C]`` of any length.

The reference, slabs and everything that is recomputed in full use them. ``w`` holds the weights of
one layer by name. Formulas: Keras 3 documentation of the layer of the same name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from ismc.runtime.traits import reduces
from ismc.runtime.types import Tensor, Weights


def conv1d(
    x: Tensor,
    w: Weights,
    *,
    strides: int = 1,
    padding: str | Sequence[int] = "valid",
    dilation: int = 1,
) -> Tensor:
    """Conv1D without its activation; groups follow from the shapes of input and kernel.

    ``padding`` may also be the zeros before and after; negative numbers drop positions.
    """
    if not isinstance(padding, str):
        x, padding = shift(x, *padding), "valid"
    if padding == "causal":
        x = tf.pad(x, [[0, 0], [dilation * (w["kernel"].shape[0] - 1), 0], [0, 0]])
        padding = "valid"
    if strides > 1 and dilation > 1:
        y = _strided_dilated(x, w["kernel"], strides, dilation)
    else:
        y = tf.nn.convolution(x, w["kernel"], strides, _upper(padding), dilations=dilation)
    return y + w["bias"] if "bias" in w else y


def _strided_dilated(x: Tensor, kernel: Tensor, strides: int, dilation: int) -> Tensor:
    """Convolution without padding, with strides and dilation above 1; TensorFlow has no such op."""
    size, channels, filters = kernel.shape
    groups = x.shape[2] // channels
    stop = x.shape[1] - (size - 1) * dilation
    taps = tf.stack([x[:, j * dilation :][:, :stop:strides] for j in range(size)], 2)
    taps = tf.reshape(taps, [*taps.shape[:3], groups, channels])
    kernel = tf.reshape(kernel, [size, channels, groups, filters // groups])
    y = tf.einsum("nwkgc,kcgf->nwgf", taps, kernel)
    return tf.reshape(y, [*y.shape[:2], filters])


def dense(x: Tensor, w: Weights) -> Tensor:
    """Dense along the last axis."""
    y = tf.tensordot(x, w["kernel"], 1)
    return y + w["bias"] if "bias" in w else y


def batch_norm_scale(w: Weights, epsilon: float) -> Tensor:
    """``gamma / sqrt(variance + epsilon)``, shape ``[C]``."""
    scale = _rsqrt(w["moving_variance"] + epsilon)
    return scale * w["gamma"] if "gamma" in w else scale


def batch_norm(x: Tensor, w: Weights, *, epsilon: float) -> Tensor:
    """BatchNormalization at inference over the last axis."""
    y = (x - w["moving_mean"]) * batch_norm_scale(w, epsilon)
    return y + w["beta"] if "beta" in w else y


def layer_norm(x: Tensor, w: Weights, *, epsilon: float) -> Tensor:
    """LayerNormalization over the last axis."""
    mean, variance = tf.nn.moments(x, -1, keepdims=True)
    y = (x - mean) * _rsqrt(variance + epsilon)
    y = y * w["gamma"] if "gamma" in w else y
    return y + w["beta"] if "beta" in w else y


def _rsqrt(x: Tensor) -> Tensor:
    """``1 / sqrt(x)`` as a power, which TensorFlow lowers in 0.2 ms; `tf.math.rsqrt` takes 6."""
    return tf.pow(x, -0.5)


@reduces
def max_pool1d(
    x: Tensor, size: int, strides: int, padding: str = "valid", *, one_tile: bool = False
) -> Tensor:
    """MaxPooling1D.

    Pools over ``[B, L, 1, C]``. On a CPU, jaxlib 0.10.2 repeats the first positions if a batch of
    one is pooled over ``[B, 1, L, C]``, as TensorFlow's own op does. In a program of one tile,
    disjoint pools of two are the maximum of two slices, which XLA fuses with its neighbours.
    """
    if one_tile and size == strides == 2 and padding == "valid":
        return tf.maximum(x[:, : x.shape[1] // 2 * 2 : 2], x[:, 1::2])
    return max_pool2d(x[:, :, None], (size, 1), (strides, 1), padding)[:, :, 0]


@reduces
def max_pool2d(x: Tensor, size: Sequence[int], strides: Sequence[int], padding: str) -> Tensor:
    """MaxPooling2D."""
    return tf.nn.max_pool2d(x, size, strides, _upper(padding))


@reduces
def average_pool2d(x: Tensor, size: Sequence[int], strides: Sequence[int], padding: str) -> Tensor:
    """AveragePooling2D; positions outside the sequence do not count."""
    return tf.nn.avg_pool2d(x, size, strides, _upper(padding))


@reduces
def average_pool1d(x: Tensor, size: int, strides: int, padding: str = "valid") -> Tensor:
    """AveragePooling1D, like `max_pool1d`; positions outside the sequence do not count."""
    return average_pool2d(x[:, :, None], (size, 1), (strides, 1), padding)[:, :, 0]


@reduces
def global_average(x: Tensor, *, keepdims: bool = False) -> Tensor:
    """GlobalAveragePooling1D."""
    return tf.reduce_mean(x, 1, keepdims=keepdims)


@reduces
def global_max(x: Tensor, *, keepdims: bool = False) -> Tensor:
    """GlobalMaxPooling1D."""
    return tf.reduce_max(x, 1, keepdims=keepdims)


def crop(x: Tensor, before: int, after: int) -> Tensor:
    """Cropping1D."""
    return x[:, before : x.shape[1] - after]


def shift(x: Tensor, before: int, after: int) -> Tensor:
    """Adds zeros at the ends; negative numbers drop positions."""
    x = x[:, max(0, -before) : x.shape[1] - max(0, -after)]
    return zero_pad(x, max(0, before), max(0, after))


def take(x: Tensor, *, start: int, stride: int, length: int) -> Tensor:
    """``length`` positions, every ``stride`` from ``start``."""
    return x[:, start : start + (length - 1) * stride + 1 : stride]


def cast(x: Tensor, dtype: str) -> Tensor:
    """The value in another dtype."""
    return tf.cast(x, dtype)


def zero_pad(x: Tensor, before: int, after: int) -> Tensor:
    """ZeroPadding1D."""
    return tf.pad(x, [[0, 0], [before, after]] + [[0, 0]] * (x.shape.rank - 2))


def reshape(x: Tensor, tail: Sequence[int]) -> Tensor:
    """Flatten and Reshape: regroups positions so that each has the shape ``tail``."""
    size = 1
    for axis in x.shape[1:]:
        size *= axis
    for axis in tail:
        size //= axis
    return tf.reshape(x, [x.shape[0], size, *tail])


def prelu(x: Tensor, w: Weights) -> Tensor:
    """PReLU; ``alpha`` broadcasts to ``x``."""
    return tf.nn.relu(x) - w["alpha"] * tf.nn.relu(-x)


def average(*xs: Tensor) -> Tensor:
    """The Average merge."""
    return tf.add_n(xs) / len(xs) if _same(xs) else _fold(tf.add, xs) / len(xs)


def multiply(*xs: Tensor) -> Tensor:
    """The Multiply merge."""
    return _fold(tf.multiply, xs)


def maximum(*xs: Tensor) -> Tensor:
    """The Maximum merge."""
    return _fold(tf.maximum, xs)


def minimum(*xs: Tensor) -> Tensor:
    """The Minimum merge."""
    return _fold(tf.minimum, xs)


def concatenate(*xs: Tensor, axis: int) -> Tensor:
    """Concatenate; axis 1 is the length."""
    return tf.concat(xs, axis)


def _upper(padding: str) -> Any:
    return padding.upper()


def _same(xs: Sequence[Tensor]) -> bool:
    return all(x.shape == xs[0].shape for x in xs)


def _fold(op, xs: Sequence[Tensor]) -> Tensor:  # noqa: ANN001
    result = xs[0]
    for x in xs[1:]:
        result = op(result, x)
    return result
