"""Random recurrent layers and attention: layers that see every position."""

# ruff: noqa: ARG001  (every function of a menu takes the same arguments)

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from tests.generators.draw import Draw


def recurrent(draw: Draw, sequences: bool) -> keras.Layer:
    """LSTM, GRU or SimpleRNN, perhaps in both directions."""
    if draw.chance(0.3):
        mode = draw.pick(("concat", "sum", "mul", "ave"))
        return layers.Bidirectional(_one_way(draw, sequences, backwards=False), merge_mode=mode)
    return _one_way(draw, sequences, backwards=draw.chance(0.3))


def _one_way(draw: Draw, sequences: bool, backwards: bool) -> keras.Layer:
    kind = draw.pick((layers.LSTM, layers.GRU, layers.SimpleRNN))
    options: dict[str, Any] = {"return_sequences": sequences, "go_backwards": backwards}
    options["activation"] = draw.pick(("tanh", "tanh", "softsign", "sigmoid"))
    options["use_bias"] = draw.chance(0.8)
    if kind is layers.GRU:
        options["reset_after"] = draw.chance(0.5)
    if kind is not layers.SimpleRNN and draw.chance(0.2):
        options["recurrent_activation"] = "hard_sigmoid"
    return kind(draw.integer(2, 4), **options)


def recurrent_sequences(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    return recurrent(draw, sequences=True) if length <= 48 else None


def self_attention(draw: Draw, x: Any) -> Any:
    """Bare, or a block of a transformer."""
    attention = layers.MultiHeadAttention(
        draw.integer(1, 2), draw.integer(2, 3), use_bias=draw.chance(0.7)
    )
    if draw.chance(0.4) or x.shape[2] < 3:
        return attention(x, x)
    if draw.chance(0.5):
        y = layers.LayerNormalization()(x)
        return x + attention(y, y)
    y = layers.LayerNormalization()(layers.Add()([x, attention(x, x)]))
    hidden = layers.Dense(2 * x.shape[2], draw.pick(("gelu", "relu")))(y)
    return layers.LayerNormalization()(layers.Add()([y, layers.Dense(x.shape[2])(hidden)]))


def dot_attention(draw: Draw, x: Any) -> Any:
    """Layers of one score a pair, or products written out."""
    channels = draw.integer(2, 4)
    query, key, value = (layers.Dense(channels)(x) for _ in range(3))
    if draw.chance(0.3):
        weights = ops.softmax(ops.matmul(query, ops.transpose(key, (0, 2, 1))) / 2, axis=-1)
        return ops.matmul(weights, value)
    if draw.chance(0.3):
        scores = layers.Dot(axes=2)([query, key])
        return layers.Dot(axes=(2, 1))([layers.Softmax()(scores), value])
    if draw.chance(0.4):
        return layers.AdditiveAttention(use_scale=draw.chance(0.5))([query, value, key])
    return layers.Attention(use_scale=draw.chance(0.5))([query, value, key])
