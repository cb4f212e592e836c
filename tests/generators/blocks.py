"""Random blocks of published models, on sequences ``[B, L, C]``: pooling, gates, attention."""

# ruff: noqa: ARG001  (every function of a menu takes the same arguments)

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.generators.draw import MAX_LENGTH, Draw


def softmax_pooling(draw: Draw, x: Any) -> Any:
    """Enformer's pooling: pairs of positions, weighted by a softmax over the pair."""
    _, length, channels = x.shape
    size = draw.integer(2, 3)
    if length < 3 * size:
        return None
    if length % size:
        x = x[:, : length - length % size]
    groups = (-1, length // size, size, channels)
    x = layers.Reshape(groups[1:])(x) if draw.chance(0.5) else ops.reshape(x, groups)
    scores = layers.Dense(channels, use_bias=False)(x) if draw.chance(0.6) else 2.0 * x
    if draw.chance(0.5):
        return ops.sum(x * ops.softmax(scores, axis=2), axis=2)
    weights = layers.Softmax(axis=2)(scores)
    return ops.sum(layers.Multiply()([x, weights]), axis=-2)


def squeeze_excite(draw: Draw, x: Any) -> Any:
    channels = x.shape[2]
    mean = draw.pick(
        (
            layers.GlobalAveragePooling1D(keepdims=True),
            lambda t: ops.mean(t, axis=1, keepdims=True),
            lambda t: layers.Reshape((1, channels))(layers.GlobalAveragePooling1D()(t)),
            lambda t: ops.expand_dims(layers.GlobalMaxPooling1D()(t), 1),
        )
    )(x)
    if draw.chance(0.5):
        mean = layers.Dense(draw.integer(1, 4), "relu")(mean)
    gate = layers.Dense(channels, activation="sigmoid")(mean)
    return layers.Multiply()([x, gate]) if draw.chance(0.5) else x * gate


def repeated(draw: Draw, x: Any) -> Any:
    """A vector of the whole sequence at every position, alone or beside the value."""
    pooled = draw.pick((layers.GlobalAveragePooling1D(), layers.GlobalMaxPooling1D()))(x)
    if draw.chance(0.4):
        pooled = layers.Dense(draw.integer(2, 4), "tanh")(pooled)
    if draw.chance(0.6):
        y = layers.RepeatVector(x.shape[1])(pooled)
        return draw.pick((layers.Concatenate()([x, y]), layers.Concatenate()([y, x])))
    y = layers.RepeatVector(draw.integer(6, 14))(pooled)
    return y + 0.3 * draw.normal(y.shape[1], 1)


def gate(draw: Draw, x: Any) -> Any:
    """A gate from features, or from another sequence: the mutation does not reach it."""
    if draw.level or len(draw.contexts) > 2:
        return None
    name = len(draw.contexts)
    if draw.chance(0.6):
        given = keras.Input((draw.integer(1, 5),), name=f"features_{name}")
        vector = layers.Dense(x.shape[2], activation="sigmoid")(given)
    else:
        given = keras.Input((draw.integer(5, 9), 3), name=f"context_{name}")
        vector = layers.GlobalAveragePooling1D()(
            layers.Conv1D(x.shape[2], 3, activation="tanh")(given)
        )
    draw.contexts.append(given)
    return draw.pick(
        (
            lambda: x * ops.expand_dims(vector, 1),
            lambda: x * vector[:, None, :],
            lambda: layers.Multiply()([layers.RepeatVector(x.shape[1])(vector), x]),
            lambda: layers.Reshape((1, x.shape[2]))(vector) * x,
            lambda: x + ops.repeat(vector[:, None], x.shape[1], axis=1),
        )
    )()  # fmt: skip


def glu(draw: Draw, x: Any) -> Any:
    """One half of the channels gates the other."""
    channels = draw.integer(1, 4)
    y = layers.Conv1D(2 * channels, draw.pick((1, 3)), padding="same")(x)
    return draw.pick(
        (
            lambda: y[..., :channels] * ops.sigmoid(y[..., channels:]),
            lambda: ops.glu(y, axis=-1),
            lambda: ops.tanh(y[:, :, ::2]) * layers.Activation("sigmoid")(y[:, :, 1::2]),
        )
    )()


def unit(draw: Draw, x: Any) -> Any:
    """Normalisations that would blow up rounding at zero, kept away from it by a bias."""
    y = layers.Dense(draw.integer(3, 6))(x)
    y = y + (0.3 + np.abs(draw.normal(y.shape[2])))
    return draw.pick((layers.UnitNormalization(), layers.RMSNormalization()))(y)


def positional(draw: Draw, x: Any) -> Any:
    """A value for each position is added."""
    length, channels = x.shape[1:]
    phases = np.arange(length)[:, None] / (1.0 + np.arange(channels))
    return x + 0.5 * np.sin(phases, dtype=np.float32)


def downsampled(draw: Draw, x: Any) -> Any:
    """A U-shape: down, a convolution, up, and the value from before beside it."""
    length, channels = x.shape[1:]
    if length < 8 or length > MAX_LENGTH:
        return None
    down = draw.pick(
        (layers.MaxPooling1D(2), layers.AveragePooling1D(2), layers.Conv1D(4, 2, strides=2))
    )(x)
    y = layers.Conv1D(channels, draw.integer(1, 3), padding="same", activation="relu")(down)
    up = draw.pick(
        (
            layers.UpSampling1D(2),
            layers.Conv1DTranspose(channels, draw.integer(2, 4), strides=2, padding="same"),
            lambda t: ops.repeat(t, 2, axis=1),
        )
    )(y)
    x = x[:, : up.shape[1]]
    return draw.pick((layers.Concatenate(), layers.Add()))([up, x])


BLOCKS = (
    (1, softmax_pooling), (0.5, squeeze_excite), (0.3, repeated), (0.8, gate), (0.8, glu),
    (0.7, unit), (0.5, positional), (0.8, downsampled),
)  # fmt: skip


def block(draw: Draw, x: Any) -> Any:
    """One of the blocks."""
    return draw.from_menu(BLOCKS, x)


def attention_pooling(draw: Draw, x: Any) -> Any:
    """One vector: positions weighted by a softmax over them."""
    hidden = layers.Dense(3, "tanh")(x) if draw.chance(0.4) else x
    scores = layers.Dense(1, use_bias=draw.chance(0.5))(hidden)
    layer = draw.chance(0.5) and not draw.masked
    weights = layers.Softmax(axis=1)(scores) if layer else ops.softmax(scores, axis=1)
    if draw.chance(0.5):
        return layers.Flatten()(layers.Dot(axes=1)([x, weights]))
    if draw.chance(0.3):
        return layers.GlobalAveragePooling1D()(x * weights) * x.shape[1]
    return ops.sum(x * weights, axis=1)
