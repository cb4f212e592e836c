"""BPNet, same and valid: dilated convolutions, a profile and a count."""

from __future__ import annotations

import keras
from keras import layers

from tests.zoo.weights import scaled


def bpnet(
    length: int = 1000, width: float = 1.0, depth: int = 9, transposed: bool = False
) -> keras.Model:
    """BPNet (Avsec 2021): ``[B, length, 4]`` to profile ``[B, length, 2]`` and counts ``[B, 2]``.

    Args:
        length: positions of the sequence.
        width: factor of the channel counts.
        depth: number of dilated convolutions; dilations double from 2.
        transposed: whether the profile is a Conv2DTranspose, as first published.
    """
    channels = scaled(64, width)
    sequence = keras.Input((length, 4), name="sequence")
    x = layers.Conv1D(channels, 25, padding="same", activation="relu")(sequence)
    for i in range(1, depth + 1):
        y = layers.Conv1D(channels, 3, padding="same", dilation_rate=2**i, activation="relu")(x)
        x = layers.Add()([x, y])
    if transposed:
        y = layers.Reshape((length, 1, channels))(x)
        y = layers.Conv2DTranspose(2, (25, 1), padding="same")(y)
        profile = layers.Reshape((length, 2), name="profile")(y)
    else:
        profile = layers.Conv1D(2, 25, padding="same", name="profile")(x)
    counts = layers.Dense(2, name="counts")(layers.GlobalAveragePooling1D()(x))
    return keras.Model(sequence, [profile, counts], name="bpnet")


def bpnet_dense(
    length: int = 2114, width: float = 1.0, depth: int = 8, kernel: int = 75
) -> keras.Model:
    """BPNet with valid convolutions, each added to all before it, and two bias tracks.

    Inputs are the sequence ``[B, length, 4]``, the control profile ``[B, P, 2]`` and the control
    counts ``[B, 2]``; outputs the profile ``[B, P, 2]`` and the counts ``[B, 2]``. With the
    defaults ``P`` is 1000.

    Args:
        length: positions of the sequence.
        width: factor of the channel counts.
        depth: number of dilated convolutions; dilations double from 2.
        kernel: of the profile's convolution.
    """
    channels = scaled(64, width)
    sequence = keras.Input((length, 4), name="sequence")
    before = [layers.Conv1D(channels, 21, activation="relu")(sequence)]
    for i in range(1, depth + 1):
        total = layers.Add()(before) if len(before) > 1 else before[0]
        y = layers.Conv1D(channels, 3, dilation_rate=2**i, activation="relu")(total)
        before = [layers.Cropping1D(2**i)(value) for value in before] + [y]
    x = layers.Add()(before)

    profile = layers.Conv1D(2, kernel)(x)
    control_profile = keras.Input((profile.shape[1], 2), name="control_profile")
    control_counts = keras.Input((2,), name="control_counts")
    profile = layers.Concatenate()([profile, control_profile])
    profile = layers.Conv1D(2, 1, name="profile")(profile)
    counts = layers.Concatenate()([layers.GlobalAveragePooling1D()(x), control_counts])
    counts = layers.Dense(2, name="counts")(counts)
    inputs = [sequence, control_profile, control_counts]
    return keras.Model(inputs, [profile, counts], name="bpnet_dense")
