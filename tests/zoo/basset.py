"""Basset and Factorized Basset: same convolutions, wide pooling, two Dense of 1000."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tests.zoo.weights import scaled


def _conv(x: Any, channels: int, kernel: int, width: float) -> Any:
    x = layers.Conv1D(scaled(channels, width), kernel, padding="same")(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def _head(x: Any, outputs: int, width: float) -> Any:
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dense(scaled(1000, width))(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.Dropout(0.3)(x)
    return layers.Dense(scaled(outputs, width), activation="sigmoid")(x)


def basset(length: int = 1000, width: float = 1.0) -> keras.Model:
    """Basset (Kelley 2016): ``[B, length, 4]`` to ``[B, 164]``."""
    x = sequence = keras.Input((length, 4), name="sequence")
    for channels, kernel, pool in ((300, 19, 3), (200, 11, 4), (200, 7, 4)):
        x = layers.MaxPooling1D(pool)(_conv(x, channels, kernel, width))
    return keras.Model(sequence, _head(x, 164, width), name="basset")


def factorized_basset(length: int = 1000, width: float = 1.0) -> keras.Model:
    """Factorized Basset (Wnuk 2017): ``[B, length, 4]`` to ``[B, 164]``."""
    stages = (
        (((48, 3), (64, 3), (100, 3), (150, 7), (300, 7)), 3),
        (((200, 7), (200, 3), (200, 3)), 4),
        (((200, 7),), 4),
    )
    x = sequence = keras.Input((length, 4), name="sequence")
    for convolutions, pool in stages:
        for channels, kernel in convolutions:
            x = _conv(x, channels, kernel, width)
        x = layers.MaxPooling1D(pool)(x)
    return keras.Model(sequence, _head(x, 164, width), name="factorized_basset")
