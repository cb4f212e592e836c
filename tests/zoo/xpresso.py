"""Xpresso: a long promoter under very wide pooling, joined by six features."""

from __future__ import annotations

import keras
from keras import layers

from tests.zoo.weights import scaled


def xpresso(length: int = 10500, width: float = 1.0) -> keras.Model:
    """Xpresso (Agarwal 2020): ``[B, length, 4]`` and features ``[B, 6]`` to ``[B, 1]``."""
    sequence = keras.Input((length, 4), name="sequence")
    features = keras.Input((6,), name="features")
    x = layers.Conv1D(scaled(128, width), 6, padding="same", activation="relu")(sequence)
    x = layers.MaxPooling1D(30)(x)
    x = layers.Conv1D(scaled(32, width), 9, padding="same", activation="relu")(x)
    x = layers.MaxPooling1D(10)(x)
    x = layers.Concatenate()([layers.Flatten()(x), features])
    x = layers.Dropout(0.00099)(layers.Dense(scaled(64, width), activation="relu")(x))
    x = layers.Dropout(0.01546)(layers.Dense(2, activation="relu")(x))
    return keras.Model([sequence, features], layers.Dense(1)(x), name="xpresso")
