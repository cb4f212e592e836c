"""Beluga: valid convolutions in pairs, a Flatten of 67840 and two Dense of 2000."""

from __future__ import annotations

import keras
from keras import layers

from tests.zoo.weights import scaled


def beluga(length: int = 2000, width: float = 1.0) -> keras.Model:
    """DeepSEA Beluga (Zhou 2018): ``[B, length, 4]`` to ``[B, 2002]``."""
    x = sequence = keras.Input((length, 4), name="sequence")
    for channels, pool, dropout in ((320, 4, 0.2), (480, 4, 0.2), (640, 1, 0.5)):
        for _ in range(2):
            x = layers.Conv1D(scaled(channels, width), 8, activation="relu")(x)
        x = layers.Dropout(dropout)(x)
        if pool > 1:
            x = layers.MaxPooling1D(pool)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(scaled(2003, width), activation="relu")(x)
    y = layers.Dense(scaled(2002, width), activation="sigmoid")(x)
    return keras.Model(sequence, y, name="beluga")
