"""Random layers on values with two axes beside the channels: ``[B, L, W, C]``."""

# ruff: noqa: ARG001  (every function of a menu takes the same arguments)

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from tests.generators.draw import MAX_LENGTH, Draw, Function
from tests.generators.ops import POINTWISE

MAX_WIDTH = 4


def image_step(draw: Draw, x: Any) -> Any:
    """From positions to an image of positions, one to three layers, and back."""
    x = to_image(draw, x)
    for _ in range(draw.integer(1, 3)):
        x = draw.from_menu(IMAGES, *x.shape[1:])(x)
    return from_image(draw, x)


def to_image(draw: Draw, x: Any) -> Any:
    """``[L, 1, C]`` mostly; else ``[L, C, 1]``, or ``[L, 2, C / 2]``, or two values stacked."""
    _, length, channels = x.shape
    kind = draw.pick(("one", "columns", "pairs", "stack"), (4, 2, 2, 1))
    if kind == "columns" and channels <= 8:
        x = layers.Reshape((length, channels, 1))(x) if draw.chance(0.5) else x[..., None]
        filters = draw.integer(2, 5)
        kernel = (draw.integer(1, min(5, length - 1)), channels)
        if draw.chance(0.7):
            return layers.Conv2D(filters, kernel, activation=draw.pick((None, "relu")))(x)
        return layers.Conv2D(filters, kernel, strides=(1, channels), padding="same")(x)
    if kind == "pairs" and channels % 2 == 0:
        return layers.Reshape((length, 2, channels // 2))(x)
    if kind == "stack":
        return ops.stack([x, layers.Dense(channels, "tanh")(x)], axis=2)
    if draw.chance(0.5):
        return ops.expand_dims(x, 2)
    return layers.Reshape((length, 1, channels))(x)


def from_image(draw: Draw, x: Any) -> Any:
    """The image as positions again."""
    _, length, width, channels = x.shape
    if width == 1 and draw.chance(0.5):
        return ops.squeeze(x, axis=2)
    if width > 1 and draw.chance(0.3):
        return draw.pick((ops.mean, ops.max, ops.sum))(x, axis=2)
    if width > 1 and draw.chance(0.2):
        return x[:, :, 0]
    if width > 1 and draw.chance(0.2):
        layer = draw.pick((layers.Flatten(), layers.GlobalMaxPooling1D()))
        return layers.TimeDistributed(layer)(x)
    return layers.Reshape((length, width * channels))(x)


def _conv(draw: Draw, length: int, width: int, channels: int) -> keras.Layer | None:
    kernel = (draw.integer(1, 7), draw.integer(1, width))
    padding = draw.pick(("valid", "same"))
    strides, dilation = draw.pick(
        (((1, 1), (1, 1)), ((draw.integer(2, 3), 1), (1, 1)), ((1, 1), (draw.integer(2, 3), 1)))
    )
    if padding == "valid" and length - (kernel[0] - 1) * dilation[0] < 2:
        return None
    groups = draw.divisor(channels) if draw.chance(0.2) else 1
    filters = groups * draw.integer(1, max(1, 6 // groups))
    return layers.Conv2D(
        filters,
        kernel,
        strides=strides,
        padding=padding,
        dilation_rate=dilation,
        groups=groups,
        use_bias=draw.chance(0.8),
        activation=draw.activation(filters, (None, None, "relu", "gelu", "softmax")),
    )


def _transposed(draw: Draw, length: int, width: int, channels: int) -> keras.Layer | None:
    kernel, strides = draw.integer(1, 6), draw.integer(1, 2)
    if length * strides + kernel > MAX_LENGTH:
        return None
    return layers.Conv2DTranspose(
        draw.integer(1, 5),
        (kernel, 1),
        strides=(strides, 1),
        padding=draw.pick(("valid", "same")),
        use_bias=draw.chance(0.7),
        activation=draw.pick((None, "relu")),
    )


def _depthwise(draw: Draw, length: int, width: int, channels: int) -> keras.Layer | None:
    kernel, padding = draw.integer(1, 5), draw.pick(("valid", "same"))
    if length < 7:
        return None
    if draw.chance(0.5):
        return layers.DepthwiseConv2D((kernel, 1), padding=padding, use_bias=draw.chance(0.7))
    return layers.SeparableConv2D(draw.integer(1, 5), (kernel, 1), padding=padding)


def _pool(draw: Draw, length: int, width: int, channels: int) -> keras.Layer | None:
    kind = draw.pick((layers.MaxPooling2D, layers.AveragePooling2D))
    size, strides = draw.integer(1, 4), draw.pick((None, None, 1, 2, 3))
    across = draw.pick((1, 1, width))
    if length < 6:
        return None
    return kind(
        (size, across),
        strides and (strides, across),
        padding=draw.pick(("valid", "same")),
    )


def _move(draw: Draw, length: int, width: int, channels: int) -> Any:
    """Padding, cropping, repeating and reordering."""
    if length < 6 or length * 2 > MAX_LENGTH:
        return None
    top, bottom = draw.integer(0, 2), draw.integer(0, 2)
    options: list[Function] = [
        layers.ZeroPadding2D(((top, bottom), (0, 0))),
        layers.Cropping2D(((top, bottom), (0, 0))),
        layers.UpSampling2D((2, 1)),
        lambda t: t[:, top : length - bottom],
        lambda t: ops.pad(t, [[0, 0], [top, bottom], [0, 0], [0, 0]]),
    ]
    if channels <= MAX_WIDTH:
        options += [layers.Permute((1, 3, 2)), lambda t: ops.transpose(t, (0, 1, 3, 2))]
    if width < MAX_WIDTH:
        options += [layers.ZeroPadding2D(((0, 0), (1, 0)))]
    if width > 1:
        options += [lambda t: t[:, :, ::-1], lambda t: t[:, :, 1:], lambda t: t[:, :, :1]]
    return draw.pick(options)


def _same(draw: Draw, length: int, width: int, channels: int) -> Any:
    """Layers that keep every axis."""
    alpha = draw.pick(([1], [1, 2], [1, 3]))
    options: list[Function] = [
        layers.BatchNormalization(),
        layers.BatchNormalization(),
        layers.BatchNormalization(scale=False),
        layers.ReLU(),
        layers.Activation(draw.pick(("gelu", "tanh", "sigmoid", "silu"))),
        layers.PReLU(shared_axes=alpha),
        layers.SpatialDropout2D(0.3),
        layers.Dropout(0.3),
        draw.pick(POINTWISE),
        draw.pick(POINTWISE),
    ]
    if channels > 2:
        options += [layers.LayerNormalization(), layers.Softmax()]
    return draw.pick(options)


def _dense(draw: Draw, length: int, width: int, channels: int) -> keras.Layer:
    """A layer of each position and column, or of all columns of a position."""
    if width > 1 and draw.chance(0.3):
        return layers.TimeDistributed(layers.Conv1D(draw.integer(1, 4), 2, padding="same"))
    return layers.Dense(draw.integer(2, 6), draw.pick((None, "relu")))


IMAGES = ((4, _conv), (1.2, _transposed), (0.7, _depthwise), (1.5, _pool), (1, _move), (3, _same),
          (0.6, _dense))  # fmt: skip


def profile_head(draw: Draw, x: Any) -> Any:
    """A profile through a transposed convolution of images, as BPNet has it."""
    kernel, strides = draw.integer(1, 8), draw.integer(1, 2)
    x = layers.Reshape((x.shape[1], 1, x.shape[2]))(x)
    y = layers.Conv2DTranspose(
        draw.integer(1, 2), (kernel, 1), strides=(strides, 1), padding=draw.pick(("same", "valid"))
    )(x)
    if draw.chance(0.3):
        return y
    if draw.chance(0.3):
        return layers.Dense(2)(layers.Flatten()(y))
    return layers.Reshape((-1, y.shape[3]))(y)


def pooled_head(draw: Draw, x: Any) -> Any:
    """A global pooling, or Flatten, of an image."""
    x = to_image(draw, x)
    pooled = draw.pick(
        (
            layers.GlobalAveragePooling2D(),
            layers.GlobalMaxPooling2D(),
            layers.Flatten(),
            lambda t: ops.mean(t, axis=(1, 2)),
            lambda t: ops.max(t, axis=(1, 2)),
        )
    )(x)
    return layers.Dense(draw.integer(2, 4))(pooled)
