"""DeepSTARR: four same convolutions with pooling by two, and two scalar heads."""

from __future__ import annotations

import keras
from keras import layers

from tests.zoo.weights import scaled


def deepstarr(length: int = 249, width: float = 1.0) -> keras.Model:
    """DeepSTARR (de Almeida 2022): ``[B, length, 4]`` to a list of two ``[B, 1]``."""
    x = sequence = keras.Input((length, 4), name="sequence")
    for channels, kernel in ((256, 7), (60, 3), (60, 5), (120, 3)):
        x = layers.Conv1D(scaled(channels, width), kernel, padding="same")(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
        x = layers.MaxPooling1D(2)(x)
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dense(scaled(256, width))(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
        x = layers.Dropout(0.4)(x)
    heads = [layers.Dense(1, name=name)(x) for name in ("developmental", "housekeeping")]
    return keras.Model(sequence, heads, name="deepstarr")
