"""Random outputs of a trunk: vectors, positions, several, and some the sequence never reaches."""

# ruff: noqa: ARG001  (every function of a menu takes the same arguments)

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from keras import layers, ops

from tests.random_layers import Draw

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
    return layers.Dense(2)(layers.LSTM(3)(x))


def _sum(draw: Draw, x: Any) -> Any:
    return ops.sum(x, axis=1) / x.shape[1]


HEADS: tuple[tuple[float, Head], ...] = (
    (3, _positions), (3, _flatten), (1, _reshape), (2, _average), (2, _maximum), (1, _both),
    (0.4, _recurrent), (0.4, _sum),
)  # fmt: skip


def random_head(draw: Draw, x: Any) -> Any:
    """One output from ``x``, a tensor ``[B, L, C]``."""
    return draw.pick([head for _, head in HEADS], [weight for weight, _ in HEADS])(draw, x)


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
