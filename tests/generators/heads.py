"""Random outputs of a trunk: vectors, positions, several, and some the sequence never reaches."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from keras import layers, ops

from tests.generators.blocks import attention_pooling
from tests.generators.draw import Draw
from tests.generators.images import pooled_head, profile_head
from tests.generators.recurrent import recurrent

Head = Callable[[Draw, Any], Any]


def _dense(draw: Draw, x: Any) -> Any:
    activation = draw.pick((None, "sigmoid", "softplus", "softmax"))
    return layers.Dense(draw.integer(2, 5), activation)(x)


def _hidden(draw: Draw, x: Any) -> Any:
    """Perhaps a hidden Dense layer with its own normalisation."""
    if draw.chance(0.4):
        x = layers.Dense(draw.integer(2, 8))(x)
        x = layers.BatchNormalization()(x) if draw.chance(0.5) else x
        x = layers.ReLU()(x)
    return _dense(draw, x)


def _positions(draw: Draw, x: Any) -> Any:
    kernel = draw.integer(1, min(2, x.shape[1]))
    return x if draw.chance(0.5) else layers.Conv1D(draw.integer(1, 3), kernel)(x)


def _flatten(draw: Draw, x: Any) -> Any:
    flat = layers.Flatten()(x)
    features = [t for t in draw.contexts if len(t.shape) == 2]
    if features and draw.chance(0.5):
        flat = layers.Concatenate()([flat, features[0]])
    return _hidden(draw, flat)


def _reshape(draw: Draw, x: Any) -> Any:
    return _hidden(draw, layers.Reshape((prod(x.shape[1:]),))(x))


def _average(draw: Draw, x: Any) -> Any:
    y = layers.GlobalAveragePooling1D()(x)
    return _hidden(draw, y) if draw.chance(0.8) else y


def _maximum(draw: Draw, x: Any) -> Any:
    y = layers.GlobalMaxPooling1D()(x)
    return _hidden(draw, y) if draw.chance(0.8) else y


def _both(draw: Draw, x: Any) -> Any:
    pooled = [layers.GlobalAveragePooling1D()(x), layers.GlobalMaxPooling1D()(x)]
    return _hidden(draw, layers.Concatenate()(pooled))


def _recurrent(draw: Draw, x: Any) -> Any:
    return layers.Dense(2)(recurrent(draw, sequences=False)(x)) if x.shape[1] <= 48 else None


def _attention(draw: Draw, x: Any) -> Any:
    y = attention_pooling(draw, x)
    return _hidden(draw, y) if draw.chance(0.7) else y


def _along(draw: Draw, x: Any) -> Any:
    """A function of keras.ops along the positions."""
    length, keep = x.shape[1], draw.chance(0.3)
    y = draw.pick(
        (
            lambda: ops.sum(x, axis=1, keepdims=keep) / length,
            lambda: ops.mean(x, axis=1, keepdims=keep),
            lambda: ops.max(x, axis=1, keepdims=keep),
            lambda: ops.min(x, axis=1, keepdims=keep),
            lambda: ops.var(x, axis=1, keepdims=keep),
            lambda: ops.logsumexp(x, axis=1, keepdims=keep),
            lambda: ops.mean(x, axis=(1, 2), keepdims=True),
            lambda: ops.reshape(ops.sum(x, axis=(1, 2)), (-1, 1)) / length,
        )
    )()
    return _dense(draw, y) if draw.chance(0.5) else y


def _one_position(draw: Draw, x: Any) -> Any:
    """One position, its neighbourhood, or one channel of all positions."""
    middle = x.shape[1] // 2
    kind = draw.pick(("middle", "first", "last", "around", "channel"))
    if kind == "around":
        return _flatten(draw, x[:, max(0, middle - 2) : middle + 1])
    if kind == "channel":
        return _hidden(draw, x[..., 0])
    y = {"middle": lambda: x[:, middle], "first": lambda: x[:, 0], "last": lambda: x[:, -1]}[kind]()
    return _hidden(draw, y) if draw.chance(0.8) else y


def _track(draw: Draw, x: Any) -> Any:
    """One channel as a vector of positions, perhaps as shares of their sum."""
    y = layers.Conv1D(1, 1)(x)
    return draw.pick(
        (
            lambda: layers.Softmax()(layers.Flatten()(y)) if x.shape[1] > 1 else y,
            lambda: ops.squeeze(y, axis=-1),
            lambda: layers.Reshape((x.shape[1],))(y),
            lambda: y[:, :, 0] - ops.logsumexp(y[:, :, 0], axis=-1, keepdims=True),
        )
    )()


HEADS: tuple[tuple[float, Head], ...] = (
    (3, _positions), (3, _flatten), (1, _reshape), (2, _average), (2, _maximum), (1, _both),
    (0.5, _recurrent), (0.7, _attention), (1.2, _along), (0.8, _one_position), (0.5, _track),
    (0.6, profile_head), (0.5, pooled_head),
)  # fmt: skip


def random_head(draw: Draw, x: Any) -> Any:
    """One output from ``x``, a tensor ``[B, L, C]``."""
    return draw.from_menu(HEADS, x)


def random_outputs(draw: Draw, x: Any, taps: list[Any], sequence: Any) -> Any:
    """One output, a list or a dict of two or three; every context reaches one of them."""
    outputs = [random_head(draw, x)]
    if draw.chance(0.3):
        outputs.append(random_head(draw, draw.pick([*taps, x])))
    if draw.chance(0.05):
        outputs.append(draw.pick((sequence, *taps)))
    if draw.contexts and draw.chance(0.15):
        outputs.append(layers.Dense(2)(draw.contexts[-1]))
    if len(outputs) == 1:
        return outputs[0] if draw.chance(0.8) else outputs
    order = draw.rng.permutation(len(outputs)).tolist()
    if draw.chance(0.4):
        return {f"head_{i}": outputs[i] for i in order}
    return [outputs[i] for i in order]
