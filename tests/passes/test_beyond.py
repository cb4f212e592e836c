"""What lies beyond the ends of a sequence reaches no answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import ismc
from ismc.runtime import gemm
from tests.support.comparing import assert_same_outputs


def _narrow(head: Any) -> keras.Model:
    i = keras.Input((38, 4))
    x = layers.MaxPooling1D(3, strides=2, padding="same")(i)
    x = layers.Conv1D(5, 4, activation="gelu")(x)
    return keras.Model(i, layers.Dense(3)(head(x)))


def _wide() -> keras.Model:
    """Products over groups of positions and taps."""
    i = keras.Input((104, 4))
    x = layers.Conv1D(60, 25, activation="elu")(i)
    x = layers.MaxPooling1D(4, strides=3, padding="same")(x)
    x = layers.Conv1D(96, 7, activation="gelu")(x)
    x = layers.Conv1D(64, 10, padding="causal", activation="relu")(x)
    return keras.Model(i, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


def _two_pools() -> keras.Model:
    """A maximum behind the infinity: answers were finite, and wrong."""
    i = keras.Input((341, 4))
    x = layers.Conv1D(64, 15, padding="same", activation="gelu")(i)
    x = layers.MaxPooling1D(3, padding="same")(x)
    x = layers.Conv1D(100, 3, activation="softplus")(x)
    x = layers.MaxPooling1D(4, strides=3)(x)
    x = layers.Conv1D(64, 10, padding="same", activation="elu")(x)
    return keras.Model(i, layers.Dense(3)(layers.GlobalMaxPooling1D()(x)))


def _logarithm() -> keras.Model:
    """Beyond the end the sum of what is left would be negative, and its logarithm no number."""
    i = keras.Input((60, 4))
    x = layers.Conv1D(40, 5, activation="exponential")(i)
    x = layers.Conv1D(40, 7, kernel_initializer="ones")(x)
    x = layers.Conv1D(40, 5)(keras.ops.log(x))
    return keras.Model(i, layers.Dense(3)(layers.GlobalMaxPooling1D()(x)))


MODELS: dict[str, Callable[[], keras.Model]] = {
    "mean": lambda: _narrow(layers.GlobalAveragePooling1D()),
    "maximum": lambda: _narrow(layers.GlobalMaxPooling1D()),
    "flat": lambda: _narrow(layers.Flatten()),
    "wide": _wide,
    "two pools": _two_pools,
    "logarithm": _logarithm,
}


def mutants(x: np.ndarray) -> np.ndarray:
    """Every letter at every site of ``[L, 4]``: ``[L, 4, L, 4]``."""
    length = len(x)
    every = np.tile(x, (length, 4, 1, 1))
    for site in range(length):
        every[site, :, site] = np.eye(4)
    return every


@pytest.mark.as_written
@pytest.mark.parametrize("name", MODELS)
def test_padding_of_pools_stays_outside(name: str) -> None:
    keras.utils.set_random_seed(0)
    model = MODELS[name]()
    length = model.inputs[0].shape[1]
    x = np.eye(4, dtype="float32")[np.random.default_rng(0).integers(0, 4, length)]
    some = sorted({*range(12), *range(length - 12, length), length // 2})
    got = ismc.compile(model, verify=False, cache=False).saturate(x[None]).numpy()[0, some]
    every = mutants(x)[some].reshape(-1, length, 4)
    want = np.asarray(model(every)).reshape(len(some), 4, -1)
    assert_same_outputs(got[None], want[None], some)


def test_a_check_names_the_first_value_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISMC_CHECK", "1")
    model = MODELS["wide"]()
    ismc.compile(model, cache=False)
    true = gemm.conv1d_gemm

    def wrong(d: Any, *args: Any, **kwargs: Any) -> Any:
        return true(d, *args, **kwargs) + (1e-3 if d.shape[-1] == 60 else 0)

    monkeypatch.setattr("ismc.runtime.conv1d_gemm", wrong)
    monkeypatch.setattr("ismc.strategies.toom.conv1d_toom", lambda d, w, **_: wrong(d, w))
    with pytest.raises(ismc.VerificationError, match="'conv1d_"):
        ismc.compile(model, cache=False)


def test_infinity_beyond_an_end_is_found_where_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what sets differences to zero out there, the check names who reads infinity."""
    monkeypatch.setenv("ISMC_CHECK", "1")
    monkeypatch.setattr("ismc.passes.lowering.builder.is_cleared", lambda *_: False)
    model = MODELS["mean"]()
    with pytest.raises(ismc.VerificationError, match=r"differs is '(conv1d|global)"):
        ismc.compile(model, cache=False)


def test_a_dilation_longer_than_the_sequence() -> None:
    """Every tap but the middle one lands outside."""
    keras.utils.set_random_seed(0)
    i = keras.Input((14, 4))
    x = layers.Conv1D(14, 3, dilation_rate=64, padding="same", activation="relu")(i)
    x = layers.Conv1D(8, 2, dilation_rate=64, padding="same")(x)
    model = keras.Model(i, layers.Dense(2)(layers.Flatten()(x)))
    x = np.eye(4, dtype="float32")[np.random.default_rng(0).integers(0, 4, 14)]
    got = ismc.compile(model, verify=False, cache=False).saturate(x[None]).numpy()
    want = np.asarray(model(mutants(x).reshape(-1, 14, 4))).reshape(1, 14, 4, 2)
    assert_same_outputs(got, want)
