"""Small models that tests share: each is here once, and has what its docstring names."""

from __future__ import annotations

from collections.abc import Mapping

import keras
from keras import layers

from tests.zoo import randomise


def two_heads(seed: int = 0, length: int | None = 60) -> keras.Model:
    """Convolutions, a pool, and two heads on the mean: ``head`` ``[3]`` and ``counts`` ``[1]``."""
    sequence = keras.Input((length, 4), name="sequence")
    x = layers.Conv1D(6, 7, padding="same", activation="relu")(sequence)
    x = layers.MaxPooling1D(2)(x)
    x = layers.Conv1D(4, 5, padding="same", activation="relu")(x)
    pooled = layers.GlobalAveragePooling1D()(x)
    heads = {
        "head": layers.Dense(3, name="head")(pooled),
        "counts": layers.Dense(1, name="counts")(pooled),
    }
    return randomise(keras.Model(sequence, heads), seed)


def head_and_track(length: int, filters: int, size: int) -> keras.Model:
    """A convolution, ``track`` ``[length, filters]``, and a Dense on it, ``head`` ``[2]``."""
    sequence = keras.Input((length, 4), name="sequence")
    track = layers.Conv1D(filters, size, padding="same", activation="relu", name="track")(sequence)
    head = layers.Dense(2, name="head")(layers.Flatten()(track))
    return randomise(keras.Model(sequence, {"head": head, "track": track}), 0)


def conv_pool_dense(
    length: int,
    convolutions: Mapping[str, int],
    heads: Mapping[str, int],
    *,
    sequence: str = "x",
    name: str = "tiny",
) -> keras.Model:
    """Convolutions of size 5 by name and filters, a pool of two, and Dense heads after Flatten.

    One head is the output itself, several are a dict.
    """
    x = keras.Input((length, 4), name=sequence)
    y = x
    for layer, filters in convolutions.items():
        y = layers.Conv1D(filters, 5, activation="relu", name=layer)(y)
    y = layers.Flatten(name="flatten")(layers.MaxPooling1D(2, name="pool")(y))
    outputs = {layer: layers.Dense(units, name=layer)(y) for layer, units in heads.items()}
    (*_, last) = outputs.values()
    return randomise(keras.Model(x, last if len(outputs) == 1 else outputs, name=name), 0)


def every_form() -> keras.Model:
    """Every form of a value at once: a linear head, a slab, a merge, a nested model, a stop."""
    x = keras.Input((40, 4), name="x")
    inner = keras.Sequential([layers.Conv1D(3, 3, padding="same", name="conv")], name="inner")
    y = layers.Conv1D(3, 5, activation="relu", name="first")(x)
    y = layers.MaxPooling1D(3, name="pool")(y)
    y = layers.Add(name="add")([y, inner(y)])
    y = layers.Dense(2, name="dense")(layers.Flatten(name="flatten")(y))
    return keras.Model(x, y, name="small")


def open_length() -> keras.Model:
    """Sequences of any length: a nested model, a dilated residual, ``mean`` and ``track``."""
    sequence = keras.Input((None, 4), name="sequence")
    stem = keras.Sequential([layers.Conv1D(5, 5, padding="same"), layers.ReLU()], name="stem")
    x = stem(sequence)
    x = layers.Add()([x, layers.Conv1D(5, 3, padding="same", dilation_rate=2)(x)]) * 0.5
    mean = layers.GlobalAveragePooling1D()(x)
    return randomise(keras.Model(sequence, {"mean": mean, "track": x}), 0)


def track_flat_head(
    seed: int = 0, length: int = 18, tasks: int = 2, *, logits: bool = False
) -> keras.Model:
    """Outputs ``track`` ``[L - 2, tasks]``, ``flat`` ``[L - 2]`` and ``head`` ``[3]``.

    All are above 0, or with ``logits`` ``head`` alone.
    """
    positive = None if logits else "softplus"
    x = keras.Input((length, 4), name="dna")
    y = layers.Conv1D(6, 3, activation="relu", name="trunk")(x)
    track = layers.Conv1D(tasks, 1, activation=positive, name="track")(y)
    flat = layers.Flatten(name="flat")(layers.Conv1D(1, 1, activation=positive, name="one")(y))
    head = layers.Dense(3, activation="softplus", name="head")(layers.Flatten(name="all")(y))
    return randomise(keras.Model(x, {"track": track, "flat": flat, "head": head}), seed)
