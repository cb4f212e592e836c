"""DanQ: one wide convolution and a bidirectional LSTM over what its pooling leaves."""

from __future__ import annotations

import keras
from keras import layers

from tests.zoo.weights import scaled


def danq(length: int = 1000, width: float = 1.0) -> keras.Model:
    """DanQ (Quang 2016): ``[B, length, 4]`` to ``[B, 919]``."""
    x = sequence = keras.Input((length, 4), name="sequence")
    x = layers.Conv1D(scaled(320, width), 26, activation="relu")(x)
    x = layers.Dropout(0.2)(layers.MaxPooling1D(13)(x))
    x = layers.Bidirectional(layers.LSTM(scaled(320, width), return_sequences=True))(x)
    x = layers.Flatten()(layers.Dropout(0.5)(x))
    x = layers.Dense(scaled(925, width), activation="relu")(x)
    y = layers.Dense(scaled(919, width), activation="sigmoid")(x)
    return keras.Model(sequence, y, name="danq")
