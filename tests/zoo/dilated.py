"""The dilated network of Keras 3 toolkits: 512 channels, gelu, cropped residuals."""

from __future__ import annotations

import keras
from keras import layers

from tests.zoo.weights import scaled


def dilated_cnn(
    length: int = 2114, width: float = 1.0, depth: int = 8, classes: int = 19
) -> keras.Model:
    """Dilated convolutions to classes: ``[B, length, 4]`` to ``[B, classes]``."""
    channels = scaled(512, width)
    sequence = keras.Input((length, 4), name="sequence")
    x = layers.Conv1D(channels, 5, padding="same", use_bias=False)(sequence)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.Activation("gelu")(x)
    x = layers.Dropout(0.1)(x)
    for i in range(1, depth + 1):
        y = layers.Conv1D(channels, 3, dilation_rate=2**i, use_bias=False)(x)
        y = layers.BatchNormalization(momentum=0.9)(y)
        y = layers.Activation("relu")(y)
        x = layers.Add()([y, layers.Cropping1D(2**i)(x)])
        x = layers.Dropout(0.1)(x)
    x = layers.GlobalAveragePooling1D()(x)
    y = layers.Dense(classes, activation="softplus")(x)
    return keras.Model(sequence, y, name="dilated_cnn")
