"""Borzoi: a tower with max-pooling, a transformer, and two steps back up to 32 bases."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from tests.zoo.transformer import block, channel_counts, heads, transformer
from tests.zoo.weights import scaled


def borzoi(
    length: int = 524288, width: float = 1.0, tower: int = 6, depth: int = 8, crop: int = 5120
) -> keras.Model:
    """Borzoi (Linder 2023): ``[B, length, 4]`` to 7611 human and 2608 mouse tracks.

    Each output is ``[B, length / 2**(tower - 1) - 2 * crop, tracks]``, by default of 6144
    positions.

    Args:
        length: positions of the sequence, a multiple of ``2**(tower + 1)``.
        width: factor of the channel and track counts.
        tower: convolutions with pooling after the first, at least two.
        depth: number of transformer blocks.
        crop: positions dropped at each end.
    """
    channels = scaled(1536, width)
    sequence = keras.Input((length, 4), name="sequence")
    x = layers.Conv1D(scaled(512, width), 15, padding="same")(sequence)
    x = layers.MaxPooling1D(2, padding="same")(x)
    fine = []
    for count in channel_counts(608, 1536, tower, 32):
        x = block(x, _tanh_gelu, scaled(count, width), 5)
        fine.append(x)
        x = layers.MaxPooling1D(2, padding="same")(x)
    for _ in range(depth):
        x = transformer(x, width, dropout=0.2)
    for before in (fine[-1], fine[-2]):
        x = layers.UpSampling1D(2)(block(x, _tanh_gelu, channels, 1))
        x = layers.Add()([x, block(before, _tanh_gelu, channels, 1)])
        x = layers.SeparableConv1D(channels, 3, padding="same")(x)
    x = layers.Cropping1D(crop)(x)
    x = layers.Dropout(0.1)(block(x, _tanh_gelu, scaled(1920, width), 1))
    tracks = heads(_tanh_gelu(x), width, {"human": 7611, "mouse": 2608})
    return keras.Model(sequence, tracks, name="borzoi")


def _tanh_gelu(x: Any) -> Any:
    return ops.gelu(x, approximate=True)
