"""Topic models of a Keras 3 toolkit: residual blocks with same pooling, and a recurrent one."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tests.zoo.weights import scaled


def topic_cnn(length: int = 500, width: float = 1.0, classes: int = 80) -> keras.Model:
    """The convolutional topic model: ``[B, length, 4]`` to ``[B, classes]``.

    Five blocks, the last two of them residual, the last of all with an even kernel.
    """
    wide, narrow = scaled(1024, width), scaled(512, width)
    x = sequence = keras.Input((length, 4), name="sequence")
    x = _pooled(_block(x, wide, 17, "gelu"))
    for _ in range(2):
        x = _pooled(_block(x, narrow, 11, "relu"))
    x = _pooled(layers.Add()([_block(x, narrow, 5, "relu"), x]))
    x = layers.Add()([_block(x, narrow, 2, "relu"), x])
    x = layers.Dropout(0.5)(layers.Flatten()(x))
    x = layers.Dense(scaled(1024, width), use_bias=False)(x)
    x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Dense(classes)(layers.Dropout(0.5)(x))
    return keras.Model(sequence, layers.Activation("sigmoid")(x), name="topic_cnn")


def _block(x: Any, channels: int, kernel: int, activation: str) -> Any:
    x = layers.Conv1D(channels, kernel, padding="same", use_bias=False)(x)
    return layers.Activation(activation)(layers.BatchNormalization(momentum=0.9)(x))


def _pooled(x: Any) -> Any:
    return layers.Dropout(0.15)(layers.MaxPooling1D(4, padding="same")(x))


def topic_lstm(length: int = 500, width: float = 1.0, classes: int = 24) -> keras.Model:
    """The recurrent topic model, with overlapping pooling: to ``[B, classes]``."""
    units = scaled(128, width)
    x = sequence = keras.Input((length, 4), name="sequence")
    x = layers.Conv1D(scaled(300, width), 30, activation="relu")(x)
    x = layers.Dropout(0.2)(layers.MaxPooling1D(15, strides=5)(x))
    x = layers.TimeDistributed(layers.Dense(units, activation="relu"))(x)
    lstm = layers.LSTM(units, dropout=0.1, recurrent_dropout=0.1, return_sequences=True)
    x = layers.Dropout(0.2)(layers.Bidirectional(lstm)(x))
    x = layers.Dense(scaled(256, width), activation="relu")(layers.Flatten()(x))
    y = layers.Dense(classes, activation="sigmoid")(layers.Dropout(0.4)(x))
    return keras.Model(sequence, y, name="topic_lstm")
