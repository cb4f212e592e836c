"""MTSplice: two sequences through shared layers, with a weight for every position."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tests.zoo.weights import scaled


@keras.saving.register_keras_serializable(package="ismc_zoo")
class PositionWeight(keras.Layer):
    """Each position and channel is multiplied by ``1 + weight``, ``[B, L, C]`` to the same.

    The published layer draws the weights ``[L, C]`` from splines; here they are free.
    """

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.position = self.add_weight(shape=tuple(input_shape[1:]), name="position")

    def call(self, x: Any) -> Any:
        return x * (1.0 + self.position)


def mtsplice(length: int = 400, width: float = 1.0) -> keras.Model:
    """MTSplice (Cheng 2021): acceptor and donor ``[B, length, 4]`` to ``[B, 56]``."""
    channels = scaled(64, width)
    inputs = [keras.Input((length, 4), name=name) for name in ("acceptor", "donor")]
    shared = [
        layers.Conv1D(channels, 9, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.Conv1D(channels, 3, padding="same", dilation_rate=2, activation="relu"),
        layers.BatchNormalization(),
    ]
    sides = []
    for x in inputs:
        for layer in shared:
            x = layer(x)
        sides.append(PositionWeight()(x))
    x = layers.GlobalAveragePooling1D()(layers.Concatenate(axis=1)(sides))
    x = layers.Dropout(0.5)(layers.Dense(scaled(32, width), activation="relu")(x))
    return keras.Model(inputs, layers.Dense(56)(x), name="mtsplice")
