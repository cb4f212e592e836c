"""Random trunks: chains, residual blocks, merges, nested and shared models on ``[B, L, C]``."""

# ruff: noqa: ARG001  (every function of a menu takes the same arguments)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from tests.random_layers import ANY, LOCAL, MAX_LENGTH, Draw, apply_random, random_layer

Step = Callable[[Draw, Any], Any]
MERGES = (
    layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum,
)  # fmt: skip


def random_trunk(draw: Draw, x: Any) -> tuple[Any, list[Any]]:
    """One to five random steps on ``x``: the last value and those before it."""
    taps = []
    for _ in range(draw.pick((1, 2, 3, 4, 5), (2, 4, 4, 2, 1))):
        taps.append(x)
        x = random_step(draw, x)
    return x, taps


def random_step(draw: Draw, x: Any) -> Any:
    """One layer, or one structure of several."""
    weights = [weight for weight, _ in STEPS]
    while True:
        y = draw.pick([step for _, step in STEPS], weights)(draw, x)
        if y is not None:
            return y


def _chain(draw: Draw, x: Any, most: int = 2) -> Any:
    for _ in range(draw.integer(1, most)):
        x = apply_random(draw, x, ANY if draw.chance(0.2) else LOCAL)
    return x


def same_length(draw: Draw, values: list[Any]) -> list[Any]:
    """The values cropped to the shortest, each at a place of its own."""
    shortest = min(value.shape[1] for value in values)
    cropped = []
    for value in values:
        spare = value.shape[1] - shortest
        left = draw.pick((0, spare // 2, draw.integer(0, spare)))
        crop = layers.Cropping1D((left, spare - left))
        cropped.append(crop(value) if spare else value)
    return cropped


def same_channels(values: list[Any]) -> list[Any]:
    """The values projected to the channels of the first."""
    channels = values[0].shape[2]
    return [v if v.shape[2] == channels else layers.Dense(channels)(v) for v in values]


def merge(draw: Draw, values: list[Any]) -> Any:
    """A random merge of sequences, brought to one shape where it needs that."""
    kind = draw.pick(("merge", "channels", "length", "operator"), (5, 2, 1, 1))
    if kind == "length":
        values = same_channels(values)
        if sum(value.shape[1] for value in values) <= MAX_LENGTH:
            return layers.Concatenate(axis=1)(values)
    values = same_length(draw, values)
    if kind == "channels" and sum(value.shape[2] for value in values) <= 12:
        return layers.Concatenate(axis=-1)(values)
    values = same_channels(values)
    if kind == "operator":
        total = values[0] * 0.5
        for value in values[1:]:
            total = total + value if draw.chance(0.5) else total - value
        return total
    layer = draw.pick(MERGES)
    return layer()(values[:2] if layer is layers.Subtract else values)


def _layer(draw: Draw, x: Any) -> Any:
    return apply_random(draw, x, ANY)


def _residual(draw: Draw, x: Any) -> Any:
    y = _chain(draw, x)
    return layers.Add()(same_channels(same_length(draw, [y, x])))


def _branches(draw: Draw, x: Any) -> Any:
    values = [_chain(draw, x) for _ in range(draw.pick((1, 2)))]
    return merge(draw, draw.pick(([*values, x], [x, *values], [*values, _chain(draw, x, 1)])))


def _twice(draw: Draw, x: Any) -> Any:
    """The same tensor as both operands."""
    return draw.pick((*MERGES, layers.Concatenate))()([x, x])


def _shared(draw: Draw, x: Any) -> Any:
    """One layer, called on two values, or on its own output."""
    other = _chain(draw, x, 1)
    first, second = same_channels(same_length(draw, [x, other]))
    layer = random_layer(draw, first.shape[1], first.shape[2], LOCAL)
    return merge(draw, [layer(first), layer(second)])


def _nested(draw: Draw, x: Any) -> Any:
    """A model called as a layer: Functional or Sequential, up to two levels, perhaps twice."""
    if draw.level == 2:
        return None
    inner = Draw(draw.rng, level=draw.level + 1)
    if draw.chance(0.35):
        shape, parts = x.shape, []
        for _ in range(draw.integer(1, 3)):
            parts.append(random_layer(inner, shape[1], shape[2], LOCAL))
            shape = parts[-1].compute_output_shape((None, *shape[1:]))
        model = keras.Sequential([keras.Input(x.shape[1:]), *parts])
    else:
        start = keras.Input(x.shape[1:])
        value = random_step(inner, start)
        if draw.chance(0.5):
            value = random_step(inner, value)
        several = draw.chance(0.2)
        model = keras.Model(start, [value, _chain(inner, start, 1)] if several else value)
        if several:
            return merge(draw, list(model(x)))
    y = model(x)
    return model(y) if tuple(y.shape) == tuple(x.shape) and draw.chance(0.5) else y


def _context(draw: Draw, x: Any) -> Any:
    """A second sequence, or features on every position."""
    if draw.level or len(draw.contexts) > 2:
        return None
    if draw.chance(0.5):
        shape = (draw.integer(x.shape[1], x.shape[1] + 3), draw.integer(1, 4))
        context = keras.Input(shape, name=f"context_{len(draw.contexts)}")
        draw.contexts.append(context)
        value = context if draw.chance(0.4) else _chain(draw, context, 1)
        return merge(draw, [x, value])
    features = keras.Input((draw.integer(1, 5),), name=f"features_{len(draw.contexts)}")
    draw.contexts.append(features)
    value = layers.Dense(x.shape[2], activation="tanh")(features)
    if draw.chance(0.5):
        value = layers.RepeatVector(x.shape[1])(value)
        return draw.pick((layers.Add, layers.Multiply, layers.Concatenate))()([x, value])
    value = layers.Reshape((1, x.shape[2]))(value)
    return draw.pick((layers.Add, layers.Multiply))()([x, value])


def _same_context(draw: Draw, x: Any) -> Any:
    """A context as long as the sequence, met after any steps."""
    contexts = [t for t in draw.contexts if t.name == "context_same"]
    return merge(draw, [x, *contexts]) if contexts and not draw.level else None


def _attention(draw: Draw, x: Any) -> Any:
    return layers.MultiHeadAttention(2, 3)(x, x)


def _permute(draw: Draw, x: Any) -> Any:
    """Positions become channels, are mixed, and come back."""
    y = layers.Dense(draw.integer(2, 6), "relu")(layers.Permute((2, 1))(x))
    return layers.Permute((2, 1))(y) if draw.chance(0.7) else y


def _squeeze_excite(draw: Draw, x: Any) -> Any:
    channels = x.shape[2]
    if draw.chance(0.5):
        mean = layers.GlobalAveragePooling1D(keepdims=True)(x)
    else:
        mean = ops.mean(x, axis=1, keepdims=True)
    return layers.Multiply()([x, layers.Dense(channels, activation="sigmoid")(mean)])


def _function(draw: Draw, x: Any) -> Any:
    """A function of keras.ops on a tensor, not a layer."""
    return draw.pick(
        (
            lambda t: t * ops.sigmoid(1.702 * t),
            lambda t: ops.relu(t) - 0.1,
            lambda t: ops.exp(ops.tanh(t)),
            lambda t: layers.Activation("exponential")(layers.Activation("tanh")(t)),
            lambda t: t[:, 1:] if t.shape[1] > 2 else -t,
            lambda t: ops.maximum(t, 0.1),
        )
    )(x)


STEPS: tuple[tuple[float, Step], ...] = (
    (10, _layer), (2, _residual), (2, _branches), (0.6, _twice), (0.7, _shared), (1.2, _nested),
    (1, _context), (3, _same_context), (0.3, _attention), (0.3, _permute),
    (0.4, _squeeze_excite), (0.7, _function),
)  # fmt: skip
