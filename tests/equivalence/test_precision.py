"""Products of rounded operands: how far they are off, where they are, and what stays exact."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import ismc
from tests.support.comparing import some_slow
from tests.zoo import ZOO, random_inputs

layers = keras.layers


def convolutions() -> keras.Model:
    keras.utils.set_random_seed(3)
    x = sequence = keras.Input((60, 4), name="sequence")
    for filters in (32, 24, 32):
        x = layers.Conv1D(filters, 5, padding="same", activation="relu")(x)
    x = layers.Dense(24, activation="relu")(layers.MaxPooling1D(2)(x))
    x = layers.Dense(20, activation="relu")(layers.Flatten()(x))
    return keras.Model(sequence, layers.Dense(3)(x))


def changes(y: np.ndarray) -> float:
    return float(np.ptp(y, axis=2).max())


def answers(model: keras.Model, x: Any, **options: Any) -> np.ndarray:
    return ismc.compile(model, **options).saturate(x).numpy()


def test_rounded_products_are_close_and_not_exact() -> None:
    model = convolutions()
    x = random_inputs(model, 2, seed=5)
    true = np.asarray(ismc.NaiveISM(model).saturate(x))
    exact = np.abs(answers(model, x) - true).max() / changes(true)
    error = np.abs(answers(model, x, precision="bfloat16") - true).max() / changes(true)
    assert exact < 1e-5 < 1e-4 < error < 2e-2


def test_the_error_is_measured_and_told() -> None:
    ism = ismc.compile(convolutions(), precision="bfloat16")
    assert ism.program.measured.error is not None
    assert 1e-4 < ism.program.measured.error < 2e-2
    assert (
        f"errors are at most {ism.program.measured.error:.1e} of the largest change"
        in ism.explain()
    )
    assert "errors are at most" not in ismc.compile(convolutions()).explain()


def test_unverified_programs_tell_no_error() -> None:
    ism = ismc.compile(convolutions(), precision="bfloat16", verify=False)
    assert ism.program.measured.error is None


def test_what_is_rounded_stands_in_the_source() -> None:
    source = ismc.compile(convolutions(), precision="bfloat16", verify=False).source
    assert 'k3 = gemm_kernel(w["conv1d_1"], products="bfloat16")' in source
    assert "conv1d_outer(d0" in source  # the first one, of four channels, is no product
    assert source.count('products="bfloat16"') == 4  # 2 kernels, Dense twice
    assert "bfloat16" not in ismc.compile(convolutions(), verify=False).source


def test_the_letter_that_is_there_gives_the_reference() -> None:
    model = convolutions()
    x = random_inputs(model, 1, seed=5, unknown=0)
    ism = ismc.compile(model, precision="bfloat16", verify=False)
    y, there = ism.saturate(x).numpy()[0], x[0].argmax(-1)
    kept = y[np.arange(len(there)), there]
    assert (kept == kept[0]).all()
    np.testing.assert_allclose(kept[0], ism.reference(x)[0], rtol=1e-5)


@pytest.mark.parametrize(
    "name", some_slow(["basset", "bpnet", "deepstarr", "beluga"], ["deepstarr", "beluga"])
)
def test_models_of_the_field(name: str) -> None:
    model = ZOO[name].model(small=True)
    ism = ismc.compile(model, precision="bfloat16")
    assert ism.program.measured.error is not None
    assert ism.program.measured.error < 3e-2


def test_open_lengths_take_the_precision() -> None:
    keras.utils.set_random_seed(1)
    x = sequence = keras.Input((None, 4))
    for _ in range(2):
        x = layers.Conv1D(32, 3, padding="same", activation="relu")(x)
    model = keras.Model(sequence, layers.GlobalAveragePooling1D()(x))
    ism = ismc.compile(model, precision="bfloat16")
    assert 'products="bfloat16"' in ism.at(np.zeros((1, 30, 4), np.float32)).source
