"""Random layers that make masks, hand them on, and look at them, on sequences ``[B, L, C]``."""

from __future__ import annotations

from typing import Any

from keras import layers, ops

from tests.generators.draw import Draw
from tests.generators.recurrent import dot_attention, recurrent, self_attention

LOOKING = (layers.Multiply, layers.Maximum, layers.Minimum, layers.Add, layers.Average)


def masking(draw: Draw, x: Any) -> Any:
    """Hides positions of zeros mostly, else those of ones."""
    draw.masked = True
    return layers.Masking(draw.pick((0.0, 0.0, 0.0, 1.0)))(x)


def masked_step(draw: Draw, x: Any) -> Any:
    """A layer that looks at a mask, behind layers that hand it on.

    Half of all masks are taken of values in the middle of a model that has none yet; most of these
    values are zero at some positions.
    """
    if not draw.masked or draw.chance(0.15):
        if draw.chance(0.5):
            return None
        x = masking(draw, draw.pick((_without_bias, _relu, lambda _, t: t))(draw, x))
    for _ in range(draw.integer(0, 2)):
        x = _handing_on(draw, x)
    return draw.from_menu(ENDS, x)


def _without_bias(draw: Draw, x: Any) -> Any:
    return layers.Conv1D(draw.integer(1, 4), 3, padding="same", use_bias=False)(x)


def _relu(draw: Draw, x: Any) -> Any:
    return layers.Conv1D(draw.integer(1, 2), 2, padding="same", activation="relu")(x)


def _handing_on(draw: Draw, x: Any) -> Any:
    units = draw.integer(2, 6)
    layer = draw.pick(
        (
            layers.Dense(units, draw.activation(units, ("relu", "tanh", "sigmoid", "softmax"))),
            layers.Dense(units, draw.activation(units, ("relu", "tanh", "sigmoid", "softmax"))),
            layers.Dense(units, layers.LeakyReLU(negative_slope=0.2)),
            layers.BatchNormalization(),
            layers.Activation("tanh"),
            layers.Dropout(0.5),
            layers.TimeDistributed(layers.Dense(units, "relu")),
            layers.Lambda(lambda t: t),
            layers.Lambda(lambda t: 2.0 * t, mask=lambda _, mask: mask),
        )
    )
    return layer(x)


def _gate(draw: Draw, x: Any) -> Any:
    values = [
        layers.Dense(3, draw.pick((None, "tanh")))(x),
        layers.Dense(3, draw.pick(("sigmoid", "relu")))(x),
        layers.Conv1D(3, 3, padding="same", activation="relu")(x),
    ]
    kept = draw.pick(((0, 1), (1, 0), (0, 2), (2, 1), (0, 1, 2)))
    return draw.pick(LOOKING)()([values[i] for i in kept])


def _beside(draw: Draw, x: Any) -> Any:
    other = layers.Dense(2, "relu")(x) if draw.chance(0.6) else ops.relu(x)
    return layers.Concatenate()([x, other])


def _recurrent(draw: Draw, x: Any) -> Any:
    return recurrent(draw, sequences=True)(x) if x.shape[1] <= 48 else None


def _attention(draw: Draw, x: Any) -> Any:
    """Attention, and perhaps the value that it has taken the mask off."""
    if x.shape[1] > 40:
        return None
    y = draw.pick((self_attention, dot_attention))(draw, x)
    if tuple(y.shape) != tuple(x.shape) or draw.chance(0.5):
        return y
    return draw.pick(LOOKING)()(draw.pick(([x, y], [y, x])))


def _mean(draw: Draw, x: Any) -> Any:
    """The mean of what is shown, at every position."""
    y = layers.GlobalAveragePooling1D(keepdims=True)(x)
    return draw.pick((layers.Multiply, layers.Add))()(draw.pick(([x, y], [y, x])))


def _argument(draw: Draw, x: Any) -> Any:
    """A mask that a recurrent layer is given."""
    if x.shape[1] > 48:
        return None
    mask = layers.Masking().compute_mask(x)
    y = layers.Dense(3, "tanh")(x)
    return layers.GRU(draw.integer(2, 3), return_sequences=True)(y, mask=mask)


ENDS = (
    (3, _gate), (1, _beside), (1.5, _recurrent), (1.5, _attention), (1.5, _mean), (0.4, _argument),
)  # fmt: skip
