"""Random trunks: chains, residual blocks, merges, nested and shared models on ``[B, L, C]``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from tests.generators.blocks import block
from tests.generators.draw import MAX_LENGTH, Draw
from tests.generators.images import image_step
from tests.generators.layers import ANY, LOCAL, apply_random, random_layer
from tests.generators.masks import masked_step, masking
from tests.generators.ops import PAIRS
from tests.generators.recurrent import dot_attention, self_attention

Step = Callable[[Draw, Any], Any]
MERGES = (
    layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum,
)  # fmt: skip


def random_trunk(draw: Draw, x: Any) -> tuple[Any, list[Any]]:
    """One to five random steps on ``x``: the last value and those before it.

    Some trunks begin with an embedding of the letters, or with a mask.
    """
    taps = []
    if draw.chance(0.3):
        x = masking(draw, x)
    elif draw.chance(0.1):
        x = layers.Dense(draw.integer(2, 6), use_bias=False)(x)
    for _ in range(draw.pick((1, 2, 3, 4, 5), (2, 4, 4, 2, 1))):
        taps.append(x)
        x = random_step(draw, x)
    return x, taps


def random_step(draw: Draw, x: Any) -> Any:
    """One layer, or one structure of several."""
    return draw.from_menu(STEPS, x)


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
    kind = draw.pick(("merge", "channels", "length", "operator"), (5, 2, 1, 3))
    if kind == "length":
        values = same_channels(values)
        if sum(value.shape[1] for value in values) <= MAX_LENGTH:
            return layers.Concatenate(axis=1)(values)
    values = same_length(draw, values)
    if kind == "channels" and sum(value.shape[2] for value in values) <= 12:
        return layers.Concatenate(axis=-1)(values)
    values = same_channels(values)
    if kind == "operator":
        total = values[0]
        for value in values[1:]:
            total = draw.pick(PAIRS)(same_channels(same_length(draw, [total, value])))
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
    inner = Draw(draw.rng, level=draw.level + 1, masked=draw.masked)
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
        draw.masked |= inner.masked
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
    if not contexts or draw.level:
        return None
    return merge(draw, [x, *(masking(draw, t) if draw.chance(0.3) else t for t in contexts)])


def _attention(draw: Draw, x: Any) -> Any:
    if x.shape[1] > 40:
        return None
    return draw.pick((self_attention, dot_attention), (3, 2))(draw, x)


def _permute(draw: Draw, x: Any) -> Any:
    """Positions become channels, are mixed, and come back."""
    y = layers.Dense(draw.integer(2, 6), "relu")(layers.Permute((2, 1))(x))
    return layers.Permute((2, 1))(y) if draw.chance(0.7) else y


STEPS: tuple[tuple[float, Step], ...] = (
    (10, _layer), (2, _residual), (2.5, _branches), (0.6, _twice), (0.7, _shared), (1.2, _nested),
    (1, _context), (3, _same_context), (0.6, _attention), (0.3, _permute), (2.5, block),
    (1.5, image_step), (2, masked_step),
)  # fmt: skip
