"""A pooling layer of the user's own, with weights, taught to ismc by a rule."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

import ismc
from tests.zoo.weights import scaled


@keras.saving.register_keras_serializable(package="ismc_zoo")
class AttentionPooling(keras.Layer):
    """Each window of ``pool_size`` positions becomes its softmax-weighted sum.

    ``[B, L, C]`` to ``[B, L // pool_size, C]``; the logits are a learnt projection
    ``[C, C]`` of the positions, one softmax per channel over the window.
    """

    def __init__(self, pool_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pool_size = pool_size

    def build(self, input_shape: tuple[int, ...]) -> None:
        channels = input_shape[-1]
        self.kernel = self.add_weight(shape=(channels, channels), name="kernel")

    def compute_output_shape(self, input_shape: tuple[int, ...]) -> tuple[Any, ...]:
        batch, length, channels = input_shape
        return batch, length // self.pool_size, channels

    def call(self, x: Any) -> Any:
        length, channels = x.shape[1], x.shape[2]
        pools = length // self.pool_size
        x = x[:, : pools * self.pool_size]
        x = keras.ops.reshape(x, (-1, pools, self.pool_size, channels))
        weights = keras.ops.softmax(keras.ops.matmul(x, self.kernel), axis=-2)
        return keras.ops.sum(x * weights, axis=-2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pool_size": self.pool_size}


@ismc.rule(AttentionPooling)
def attention_pooling(layer: AttentionPooling) -> ismc.Rule:
    """Every window of positions is pooled by itself."""
    window = ismc.Window(size=layer.pool_size, stride=layer.pool_size)
    return ismc.Rule(role=ismc.Role.POOLING, linear=False, window=window)


def attention_pool_net(length: int = 128, width: float = 1.0) -> keras.Model:
    """Convolutions with attention pooling: ``[B, length, 4]`` to ``[B, 5]``."""
    x = sequence = keras.Input((length, 4), name="sequence")
    for channels, kernel, pool in ((32, 9, 2), (48, 5, 4)):
        x = layers.Conv1D(scaled(channels, width), kernel, padding="same")(x)
        x = layers.Activation("gelu")(layers.BatchNormalization()(x))
        x = AttentionPooling(pool)(x)
    x = layers.Flatten()(x)
    return keras.Model(sequence, layers.Dense(5, "softplus")(x), name="attention_pool_net")
