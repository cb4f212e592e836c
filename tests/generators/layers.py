"""The menu of random layers on sequences ``[B, L, C]``, for random models.

A maker draws one layer for a length and a channel count, or declines with ``None`` when its draw
does not fit. `random_layer` draws until a maker accepts.
"""

# ruff: noqa: ARG001  (every function of a menu takes the same arguments)

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tests.generators.conv import CONVOLUTIONS
from tests.generators.draw import ACTIVATIONS, MAX_LENGTH, Draw, Maker, Menu
from tests.generators.ops import FUNCTIONS, LOCAL_FUNCTIONS
from tests.generators.recurrent import recurrent_sequences


@keras.saving.register_keras_serializable(package="ismc_tests")
class Backwards(keras.Layer):
    """The positions in reverse order: a layer that ismc has no rule for."""

    def call(self, x: Any) -> Any:
        return keras.ops.flip(x, axis=1)


def _dense(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    units = draw.integer(1, 8)
    activation = draw.activation(units, (None, "relu", "tanh", "softmax"))
    if draw.chance(0.06):
        return layers.EinsumDense("blc,cd->bld", (length, units), activation, bias_axes="d")
    return layers.Dense(units, activation, use_bias=draw.chance(0.7))


def _distributed(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    """Layers of one position in `TimeDistributed`."""
    units = draw.integer(2, 6)
    layer = draw.pick(
        (
            layers.Dense(units, draw.pick((None, "relu")), use_bias=draw.chance(0.7)),
            layers.LayerNormalization() if channels > 2 else layers.BatchNormalization(),
            layers.Activation("tanh"),
            keras.Sequential([keras.Input((channels,)), layers.Dense(units), layers.ReLU()]),
        ),
        (4, 2, 1, 1),
    )
    return layers.TimeDistributed(layer)


def _normalise(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    center, scale = draw.chance(0.8), draw.chance(0.8)
    if draw.chance(0.6) or channels < 3:
        return layers.BatchNormalization(center=center, scale=scale)
    epsilon = draw.pick((1e-3, 1e-2))
    return layers.LayerNormalization(center=center, scale=scale, epsilon=epsilon)


def _noop(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    return draw.pick(
        (
            layers.Dropout(0.5),
            layers.GaussianNoise(1.0),
            layers.GaussianDropout(0.5),
            layers.SpatialDropout1D(0.5),
            layers.ActivityRegularization(0.1),
            layers.Identity(),
            layers.Activation("linear"),
            layers.AlphaDropout(0.2),
        )
    )


def _activation(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    return layers.Activation(draw.activation(channels, ACTIVATIONS))


def _activation_layer(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    shared = [1] if draw.chance(0.5) else None
    return draw.pick(
        (
            layers.ReLU(),
            layers.Rescaling(0.5, offset=0.2),
            layers.Normalization(mean=0.3, variance=2.0),
            layers.Lambda(keras.ops.silu),
            layers.ReLU(max_value=1.0, threshold=0.3, negative_slope=0.1),
            layers.ReLU(max_value=0.8),
            layers.ELU(0.7),
            layers.LeakyReLU(negative_slope=0.2),
            layers.PReLU(shared_axes=shared),
            layers.PReLU(shared_axes=shared),
            layers.Softmax() if channels > 1 and not draw.masked else layers.ReLU(),
        )
    )


def _reshape(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    if channels % 2 == 0 and length * 2 <= MAX_LENGTH and draw.chance(0.5):
        return layers.Reshape((length * 2, channels // 2))
    if length % 2 == 0 and length > 3 and channels <= 4:
        return layers.Reshape((length // 2, channels * 2))
    return None


def _stop(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    """Layers that see every position."""
    groups = draw.divisor(channels)
    return draw.pick(
        (
            layers.LayerNormalization(axis=1),
            layers.LayerNormalization(axis=[1, 2]),
            layers.GroupNormalization(groups),
            layers.GroupNormalization(groups, center=draw.chance(0.5), scale=draw.chance(0.5)),
            layers.Softmax(axis=1)
            if length > 1 and not draw.masked
            else layers.LayerNormalization(axis=1),
            layers.BatchNormalization(axis=1),
            layers.Lambda(lambda x: keras.ops.cumsum(x, axis=1) / x.shape[1]),
            Backwards(),
        )
    )


LOCAL: tuple[tuple[float, Maker], ...] = (
    *CONVOLUTIONS, (2, _dense), (0.5, _distributed), (3, _normalise), (1, _noop),
    (2, _activation), (2, _activation_layer), (0.7, _reshape),
)  # fmt: skip
ANY = (*LOCAL, (1.2, _stop), (0.8, recurrent_sequences))


def random_layer(draw: Draw, length: int, channels: int, menu: Menu = ANY) -> keras.Layer:
    """A layer that takes ``[B, length, channels]`` and gives a sequence again."""
    return draw.from_menu(menu, length, channels)


def apply_random(draw: Draw, x: Any, menu: Menu = ANY, functions: float = 0.25) -> Any:
    """A random layer on ``x``, a tensor ``[B, L, C]``, or a function in a share of all draws."""
    if draw.chance(functions):
        menu = FUNCTIONS if menu is ANY else LOCAL_FUNCTIONS
    return draw.from_menu(menu, *x.shape[1:])(x)
