"""Models inside models: residual blocks and fully connected blocks."""

from __future__ import annotations

import keras
from keras import layers

from tests.zoo.weights import scaled


def residual_block(length: int, before: int, channels: int, name: str) -> keras.Model:
    """Two convolutions and a shortcut: ``[B, length, before]`` to ``[B, length, channels]``."""
    x = keras.Input((length, before))
    y = layers.Conv1D(channels, 5, padding="same")(x)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.Conv1D(channels, 3, padding="same")(y)
    y = layers.BatchNormalization()(y)
    shortcut = x if before == channels else layers.Conv1D(channels, 1)(x)
    return keras.Model(x, layers.ReLU()(layers.Add()([y, shortcut])), name=name)


def dense_block(inputs: int, units: int, name: str) -> keras.Model:
    """Dense, BatchNormalization, relu and Dropout: ``[B, inputs]`` to ``[B, units]``."""
    return keras.Sequential(
        [
            keras.Input((inputs,)),
            layers.Dense(units),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Dropout(0.3),
        ],
        name=name,
    )


def nested_residual(length: int = 100, width: float = 1.0) -> keras.Model:
    """Residual blocks as models, the middle one called twice: ``[B, length, 4]`` to ``[B, 2]``."""
    narrow, wide = scaled(16, width), scaled(32, width)
    sequence = keras.Input((length, 4), name="sequence")
    x = residual_block(length, 4, narrow, "first")(sequence)
    x = layers.MaxPooling1D(2)(x)
    middle = residual_block(x.shape[1], narrow, narrow, "middle")
    x = middle(middle(x))
    x = residual_block(x.shape[1], narrow, wide, "last")(x)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(sequence, layers.Dense(2)(x), name="nested_residual")


def nested_dense(length: int = 100, width: float = 1.0) -> keras.Model:
    """Fully connected blocks two levels deep behind a convolution: to ``[B, 3]``."""
    units = scaled(32, width)
    sequence = keras.Input((length, 4), name="sequence")
    x = layers.Conv1D(scaled(16, width), 7, activation="relu")(sequence)
    x = layers.Flatten()(layers.MaxPooling1D(3)(x))
    inner = keras.Input((x.shape[1],))
    y = dense_block(x.shape[1], units, "level_2a")(inner)
    y = dense_block(units, units, "level_2b")(y)
    x = keras.Model(inner, y, name="level_1")(x)
    return keras.Model(sequence, layers.Dense(3, "sigmoid")(x), name="nested_dense")
