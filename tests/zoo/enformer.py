"""Enformer: a tower of convolutions with attention pooling, then a transformer."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from tests.zoo.attention import AttentionPooling
from tests.zoo.basenji import sigmoid_gelu
from tests.zoo.transformer import block, channel_counts, heads, transformer
from tests.zoo.weights import scaled


def enformer(
    length: int = 196608,
    width: float = 1.0,
    tower: int = 6,
    depth: int = 11,
    crop: int = 320,
    pooling: str = "layer",
) -> keras.Model:
    """Enformer (Avsec 2021): ``[B, length, 4]`` to 5313 human and 1643 mouse tracks.

    Each output is ``[B, length / 2**(tower + 1) - 2 * crop, tracks]``, by default of 896
    positions.

    Args:
        length: positions of the sequence.
        width: factor of the channel and track counts.
        tower: convolutions with pooling after the first.
        depth: number of transformer blocks.
        crop: positions dropped at each end.
        pooling: ``"layer"`` for the custom layer with a rule, ``"ops"`` for functions of Keras.
    """
    sequence = keras.Input((length, 4), name="sequence")
    x = layers.Conv1D(scaled(768, width), 15, padding="same")(sequence)
    x = _pool(_pointwise(x), pooling)
    for channels in channel_counts(768, 1536, tower, 128):
        x = block(x, sigmoid_gelu, scaled(channels, width), 5)
        x = _pool(_pointwise(x), pooling)
    for _ in range(depth):
        x = transformer(x, width, dropout=0.4)
    x = layers.Cropping1D(crop)(x)
    x = layers.Dropout(0.05)(block(x, sigmoid_gelu, scaled(3072, width), 1))
    tracks = heads(sigmoid_gelu(x), width, {"human": 5313, "mouse": 1643})
    return keras.Model(sequence, tracks, name="enformer")


def _pointwise(x: Any) -> Any:
    return layers.Add()([x, block(x, sigmoid_gelu, x.shape[-1], 1)])


def _pool(x: Any, how: str) -> Any:
    """Pairs of positions become their weighted sum, one softmax for each channel."""
    if how == "layer":
        return AttentionPooling(2)(x)
    length, channels = x.shape[1:]
    pairs = layers.Reshape((length // 2, 2, channels))(x)
    weights = ops.softmax(layers.Dense(channels, use_bias=False)(pairs), axis=-2)
    return ops.sum(pairs * weights, axis=-2)
