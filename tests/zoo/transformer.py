"""What Enformer and Borzoi have in common: channel counts, blocks and attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import layers

from tests.zoo.weights import scaled

Activation = Callable[[Any], Any]


def channel_counts(first: int, last: int, count: int, divisor: int) -> list[int]:
    """``count`` numbers that grow by one factor, rounded to multiples of ``divisor``.

    >>> channel_counts(608, 1536, 6, 32)
    [608, 736, 896, 1056, 1280, 1536]
    """
    factor = (last / first) ** (1 / (count - 1))
    return [round(first * factor**i / divisor) * divisor for i in range(count)]


def block(x: Any, activation: Activation, channels: int, kernel: int) -> Any:
    """Normalisation, then activation, then convolution."""
    x = activation(layers.BatchNormalization(momentum=0.9)(x))
    return layers.Conv1D(channels, kernel, padding="same")(x)


def transformer(x: Any, width: float, dropout: float) -> Any:
    """Attention of eight heads and two layers along the channels, each added to its input.

    Positions are not encoded: Keras has no attention with relative positions.
    """
    channels = x.shape[-1]
    attention = layers.MultiHeadAttention(
        8, key_dim=scaled(64, width), value_dim=max(1, channels // 8), dropout=0.05
    )
    y = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.Dropout(dropout)(attention(y, y))])
    y = layers.Dense(2 * channels)(layers.LayerNormalization()(x))
    y = layers.Activation("relu")(layers.Dropout(dropout)(y))
    y = layers.Dropout(dropout)(layers.Dense(channels)(y))
    return layers.Add()([x, y])


def heads(x: Any, width: float, tracks: dict[str, int]) -> dict[str, Any]:
    """A softplus head for each name, of so many tracks at full width."""
    return {
        name: layers.Conv1D(scaled(count, width), 1, activation="softplus", name=name)(x)
        for name, count in tracks.items()
    }
