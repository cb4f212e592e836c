"""Random weights of a sensible scale, and the scaling of channel counts."""

from __future__ import annotations

from math import prod, sqrt

import keras
import numpy as np


def scaled(channels: int, width: float) -> int:
    """``channels * width``, at least one."""
    return max(1, round(channels * width))


def randomise(model: keras.Model, seed: int, gain: float = sqrt(2)) -> keras.Model:
    """Gives every weight of ``model`` a seeded random value, in place, and returns the model.

    Kernels have the standard deviation ``gain / sqrt(fan in)``: with ``sqrt(2)`` the mean square of
    a value survives a convolution followed by relu. BatchNormalization and LayerNormalization
    leave their defaults in all four of gamma, beta, mean and variance.
    """
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        if "float" in str(variable.dtype):
            shape = tuple(variable.shape)
            inputs = _fan_in(variable.path, shape)
            variable.assign(_draw(rng, variable.name, shape, gain / sqrt(max(1, inputs))))
    return model


def _fan_in(path: str, shape: tuple[int, ...]) -> int:
    """How many inputs one output reads, from the names and the shape of a kernel."""
    *_, owner, name = f"/{path}".split("/")
    if name == "depthwise_kernel" or owner in ("query", "key", "value"):
        return shape[0]
    return prod(shape[:-1])


def _draw(
    rng: np.random.Generator, name: str, shape: tuple[int, ...], deviation: float
) -> np.ndarray:
    if name == "gamma":
        return rng.uniform(0.5, 1.5, shape)
    if name == "moving_variance":
        return rng.uniform(0.5, 2.0, shape)
    if name == "alpha":
        return rng.uniform(-0.2, 0.6, shape)
    noise = rng.standard_normal(shape, dtype=np.float32)
    if name in ("beta", "moving_mean"):
        return noise * np.float32(0.2)
    if "bias" in name:
        return noise * np.float32(0.1)
    if name == "position":
        return noise * np.float32(0.5)
    return noise * np.float32(deviation)
