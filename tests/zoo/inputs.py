"""Random inputs for a model: one-hot sequences with some N, and features."""

from __future__ import annotations

import keras
import numpy as np

Inputs = np.ndarray | list[np.ndarray]


def one_hot(
    rng: np.random.Generator, batch: int, length: int, channels: int = 4, unknown: float = 0.03
) -> np.ndarray:
    """One-hot sequences ``[batch, length, channels]``; a share ``unknown`` of N is all zeros."""
    x = np.eye(channels, dtype=np.float32)[rng.integers(channels, size=(batch, length))]
    x[rng.random((batch, length)) < unknown] = 0
    return x


def random_inputs(
    model: keras.Model, batch: int = 1, seed: int = 0, unknown: float = 0.03
) -> Inputs:
    """One array for each input of ``model``: one-hot where it has four channels, else normal."""
    rng = np.random.default_rng(seed)
    arrays = []
    for tensor in model.inputs:
        shape = tuple(tensor.shape[1:])
        if len(shape) == 2 and shape[1] == 4:
            arrays.append(one_hot(rng, batch, *shape, unknown=unknown))
        else:
            arrays.append(rng.standard_normal((batch, *shape), dtype=np.float32))
    return arrays if len(arrays) > 1 else arrays[0]
