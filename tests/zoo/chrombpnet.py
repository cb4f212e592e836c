"""ChromBPNet: valid dilated convolutions on 512 channels, alone and joined to its bias model."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tests.zoo.weights import scaled


def _body(sequence: Any, channels: int, depth: int, out_length: int, kernel: int) -> list[Any]:
    """Profile logits ``[B, out_length]`` and log counts ``[B, 1]``."""
    x = layers.Conv1D(channels, 21, activation="relu")(sequence)
    for i in range(1, depth + 1):
        y = layers.Conv1D(channels, 3, dilation_rate=2**i, activation="relu")(x)
        x = layers.Add()([y, layers.Cropping1D(2**i)(x)])
    profile = layers.Conv1D(1, kernel)(x)
    spare = profile.shape[1] - out_length
    profile = layers.Cropping1D((spare // 2, spare - spare // 2))(profile)
    profile = layers.Flatten(name="profile")(profile)
    counts = layers.Dense(1, name="counts")(layers.GlobalAveragePooling1D()(x))
    return [profile, counts]


def chrombpnet_nobias(
    length: int = 2114,
    width: float = 1.0,
    depth: int = 8,
    out_length: int = 1000,
    kernel: int = 75,
) -> keras.Model:
    """ChromBPNet without bias: ``[B, length, 4]`` to ``[B, out_length]`` and ``[B, 1]``."""
    sequence = keras.Input((length, 4), name="sequence")
    outputs = _body(sequence, scaled(512, width), depth, out_length, kernel)
    return keras.Model(sequence, outputs, name="chrombpnet_nobias")


def chrombpnet(
    length: int = 2114,
    width: float = 1.0,
    depth: int = 8,
    out_length: int = 1000,
    kernel: int = 75,
) -> keras.Model:
    """The full ChromBPNet: a bias model and a main model nested in one, profiles added."""
    main = chrombpnet_nobias(length, width, depth, out_length, kernel)
    inner = keras.Input((length, 4), name="sequence")
    body = _body(inner, scaled(128, width), min(depth, 4), out_length, kernel)
    bias = keras.Model(inner, body, name="bias")
    sequence = keras.Input((length, 4), name="sequence")
    (profile, counts), (bias_profile, bias_counts) = main(sequence), bias(sequence)
    profile = layers.Add(name="profile")([profile, bias_profile])
    counts = layers.Concatenate()([counts, bias_counts])
    counts = layers.Lambda(_log_sum_exp, output_shape=(1,), name="counts")(counts)
    return keras.Model(sequence, [profile, counts], name="chrombpnet")


def _log_sum_exp(x: Any) -> Any:
    return keras.ops.logsumexp(x, axis=-1, keepdims=True)
