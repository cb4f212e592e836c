"""Random convolutions and what goes with them, on sequences ``[B, L, C]``."""

# ruff: noqa: ARG001  (every function of a menu takes the same arguments)

from __future__ import annotations

import keras
from keras import layers

from tests.generators.draw import MAX_LENGTH, Draw, Maker

FUSED = (None, None, "relu", "relu", "gelu", "tanh", "softmax")


def _conv(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    kernel, padding = draw.integer(1, 9), draw.pick(("valid", "same", "causal"))
    strides, dilation = draw.pick(((1, 1), (draw.integer(2, 3), 1), (1, draw.integer(2, 4))))
    if padding == "valid" and length - (kernel - 1) * dilation < 2:
        return None
    groups = draw.divisor(channels) if draw.chance(0.3) else 1
    filters = groups * draw.integer(1, max(1, 8 // groups))
    return layers.Conv1D(
        filters,
        kernel,
        strides=strides,
        dilation_rate=dilation,
        padding=padding,
        groups=groups,
        use_bias=draw.chance(0.8),
        activation=draw.activation(filters, FUSED),
    )


def _depthwise(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    kernel, padding = draw.integer(1, 7), draw.pick(("valid", "same"))
    strides, dilation = draw.pick(((1, 1), (draw.integer(2, 3), 1), (1, draw.integer(2, 4))))
    if padding == "valid" and length - (kernel - 1) * dilation < 2:
        return None
    return layers.DepthwiseConv1D(
        kernel,
        strides=strides,
        dilation_rate=dilation,
        padding=padding,
        depth_multiplier=draw.pick((1, 1, 2)) if channels < 7 else 1,
        use_bias=draw.chance(0.7),
        activation=draw.activation(channels, FUSED),
    )


def _separable(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    kernel, padding = draw.integer(1, 7), draw.pick(("valid", "same"))
    strides, dilation = draw.pick(((1, 1), (draw.integer(2, 3), 1), (1, draw.integer(2, 4))))
    if padding == "valid" and length - (kernel - 1) * dilation < 2:
        return None
    filters = draw.integer(1, 6)
    return layers.SeparableConv1D(
        filters,
        kernel,
        strides=strides,
        dilation_rate=dilation,
        padding=padding,
        depth_multiplier=draw.pick((1, 1, 2)),
        use_bias=draw.chance(0.7),
        activation=draw.activation(filters, FUSED),
    )


def _transposed(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    """Kernels smaller and larger than the strides; Keras has no strides with dilation.

    An even kernel with "same" and no output padding gives a length that TensorFlow itself fails on.
    """
    kernel, padding = draw.integer(1, 6), draw.pick(("valid", "same"))
    strides, dilation = draw.pick(((1, 1), (draw.integer(2, 3), 1), (1, draw.integer(2, 3))))
    more = draw.integer(0, strides - 1) if draw.chance(0.4) and dilation == 1 else None
    filters = draw.integer(1, 6)
    short = padding == "same" and more == 0 and kernel % 2 == 0
    if short or length * strides + kernel * dilation > MAX_LENGTH:
        return None
    return layers.Conv1DTranspose(
        filters,
        kernel,
        strides=strides,
        padding=padding,
        output_padding=more,
        dilation_rate=dilation,
        use_bias=draw.chance(0.7),
        activation=draw.activation(filters, FUSED),
    )


def _upsample(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    times = draw.integer(2, 3)
    return layers.UpSampling1D(times) if length * times <= MAX_LENGTH else None


def _crop(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    left, right = draw.integer(0, 4), draw.integer(0, 4)
    return layers.Cropping1D((left, right)) if length - left - right >= 2 else None


def _pad(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    if length + 8 > MAX_LENGTH:
        return None
    return layers.ZeroPadding1D((draw.integer(0, 4), draw.integer(0, 4)))


def _pool(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    kind = draw.pick((layers.MaxPooling1D, layers.AveragePooling1D))
    size, strides = draw.integer(1, 5), draw.pick((None, None, 1, 2, 3, 4))
    padding = draw.pick(("valid", "same"))
    if length < 4 or size > length:
        return None
    return kind(size, strides, padding=padding)


CONVOLUTIONS: tuple[tuple[float, Maker], ...] = (
    (7, _conv), (1.2, _depthwise), (1.2, _separable), (1, _transposed), (0.5, _upsample),
    (1, _crop), (1, _pad), (3, _pool),
)  # fmt: skip
