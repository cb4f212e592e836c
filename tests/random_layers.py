"""The menu of random layers on sequences ``[B, L, C]``, for random models.

A maker draws one layer for a length and a channel count, or declines with ``None`` when its draw
does not fit. `random_layer` draws until a maker accepts.
"""

# ruff: noqa: ARG001  (every function of a menu takes the same arguments)

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import keras
import numpy as np
from keras import layers

T = TypeVar("T")
Maker = Callable[["Draw", int, int], keras.Layer | None]
ACTIVATIONS: tuple[str, ...] = (
    "relu",
    "gelu",
    "tanh",
    "sigmoid",
    "softplus",
    "silu",
    "elu",
    "softmax",
    "selu",
)
MAX_LENGTH = 80


@dataclass
class Draw:
    """A stream of random choices, and the context inputs made on the way.

    Attributes:
        rng: the generator; the same seed draws the same model.
        contexts: inputs that are not mutated.
        level: how many models this draw is nested in.
    """

    rng: np.random.Generator
    contexts: list[Any] = field(default_factory=list)
    level: int = 0

    def integer(self, low: int, high: int) -> int:
        """An integer in ``[low, high]``."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, share: float) -> bool:
        """True in a ``share`` of all draws."""
        return bool(self.rng.random() < share)

    def pick(self, options: Sequence[T], weights: Sequence[float] | None = None) -> T:
        """One of the options."""
        if weights is None:
            return options[int(self.rng.integers(len(options)))]
        shares = np.asarray(weights) / np.sum(weights)
        return options[int(self.rng.choice(len(options), p=shares))]


@keras.saving.register_keras_serializable(package="ismc_tests")
class Backwards(keras.Layer):
    """The positions in reverse order: a layer that ismc has no rule for."""

    def call(self, x: Any) -> Any:
        return keras.ops.flip(x, axis=1)


def _activated(draw: Draw, channels: int, options: Sequence[T]) -> T:
    """An activation; a softmax over one channel is always one, and Keras warns of it."""
    return draw.pick([o for o in options if channels > 1 or o != "softmax"])


def _conv(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    kernel, padding = draw.integer(1, 9), draw.pick(("valid", "same", "causal"))
    strides, dilation = draw.pick(((1, 1), (draw.integer(2, 3), 1), (1, draw.integer(2, 4))))
    if padding == "valid" and length - (kernel - 1) * dilation < 2:
        return None
    groups = 1
    if draw.chance(0.3):
        groups = draw.pick([g for g in range(1, channels + 1) if channels % g == 0])
    filters = groups * draw.integer(1, max(1, 8 // groups))
    return layers.Conv1D(
        filters,
        kernel,
        strides=strides,
        dilation_rate=dilation,
        padding=padding,
        groups=groups,
        use_bias=draw.chance(0.8),
        activation=_activated(
            draw, filters, (None, None, "relu", "relu", "gelu", "tanh", "softmax")
        ),
    )


def _separable(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    kernel, padding = draw.integer(1, 6), draw.pick(("valid", "same"))
    if padding == "valid" and length - kernel < 2:
        return None
    if draw.chance(0.5):
        return layers.DepthwiseConv1D(kernel, padding=padding)
    return layers.SeparableConv1D(draw.integer(1, 6), kernel, padding=padding, activation="relu")


def _upsample(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    if length * 2 > MAX_LENGTH:
        return None
    if draw.chance(0.5):
        return layers.UpSampling1D(2)
    kernel, strides = draw.integer(1, 5), draw.integer(1, 2)
    padding = draw.pick(("valid", "same"))
    return layers.Conv1DTranspose(draw.integer(1, 6), kernel, strides, padding)


def _crop(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    left, right = draw.integer(0, 4), draw.integer(0, 4)
    return layers.Cropping1D((left, right)) if length - left - right >= 2 else None


def _pad(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    if length + 8 > MAX_LENGTH:
        return None
    return layers.ZeroPadding1D((draw.integer(0, 4), draw.integer(0, 4)))


def _pool(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    kind = draw.pick((layers.MaxPooling1D, layers.AveragePooling1D))
    size, strides = draw.integer(1, 5), draw.pick((None, None, 1, 2, 3, 4))
    padding = draw.pick(("valid", "same"))
    if length < 4 or size > length:
        return None
    return kind(size, strides, padding=padding)


def _dense(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    units = draw.integer(1, 8)
    activation = _activated(draw, units, (None, "relu", "tanh", "softmax"))
    layer = layers.Dense(units, activation, use_bias=draw.chance(0.8))
    return layers.TimeDistributed(layer) if draw.chance(0.15) else layer


def _normalise(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    if draw.chance(0.7) or channels < 3:
        return layers.BatchNormalization(center=draw.chance(0.8), scale=draw.chance(0.8))
    return layers.LayerNormalization(center=draw.chance(0.8), scale=draw.chance(0.8))


def _noop(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    return draw.pick(
        (
            layers.Dropout(0.5),
            layers.GaussianNoise(1.0),
            layers.GaussianDropout(0.5),
            layers.SpatialDropout1D(0.5),
            layers.ActivityRegularization(0.1),
            layers.Identity(),
        )
    )


def _activation(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    return layers.Activation(_activated(draw, channels, ACTIVATIONS))


def _activation_layer(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    shared = [1] if draw.chance(0.5) else None
    return draw.pick(
        (
            layers.ReLU(),
            layers.ReLU(max_value=1.0, threshold=0.3, negative_slope=0.1),
            layers.ReLU(max_value=0.8),
            layers.ELU(0.7),
            layers.LeakyReLU(negative_slope=0.2),
            layers.PReLU(shared_axes=shared),
            layers.PReLU(shared_axes=shared),
            layers.Softmax() if channels > 1 else layers.ReLU(),
        )
    )


def _reshape(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    if channels % 2 == 0 and length * 2 <= MAX_LENGTH and draw.chance(0.5):
        return layers.Reshape((length * 2, channels // 2))
    if length % 2 == 0 and length > 3 and channels <= 4:
        return layers.Reshape((length // 2, channels * 2))
    return None


def _stop(draw: Draw, length: int, channels: int) -> keras.Layer | None:
    units = draw.integer(2, 4)
    return draw.pick(
        (
            layers.LSTM(units, return_sequences=True),
            layers.GRU(units, return_sequences=True),
            layers.Bidirectional(layers.GRU(2, return_sequences=True)),
            layers.LayerNormalization(axis=1),
            layers.LayerNormalization(axis=[1, 2]),
            layers.Softmax(axis=1) if length > 1 else layers.LayerNormalization(axis=1),
            layers.BatchNormalization(axis=1),
            layers.Lambda(lambda x: keras.ops.cumsum(x, axis=1) / x.shape[1]),
            Backwards(),
        )
    )


LOCAL: tuple[tuple[float, Maker], ...] = (
    (8, _conv), (1, _separable), (1, _upsample), (1, _crop), (1, _pad), (3, _pool), (2, _dense),
    (3, _normalise), (1, _noop), (2, _activation), (2, _activation_layer), (0.7, _reshape),
)  # fmt: skip
ANY = (*LOCAL, (1.0, _stop))


def random_layer(
    draw: Draw, length: int, channels: int, menu: Sequence[tuple[float, Maker]] = ANY
) -> keras.Layer:
    """A layer that takes ``[B, length, channels]`` and gives a sequence again."""
    weights = [weight for weight, _ in menu]
    while True:
        layer = draw.pick([maker for _, maker in menu], weights)(draw, length, channels)
        if layer is not None:
            return layer


def apply_random(draw: Draw, x: Any, menu: Sequence[tuple[float, Maker]] = ANY) -> Any:
    """A random layer on ``x``, a tensor ``[B, L, C]``."""
    return random_layer(draw, x.shape[1], x.shape[2], menu)(x)
