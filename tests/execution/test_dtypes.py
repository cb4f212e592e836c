"""Inputs, policies and outputs of other dtypes: the numbers are those of the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import ismc
from tests.support.comparing import assert_same_outputs
from tests.zoo.inputs import one_hot
from tests.zoo.weights import randomise


@pytest.fixture
def policy(request: pytest.FixtureRequest) -> Iterator[str]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


def net(dtype: str) -> keras.Model:
    x = sequence = keras.Input((30, 4), dtype=dtype)
    if dtype != "float32":
        x = ops.cast(x, "float32")
    x = layers.Conv1D(5, 5, activation="gelu")(x)
    x = layers.MaxPooling1D(2)(x)
    return randomise(keras.Model(sequence, layers.Dense(3)(layers.Flatten()(x))), 0)


@pytest.mark.parametrize("dtype", ["int8", "bool", "uint8", "float16", "bfloat16", "float64"])
def test_model_inputs_of_any_dtype_gain(dtype: str) -> None:
    model = net(dtype)
    ism = ismc.compile(model, verify=dtype in ("int8", "bfloat16"))
    x = one_hot(np.random.default_rng(0), 2, 30)
    assert_same_outputs(ism.saturate(x), ismc.NaiveISM(model).saturate(x))
    for value in (0.0, 0.25, 1.0):
        assert_same_outputs(ism(x, value), ismc.NaiveISM(model)(x, value))
    ours, naive = ism.plan.operations
    assert naive > 5 * ours, ism.explain()


@pytest.mark.parametrize("dtype", ["int8", "bool", "float16", "float64", "int64"])
def test_arrays_of_any_dtype(dtype: str) -> None:
    model = net("float32")
    x = one_hot(np.random.default_rng(0), 2, 30)
    want = ismc.NaiveISM(model).saturate(x).numpy()
    got = ismc.compile(model, verify=False).saturate(x.astype(dtype)).numpy()
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "policy", ["mixed_float16", "mixed_bfloat16", "float16", "float64"], indirect=True
)
def test_policies_are_exact(policy: str) -> None:
    sequence = keras.Input((20, 4))
    x = layers.Conv1D(5, 5, activation="gelu")(sequence)
    x = layers.BatchNormalization()(x)
    x = layers.Dense(3, activation="gelu")(layers.GlobalAveragePooling1D()(x))
    model = randomise(keras.Model(sequence, x), 0)
    x = one_hot(np.random.default_rng(0), 2, 20)
    ism = ismc.compile(model, verify=False)
    got: Any = ism.saturate(x).numpy()
    want = ismc.NaiveISM(model).saturate(x).numpy()
    unit = {"float16": 1e-3, "bfloat16": 1e-2, "float64": 1e-6}[policy.removeprefix("mixed_")]
    np.testing.assert_allclose(got, want, atol=2 * unit * np.abs(want).max())
    assert f"it computes in {policy.removeprefix('mixed_')}" in ism.explain()


def test_channels_first_is_named() -> None:
    sequence = keras.Input((4, 20))
    layer = layers.Conv1D(3, 3, data_format="channels_first", name="torchlike")
    model = keras.Model(sequence, layer(sequence))
    with pytest.raises(ismc.UnsupportedModelError, match=r"'torchlike' .*channels first"):
        ismc.compile(model)
    turned = keras.Input((20, 4))
    after = keras.Model(turned, layer(layers.Permute((2, 1))(turned)))
    ism = ismc.compile(after)
    assert "it moves the positions to another axis" in ism.explain()
