"""Models that answer differently from call to call are refused, and only those."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import ismc
from ismc.errors import UnsupportedModelError
from tests.support.comparing import assert_equal_to_oracle

pytestmark = pytest.mark.as_written

SHAPE = (30, 4)
SEQUENCES = np.eye(4, dtype=np.float32)[np.random.default_rng(0).integers(0, 4, (2, 30))]


class Noisy(keras.layers.Layer):
    """Adds what a function draws for a shape."""

    def __init__(self, draw: Callable[[Any], Any], **options: Any) -> None:
        super().__init__(**options)
        self.draw = draw

    def call(self, x: Any) -> Any:
        return x + self.draw(x)


class Seeded(keras.layers.Layer):
    """Dropout by a generator of its own, whatever the mode."""

    def __init__(self, rate: float = 0.5, **options: Any) -> None:
        super().__init__(**options)
        self.rate, self.generator = rate, keras.random.SeedGenerator(3)

    def call(self, x: Any) -> Any:
        return keras.random.dropout(x, self.rate, seed=self.generator)


class Sometimes(keras.layers.Layer):
    """Noise where a call is in training mode, which is the default."""

    def call(self, x: Any, training: bool = True) -> Any:
        return x + keras.random.normal(keras.ops.shape(x)) if training else x


class Doubled(keras.layers.Layer):
    """Another answer in training mode, and always the same."""

    def call(self, x: Any, training: bool = False) -> Any:
        return 2 * x if training else x


class Whole(keras.Model):
    """A subclassed model with a part that draws."""

    def __init__(self, part: Any, **options: Any) -> None:
        super().__init__(**options)
        self.conv, self.part = keras.layers.Conv1D(3, 3, name="conv"), part

    def call(self, x: Any) -> Any:
        return self.part(self.conv(x))


class Old(tf_keras.layers.Layer):
    """A layer of Keras 2 that draws through TensorFlow."""

    def call(self, x: Any) -> Any:
        return x + tf.random.normal(tf.shape(x))


def scattered(x: Any) -> Any:
    """A function that draws."""
    return x * tf.random.uniform(tf.shape(x))


def chain(layer: Any, library: Any = keras, **options: Any) -> Any:
    """A convolution, the layer, and a head."""
    x = library.Input(SHAPE)
    y = layer(library.layers.Conv1D(5, 3, activation="relu")(x), **options)
    return library.Model(x, library.layers.Dense(1)(library.layers.GlobalAveragePooling1D()(y)))


def nested(library: Any) -> Any:
    """A model with dropout that stays on, inside of a model."""
    x = library.Input((28, 5))
    return chain(
        library.Model(x, library.layers.Dropout(0.5, name="mc")(x, training=True)), library
    )


def switched_on(library: Any) -> Any:
    """A model with plain dropout that is called in training mode inside of a model."""
    x = library.Input((28, 5))
    return chain(library.Model(x, library.layers.Dropout(0.5)(x)), library, training=True)


def subclassed(part: Any) -> Any:
    x = keras.Input(SHAPE)
    y = Whole(part, name="whole")(x)
    return keras.Model(x, keras.layers.GlobalAveragePooling1D()(y))


def by_tensorflow() -> Any:
    x = tf_keras.Input(SHAPE)
    y = tf_keras.layers.Conv1D(5, 3)(x)
    return tf_keras.Model(x, tf_keras.layers.Flatten()(tf.nn.dropout(y, 0.5)))


STAYS_ON, OWN = "training=True", "Draw no random numbers when training is False"
UNSTEADY = {
    "dropout": (lambda: chain(keras.layers.Dropout(0.5, name="mc"), training=True),
                "'mc' draws random numbers", STAYS_ON),
    "rare dropout": (lambda: chain(keras.layers.Dropout(1e-6, name="mc"), training=True),
                     "'mc' draws random numbers", STAYS_ON),
    "seeded dropout": (lambda: chain(keras.layers.Dropout(0.5, seed=1, name="mc"), training=True),
                       "'mc' draws random numbers", STAYS_ON),
    "noise": (lambda: chain(keras.layers.GaussianNoise(0.5, name="mc"), training=True),
              "'mc' draws random numbers", STAYS_ON),
    "batch": (lambda: chain(keras.layers.BatchNormalization(name="bn"), training=True),
              "'bn' gives an answer for one sequence that depends on the rest of", STAYS_ON),
    "no draw": (lambda: chain(Doubled(name="mc"), training=True),
                "'mc' is switched off by training=False", STAYS_ON),
    "nested": (lambda: nested(keras), "mc' draws random numbers", STAYS_ON),
    "switched on": (lambda: switched_on(keras), "draws random numbers", STAYS_ON),
    "by default": (lambda: chain(Sometimes(name="mc")), "'mc' draws random numbers", STAYS_ON),
    "generator": (lambda: chain(Seeded(name="mc")), "'mc' draws random numbers", OWN),
    "rare": (lambda: chain(Seeded(1e-6, name="mc")), "'mc' draws random numbers", OWN),
    "keras.random": (lambda: chain(Noisy(lambda x: keras.random.normal(keras.ops.shape(x)),
                                         name="mc")), "'mc' draws random numbers", OWN),
    "tf.random": (lambda: chain(Noisy(lambda x: tf.random.normal(tf.shape(x)), name="mc")),
                  "'mc' draws random numbers", OWN),
    "numpy": (lambda: chain(Noisy(lambda _: float(np.random.normal()), name="mc")),
              "'mc' gives different answers when it is called twice", OWN),
    # a compiled program would draw others of the same seed
    "a fixed seed": (lambda: chain(Noisy(lambda _: keras.random.normal((1, 1, 5), seed=7),
                                         name="mc")), "'mc' draws random numbers", OWN),
    "a fixed seed of TensorFlow": (lambda: chain(Noisy(
        lambda _: tf.random.stateless_normal([1, 1, 5], seed=(1, 2)), name="mc")),
        "'mc' draws random numbers", OWN),
    "lambda": (lambda: chain(keras.layers.Lambda(scattered, name="mc")), "'mc' draws", OWN),
    "activation": (lambda: chain(keras.layers.Activation(scattered, name="mc")), "'mc' draws", OWN),
    "in a loop": (lambda: chain(Noisy(lambda x: tf.map_fn(
        lambda row: row * tf.random.uniform([]), x), name="mc")), "'mc' draws", OWN),
    "subclassed": (lambda: subclassed(Seeded(name="inner")),
                   "'whole' draws random numbers, in its Seeded 'inner'", OWN),
    "tf_keras": (lambda: chain(tf_keras.layers.Dropout(0.5, name="mc"), tf_keras, training=True),
                 "'mc' draws random numbers", STAYS_ON),
    "tf_keras noise": (lambda: chain(tf_keras.layers.GaussianNoise(1e-9, name="mc"), tf_keras,
                                     training=True), "'mc' draws random numbers", STAYS_ON),
    "tf_keras batch": (lambda: chain(tf_keras.layers.BatchNormalization(name="bn"), tf_keras,
                                     training=True), "'bn' gives an answer for one", STAYS_ON),
    "tf_keras nested": (lambda: nested(tf_keras), "mc' draws random numbers", STAYS_ON),
    "tf_keras switched on": (lambda: switched_on(tf_keras), "draws random numbers", STAYS_ON),
    "tf_keras layer": (lambda: chain(Old(name="mc"), tf_keras), "'mc' draws", OWN),
    "tensorflow": (by_tensorflow, "draws random numbers", OWN),
}  # fmt: skip


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("name", UNSTEADY)
def test_refused_with_the_layer_and_what_to_do(name: str, verify: bool) -> None:
    build, said, hint = UNSTEADY[name]
    model = build()
    before = [np.asarray(v) for v in model.get_weights()]
    with pytest.raises(UnsupportedModelError) as caught:
        ismc.compile(model, verify=verify)
    text = str(caught.value)
    assert said in text
    assert hint in text.split("Hint: ")[1]
    assert "stop_at" not in text
    for a, b in zip(before, model.get_weights(), strict=True):
        if a.dtype.kind == "f":
            np.testing.assert_array_equal(a, b)


class Careful(keras.layers.Layer):
    """Noise in training mode alone."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.generator = keras.random.SeedGenerator(3)

    def call(self, x: Any, training: bool | None = None) -> Any:
        if training:
            return x + keras.random.normal(keras.ops.shape(x), seed=self.generator)
        return 2 * x


DRAWN = tf.random.normal([1, 1, 5])
STEADY = {
    "dropout": lambda: chain(keras.layers.Dropout(0.5)),
    "drawn once": lambda: chain(Noisy(lambda _: DRAWN)),
    "noise in training alone": lambda: chain(Careful()),
    "inside of a model": lambda: subclassed(Careful()),
    "training that changes nothing": lambda: chain(keras.Sequential(
        [keras.Input((28, 5)), keras.layers.Conv1D(3, 3)]), training=True),
    "training off": lambda: chain(keras.layers.Dropout(0.5), training=False),
    "tf_keras dropout": lambda: chain(tf_keras.layers.Dropout(0.5), tf_keras),
    "tf_keras batch": lambda: chain(tf_keras.layers.BatchNormalization(), tf_keras),
}  # fmt: skip


@pytest.mark.parametrize("name", STEADY)
def test_what_is_the_same_at_every_call_is_compiled(name: str) -> None:
    model = STEADY[name]()
    ism = ismc.compile(model)
    found = np.asarray(ism.saturate(SEQUENCES))
    for site, letter in ((0, 1), (17, 3), (29, 0)):
        mutants = SEQUENCES.copy()
        mutants[:, site] = np.eye(4)[letter]
        np.testing.assert_allclose(
            found[:, site, letter], model(mutants, training=False), rtol=1e-4, atol=1e-6
        )
    assert_equal_to_oracle(ism, ismc.NaiveISM(model), SEQUENCES)


def test_outputs_that_are_not_asked_for_may_be_random() -> None:
    x = keras.Input(SHAPE)
    y = keras.layers.GlobalAveragePooling1D()(keras.layers.Conv1D(5, 3)(x))
    noisy = keras.layers.Dropout(0.5)(y, training=True)
    model = keras.Model(x, {"plain": keras.layers.Dense(1)(y), "noisy": noisy})
    ism = ismc.compile(model, outputs="plain")
    assert_equal_to_oracle(ism, ismc.NaiveISM(model, outputs="plain"), SEQUENCES)
    with pytest.raises(UnsupportedModelError):
        ismc.compile(model)


def test_what_no_layer_shows_is_found_by_calling_the_model_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = chain(keras.layers.ReLU())
    noise = iter(range(10**6))
    monkeypatch.setattr(keras.layers.ReLU, "call", lambda _, x: x + float(next(noise)))
    with pytest.raises(UnsupportedModelError, match="Two calls of the model") as caught:
        ismc.compile(model)
    assert "stop_at" not in str(caught.value)
