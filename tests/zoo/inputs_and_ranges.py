"""A plain convolutional network, and networks with a second input joined to the sequence."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tests.zoo.weights import scaled


def _tower(x: Any, width: float) -> Any:
    for channels, kernel, pool in ((20, 7, 2), (30, 5, 2)):
        x = layers.Conv1D(scaled(channels, width), kernel, padding="same", activation="relu")(x)
        x = layers.MaxPooling1D(pool)(x)
    return x


def conv_net(length: int = 100, width: float = 1.0) -> keras.Model:
    """Three convolutions, pooling and Dense: ``[B, length, 4]`` to ``[B, 1]``."""
    x = sequence = keras.Input((length, 4), name="sequence")
    x = layers.Conv1D(scaled(20, width), 3, padding="same", activation="relu")(x)
    x = layers.Flatten()(_tower(x, width))
    x = layers.Dense(scaled(20, width), activation="relu")(x)
    return keras.Model(sequence, layers.Dense(1)(x), name="conv_net")


def alternate_ranges(length: int, width: int = 3) -> tuple[tuple[int, int], ...]:
    """Every other range of ``width`` positions that fits into ``length``."""
    return tuple((i, i + width) for i in range(0, length - width + 1, 2 * width))


def two_sequences(length: int = 100, width: float = 1.0) -> keras.Model:
    """A sequence and a second, shorter one: ``[B, length, 4]``, ``[B, length // 2, 4]``."""
    sequence = keras.Input((length, 4), name="sequence")
    context = keras.Input((length // 2, 4), name="context")
    second = layers.Conv1D(scaled(30, width), 5, padding="same", activation="relu")(context)
    x = layers.Concatenate(axis=1)([_tower(sequence, width), second])
    x = layers.Conv1D(scaled(30, width), 3, padding="same", activation="relu")(x)
    x = layers.Dense(scaled(20, width), activation="relu")(layers.Flatten()(x))
    return keras.Model([sequence, context], layers.Dense(1)(x), name="two_sequences")


def sequence_and_features(length: int = 100, width: float = 1.0) -> keras.Model:
    """Features that come first, before the sequence: ``[B, 10]``, ``[B, length, 4]``."""
    features = keras.Input((10,), name="features")
    sequence = keras.Input((length, 4), name="sequence")
    side = layers.Dense(scaled(20, width), activation="relu")(features)
    x = layers.Concatenate()([layers.Flatten()(_tower(sequence, width)), side])
    x = layers.Dense(scaled(20, width), activation="relu")(x)
    return keras.Model([features, sequence], layers.Dense(2)(x), name="sequence_and_features")
