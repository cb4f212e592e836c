"""Models with masks, in both Keras generations, and scanning them by plain calls of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import ismc
from tests.support.as_written import as_written
from tests.support.comparing import assert_same_outputs
from tests.zoo.weights import randomise

LENGTH = 14
Build = Callable[[Any, Any], Any]  # of a generation of Keras and a tensor [B, L, 4]


def sequences() -> np.ndarray:
    """Letters; rows of zeros at the start, in the middle, at the end, everywhere but once."""
    rng = np.random.default_rng(3)
    x = np.eye(4, dtype=np.float32)[rng.integers(4, size=(4, LENGTH))]
    x[0, :3] = x[0, 6] = x[1, 4:9] = x[1, -1] = x[2, -4:] = 0
    x[3] = 0
    x[3, 5, 2] = 1
    return x


def model_of(family: Any, build: Build, seed: int = 0) -> Any:
    """A model with random weights."""
    family.utils.set_random_seed(seed)
    x = family.Input((LENGTH, 4))
    model = family.Model(x, build(family, x))
    if family is keras:
        return randomise(model, seed)
    rng = np.random.default_rng(seed)
    weights = [w + 0.3 * rng.standard_normal(w.shape).astype(w.dtype) for w in model.get_weights()]
    model.set_weights([np.abs(w) if "variance" in v.name else w
                       for w, v in zip(weights, model.weights, strict=True)])  # fmt: skip
    return model


def calls(x: np.ndarray, sites: list[tuple[int, int]]) -> Iterator[tuple[str, Any, np.ndarray]]:
    """What is compared: a name, the call of a program, and its mutants ``[B, S, A, L, C]``."""
    eye = np.eye(4, dtype=np.float32)
    letters = np.stack([[_written(x, site, letter) for letter in eye] for site in sites])
    yield "saturation", lambda ism: ism.saturate(x), letters.transpose(2, 0, 1, 3, 4)
    for value in (0, eye[1], 0.25):
        mutants = np.stack([_written(x, site, value) for site in sites], 1)[:, :, None]
        yield f"replacement by {value}", lambda ism, v=value: ism(x, replace_with=v), mutants


def _written(x: np.ndarray, site: tuple[int, int], value: Any) -> np.ndarray:
    x = x.copy()
    x[:, slice(*site)] = value
    return x


def assert_exact(
    model: Any, x: np.ndarray | None = None, *, eager: bool = False, **options: Any
) -> Any:
    """The compiled program gives what the model itself gives for every mutant.

    Args:
        model: with an input ``[B, L, 4]``.
        x: what is mutated.
        eager: whether the program is run as it is written, without XLA.
        options: of `ismc.compile`.
    """
    x = sequences() if x is None else x
    sites = options.get("sites") or [(i, i + 1) for i in range(x.shape[1])]
    ism = ismc.compile(model, verify=False, cache=False, **options)
    for what, call, mutants in calls(x, sites):
        flat = tf.constant(mutants.reshape(-1, *x.shape[1:]))
        shape = mutants.shape[:3] if what == "saturation" else mutants.shape[:2]
        expected = keras.tree.map_structure(
            lambda y, shape=shape: np.asarray(y).reshape(*shape, *y.shape[1:]),
            model(flat, training=False),
        )
        with as_written(ism) if eager else nullcontext(ism) as run:
            found = call(run)
        assert_same_outputs(found, expected, sites, what)
    return ism


@keras.saving.register_keras_serializable(package="ismc_tests")
class Unknown(keras.Layer):
    """Makes the mask itself: positions whose first letter is there are hidden."""

    def call(self, x: Any) -> Any:
        return x * 2.0

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        own = keras.ops.less(inputs[..., 0], 0.5)
        return own if previous_mask is None else keras.ops.logical_and(own, previous_mask)


class Counting(keras.Layer):
    """Looks at the mask; hands it on or not."""

    def __init__(self, supports: bool) -> None:
        super().__init__()
        self.supports_masking = supports

    def call(self, x: Any, mask: Any = None) -> Any:
        if mask is None:
            return x + 1.0
        shown = keras.ops.cast(mask, x.dtype)[..., None]
        return x * shown + keras.ops.sum(shown, 1, keepdims=True)


class Inner(keras.Layer):
    """Holds a Masking layer; the mask leaves with its result."""

    def __init__(self) -> None:
        super().__init__()
        self.masking = keras.layers.Masking()

    def call(self, x: Any) -> Any:
        return self.masking(x)


class Branching(keras.Layer):
    """Computes something else where there is a mask, but does not read it."""

    def call(self, x: Any, mask: Any = None) -> Any:
        return x if mask is None else x * 3.0


def pooled(family: Any, x: Any) -> Any:
    """The mean of the positions that the mask shows: what a mask does is seen in it."""
    return family.layers.GlobalAveragePooling1D()(x)


def nested(family: Any, x: Any, build: Build) -> Any:
    """``build`` in a model that is called on ``x``."""
    start = family.Input(tuple(x.shape[1:]))
    return family.Model(start, build(family, start))(x)
