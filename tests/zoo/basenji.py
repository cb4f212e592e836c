"""Basenji: activation, then convolution, then normalisation; dilated residuals at 128 bases."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

import ismc
from tests.zoo.weights import scaled


@keras.saving.register_keras_serializable(package="ismc_zoo")
class StochasticReverseComplement(keras.Layer):
    """Half of the training batches are read from the other strand; at inference the identity."""

    def call(self, x: Any, training: bool = False) -> Any:
        if not training:
            return x
        return ops.where(keras.random.uniform(()) < 0.5, ops.flip(x, axis=(1, 2)), x)


@keras.saving.register_keras_serializable(package="ismc_zoo")
class StochasticShift(keras.Layer):
    """Training batches are moved by up to ``most`` positions; at inference the identity."""

    def __init__(self, most: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.most = most

    def call(self, x: Any, training: bool = False) -> Any:
        if not training:
            return x
        shift = keras.random.randint((), -self.most, self.most + 1)
        return ops.roll(x, shift, axis=1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "most": self.most}


@ismc.rule(StochasticReverseComplement)
@ismc.rule(StochasticShift)
def stochastic(_: keras.Layer) -> ismc.Rule:
    """Every position stays where it is at inference."""
    return ismc.Rule(role=ismc.Role.SEE_THROUGH)


def sigmoid_gelu(x: Any) -> Any:
    """The gelu that Basenji and Enformer use, a function on a tensor and no layer."""
    return x * ops.sigmoid(1.702 * x)


def basenji(
    length: int = 131072, width: float = 1.0, tower: int = 6, depth: int = 11, crop: int = 64
) -> keras.Model:
    """Basenji (Kelley 2018, 2020): ``[B, length, 4]`` to ``[B, P, 5313]``.

    ``P`` is ``length / 2**(tower + 1) - 2 * crop``, by default 896.

    Args:
        length: positions of the sequence.
        width: factor of the channel and track counts.
        tower: convolutions with pooling after the first.
        depth: number of dilated residual blocks.
        crop: positions dropped at each end.
    """
    sequence = keras.Input((length, 4), name="sequence")
    x = StochasticShift(3)(StochasticReverseComplement()(sequence))
    x = _block(x, scaled(288, width), 15, pool=2)
    for i in range(tower):
        x = _block(x, scaled(round(339 * 1.1776**i), width), 5, pool=2)
    rate = 1
    for _ in range(depth):
        y = _block(x, scaled(384, width), 3, dilation=rate)
        y = layers.Dropout(0.3)(_block(y, x.shape[-1], 1))
        x = layers.Add()([x, y])
        rate = round(1.5 * rate)
    x = _block(layers.Cropping1D(crop)(x), scaled(1536, width), 1)
    x = sigmoid_gelu(layers.Dropout(0.05)(x))
    y = layers.Dense(scaled(5313, width), activation="softplus")(x)
    return keras.Model(sequence, y, name="basenji")


def _block(x: Any, channels: int, kernel: int, pool: int = 1, dilation: int = 1) -> Any:
    conv = layers.Conv1D(channels, kernel, padding="same", dilation_rate=dilation, use_bias=False)
    x = layers.BatchNormalization(momentum=0.9)(conv(sigmoid_gelu(x)))
    return layers.MaxPooling1D(pool, padding="same")(x) if pool > 1 else x
