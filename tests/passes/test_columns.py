"""Models that write a Conv1D as a Conv2D: the axis of length one may stand anywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import ismc
from tests.support.comparing import assert_equal_to_oracle
from tests.zoo.inputs import one_hot
from tests.zoo.weights import randomise

pytestmark = pytest.mark.as_written


def net(x: Any, along: Callable[[int], tuple[int, int]], kernel: tuple[int, int]) -> Any:
    """Two blocks; ``along`` puts a size on the axis of the positions."""
    x = layers.Conv2D(8, kernel, activation="gelu")(x)
    x = layers.MaxPooling2D(along(3))(layers.BatchNormalization()(x))
    y = layers.Conv2D(8, along(3), padding="same", dilation_rate=along(2))(x)
    x = layers.Add()([x, layers.LeakyReLU()(y) * 0.5])
    x = layers.Conv2D(6, along(4), groups=2, strides=along(2))(x)
    return layers.Dense(3)(layers.Flatten()(x))


FORMS: dict[str, tuple[tuple[int, int, int], Any, tuple[int, int]]] = {
    "after the positions": ((60, 1, 4), lambda n: (n, 1), (7, 1)),
    "before the positions": ((1, 60, 4), lambda n: (1, n), (1, 7)),
    "after the channels": ((60, 4, 1), lambda n: (n, 1), (7, 4)),
}


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_a_conv1d_written_as_a_conv2d(form: str, inside: bool) -> None:
    shape, along, kernel = FORMS[form]
    sequence = keras.Input((60, 4) if inside else shape)
    x = layers.Reshape(shape)(sequence) if inside else sequence
    model = randomise(keras.Model(sequence, net(x, along, kernel)), 0)
    ism = ismc.compile(model)
    x = one_hot(np.random.default_rng(0), 2, 60)
    given = x if inside else x.reshape(2, *shape)
    assert_equal_to_oracle(ism, ismc.NaiveISM(model), given, replace_with=0.3)
    want = model(x.reshape(2, *(model.input_shape[1:])))
    np.testing.assert_allclose(ism.reference(given), want, rtol=1e-4, atol=1e-5)
    with pytest.raises(ismc.InputError, match="expected"):
        ism(given[..., None])
    ours, naive = ism.plan.operations
    assert naive > 2.5 * ours, ism.explain()


@pytest.mark.parametrize("shape", [(1, 40, 4), (40, 1, 4)])
def test_profile_and_counts(shape: tuple[int, int, int]) -> None:
    along = (1, 5) if shape[0] == 1 else (5, 1)
    sequence = keras.Input((40, 4))
    x = layers.Conv2D(6, along, padding="same", activation="relu")(layers.Reshape(shape)(sequence))
    profile = layers.Reshape((40, 2))(layers.Conv2DTranspose(2, along, padding="same")(x))
    counts = layers.Dense(1)(layers.GlobalAveragePooling2D()(x))
    last = ops.squeeze(x, 1 if shape[0] == 1 else 2)[:, -5:]
    model = randomise(keras.Model(sequence, [profile, counts, last]), 0)
    ism = ismc.compile(model)
    x = one_hot(np.random.default_rng(0), 1, 40)
    assert_equal_to_oracle(ism, ismc.NaiveISM(model), x)
    ours, naive = ism.plan.operations
    assert naive > 4 * ours, ism.explain()


@pytest.mark.parametrize(
    "layer",
    [
        layers.MaxPooling2D((1, 3), padding="same"),
        layers.Cropping2D(((0, 0), (2, 1))),
        layers.Conv2DTranspose(3, (3, 4), activation="gelu"),
        layers.Conv2DTranspose(3, (1, 4), activation="gelu", padding="same"),
        layers.ZeroPadding2D(((1, 0), (2, 1))),
        layers.Conv2D(3, (1, 4), padding="same", activation="gelu", dtype="mixed_float16"),
        layers.DepthwiseConv2D((1, 4), padding="same", activation="gelu"),
    ],
)
def test_every_layer_over_columns_is_exact(layer: Any) -> None:
    sequence = keras.Input((31, 4))
    x = layers.Conv2D(6, (1, 1))(layers.Reshape((1, 31, 4))(sequence))
    fresh = type(layer).from_config(layer.get_config() | {"name": "fresh"})
    model = randomise(keras.Model(sequence, layers.Dense(2)(layers.Flatten()(fresh(x)))), 0)
    x = one_hot(np.random.default_rng(0), 1, 31)
    ism, naive = ismc.compile(model, verify=False), ismc.NaiveISM(model)
    if fresh.compute_dtype == "float16":
        np.testing.assert_allclose(ism.saturate(x), naive.saturate(x), atol=2e-2)
    else:
        assert_equal_to_oracle(ism, naive, x)


def test_what_cannot_be_turned_is_exact() -> None:
    sequence = keras.Input((30, 4))
    x = layers.Conv2D(6, (1, 5))(layers.Reshape((1, 30, 4))(sequence))
    x = layers.LayerNormalization(axis=2)(x)
    x = layers.Conv2D(6, (1, 5))(x) + np.ones((26 - 4, 6), "float32")
    model = randomise(keras.Model(sequence, x), 0)
    x = one_hot(np.random.default_rng(0), 1, 30)
    assert_equal_to_oracle(ismc.compile(model), ismc.NaiveISM(model), x)
