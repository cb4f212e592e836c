"""A model whose rule is wrong, and what it is run on."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

import ismc
from tests.zoo import randomise

LENGTH = 60


class Blur(layers.Layer):
    """The mean of five positions."""

    def call(self, x: Any) -> Any:
        padded: Any = ops.pad(x, [[0, 0], [2, 2], [0, 0]])
        n = int(x.shape[1])
        return sum(padded[:, i : i + n] for i in range(5)) / 5.0


def rule(size: int) -> ismc.Rule:
    """What is said of `Blur`: it is true for a size of 5."""
    side = size // 2
    window = ismc.Window(size=size, pad=side)
    return ismc.Rule(ismc.Role.LOCAL, window=window, outside=0.0, trim=(side, side))


WRONG: dict[str, Any] = {"rules": {"blur": rule(3)}, "verify": False}
RIGHT: dict[str, Any] = {"rules": {"blur": rule(5)}, "verify": False}


def network(seed: int = 0) -> keras.Model:
    """Two heads: ``head`` ``[3]`` and ``track`` ``[60, 2]``."""
    sequence = keras.Input((LENGTH, 4), name="sequence")
    x = layers.Conv1D(8, 5, padding="same", activation="relu")(sequence)
    x = layers.Conv1D(6, 3, padding="same")(Blur(name="blur")(x))
    heads = {
        "head": layers.Dense(3, name="head")(layers.GlobalMaxPooling1D()(x)),
        "track": layers.Conv1D(2, 1, name="track")(x),
    }
    return randomise(keras.Model(sequence, heads), seed)


def sequences(count: int, seed: int = 0) -> np.ndarray:
    """Random letters ``[count, 60, 4]``."""
    letters = np.random.default_rng(seed).integers(0, 4, (count, LENGTH))
    return np.eye(4, dtype=np.float32)[letters]
