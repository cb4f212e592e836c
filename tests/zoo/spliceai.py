"""SpliceAI: sixteen dilated residual units of 32 channels, and skips that are summed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from tests.zoo.weights import scaled


def spliceai(
    length: int | None = 10001,
    width: float = 1.0,
    context: int = 10000,
    units: int = 4,
    kernels: Sequence[int] = (11, 11, 21, 41),
    dilations: Sequence[int] = (1, 4, 10, 25),
) -> keras.Model:
    """SpliceAI (Jaganathan 2019): ``[B, length, 4]`` to ``[B, length - context, 3]``.

    Args:
        length: positions of the sequence; ``None`` for a model of any length, as published.
        width: factor of the channel counts.
        context: positions that are cropped, half of them at each end.
        units: residual units of each group.
        kernels: kernel size of each group.
        dilations: dilation of each group. By default the network sees exactly ``context``
            positions around each output.
    """
    channels = scaled(32, width)
    sequence = keras.Input((length, 4), name="sequence")
    x = layers.Conv1D(channels, 1)(sequence)
    skip = layers.Conv1D(channels, 1)(x)
    for kernel, dilation in zip(kernels, dilations, strict=True):
        for _ in range(units):
            x = _residual_unit(x, channels, kernel, dilation)
        skip = layers.Add()([skip, layers.Conv1D(channels, 1)(x)])
    x = layers.Cropping1D(context // 2)(skip)
    return keras.Model(sequence, layers.Conv1D(3, 1, activation="softmax")(x), name="spliceai")


def _residual_unit(x: Any, channels: int, kernel: int, dilation: int) -> Any:
    y = x
    for _ in range(2):
        y = layers.Activation("relu")(layers.BatchNormalization()(y))
        y = layers.Conv1D(channels, kernel, padding="same", dilation_rate=dilation)(y)
    return layers.Add()([x, y])
