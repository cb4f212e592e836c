"""LegNet: inverted bottlenecks of grouped convolutions with squeeze-excite, concatenated."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from tests.zoo.weights import scaled

EXPANSION = 4


def legnet(length: int = 230, width: float = 1.0, per_group: int = 1) -> keras.Model:
    """LegNet (Penzar 2023, Agarwal 2025) as Keras 3 toolkits write it: to ``[B, 18]``.

    Args:
        length: positions of the sequence.
        width: factor of the channel counts.
        per_group: channels of one group of the grouped convolutions.
    """
    stem, *stages = (scaled(channels, width) for channels in (64, 80, 96, 112, 128))
    sequence = keras.Input((length, 4), name="sequence")
    x = _swish(layers.Conv1D(stem, 5, padding="same", use_bias=False)(sequence))
    for channels in stages:
        x = layers.Concatenate()([_bottleneck(x, per_group), x])
        x = _swish(layers.Conv1D(channels, 3, padding="same", use_bias=False)(x))
        x = layers.MaxPooling1D(2)(x)
    x = layers.Conv1D(2 * stages[-1], 1)(layers.BatchNormalization()(x))
    x = _swish(layers.Dense(2 * stages[-1])(ops.mean(x, axis=1)))
    return keras.Model(sequence, layers.Dense(18, activation="softplus")(x), name="legnet")


def _swish(x: Any) -> Any:
    return layers.Activation("swish")(layers.BatchNormalization()(x))


def _bottleneck(x: Any, per_group: int) -> Any:
    """Wide, along the positions, weighted by what all positions say, and narrow again."""
    channels = x.shape[-1]
    wide = EXPANSION * channels
    y = _swish(layers.Conv1D(wide, 1, use_bias=False)(x))
    groups = wide // per_group
    y = _swish(layers.Conv1D(wide, 3, padding="same", groups=groups, use_bias=False)(y))
    weight = layers.Dense(channels, activation="swish")(ops.mean(y, axis=1))
    weight = layers.Dense(wide, activation="sigmoid")(weight)
    y = layers.Multiply()([y, weight])
    return _swish(layers.Conv1D(channels, 1, use_bias=False)(y))
