"""The models that are raced: those of the zoo, and two more for one purpose each."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tests.zoo import ZOO, random_inputs, randomise
from tests.zoo.weights import scaled


def build(name: str, arguments: dict[str, Any], seed: int = 0) -> keras.Model:
    """The model with seeded random weights; every side gets the same ones."""
    if name in OWN:
        return randomise(OWN[name](**arguments), seed)
    entry = ZOO[name]
    return randomise(entry.build(**arguments), seed, entry.gain)


def sequences(model: keras.Model, count: int = 1) -> Any:
    """Random one-hot sequences ``[count, L, 4]``, without unknown letters."""
    return random_inputs(model, count, seed=1, unknown=0)


def package_basset(length: int = 1000, width: float = 1.0) -> keras.Model:
    """Basset as the package yuzu has it: relu before the normalisation, and a linear end."""
    x = sequence = keras.Input((length, 4), name="sequence")
    for channels, kernel, pool in ((300, 19, 3), (200, 11, 4), (200, 7, 4)):
        x = layers.Conv1D(scaled(channels, width), kernel, padding="same", activation="relu")(x)
        x = layers.MaxPooling1D(pool)(layers.BatchNormalization(epsilon=1e-5)(x))
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dense(scaled(1000, width), activation="relu")(x)
        x = layers.BatchNormalization(epsilon=1e-5)(x)
    return keras.Model(sequence, layers.Dense(164)(x), name="package_basset")


def tower(length: int = 1000, kernel: int = 7, depth: int = 4, channels: int = 64) -> keras.Model:
    """Equal convolutions one after the other, for the growth of cost: to ``[B, 1]``."""
    x = sequence = keras.Input((length, 4), name="sequence")
    for _ in range(depth):
        x = layers.Conv1D(channels, kernel, padding="same", activation="relu")(x)
    y = layers.Dense(1)(layers.GlobalAveragePooling1D()(x))
    return keras.Model(sequence, y, name="tower")


OWN = {"package_basset": package_basset, "tower": tower}
