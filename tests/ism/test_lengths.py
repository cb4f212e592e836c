"""Models of open length: one program per length, reused; nothing of the model changes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

import ismc
from tests.support.comparing import assert_same_outputs
from tests.support.models import open_length
from tests.zoo.inputs import one_hot
from tests.zoo.spliceai import spliceai
from tests.zoo.weights import randomise

pytestmark = pytest.mark.as_written


def sequences(length: int) -> np.ndarray:
    return one_hot(np.random.default_rng(length), 2, length)


def test_one_program_per_length_is_exact_and_reused() -> None:
    model = open_length()
    before = [layer.name for layer in model.layers]
    ism = ismc.compile(model)
    for length in (15, 32, 15):
        x = sequences(length)
        fixed = keras.Input((length, 4))
        want = ismc.NaiveISM(keras.Model(fixed, model(fixed))).saturate(x)
        got = ism.saturate(x)
        assert set(got) == {"mean", "track"}
        for key in got:
            np.testing.assert_allclose(got[key], want[key], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(ism.predict(x)["mean"], want["mean"], rtol=1e-4, atol=1e-5)
    assert len(ism.programs) == 2
    assert ism.at(sequences(15)) is ism.at(sequences(15))
    assert "stem/conv1d" in ism.explain(15)
    assert [layer.name for layer in model.layers] == before
    np.testing.assert_allclose(
        model(sequences(7))["mean"], model.predict(sequences(7), verbose=0)["mean"], atol=1e-6
    )


def test_a_nested_model_of_open_length_is_inlined() -> None:
    inner = open_length()
    fixed = keras.Input((18, 4))
    model = keras.Model(fixed, ops.tanh(inner(fixed)["track"]))
    ism = ismc.compile(model)
    x = sequences(18)
    assert_same_outputs(ism.saturate(x), ismc.NaiveISM(model).saturate(x))
    assert "after" not in ism.explain()


def test_spliceai_of_open_length() -> None:
    options = {
        "width": 0.2,
        "context": 20,
        "units": 1,
        "dilations": (1, 1, 1, 1),
        "kernels": (3, 3, 3, 3),
    }
    model = randomise(spliceai(length=None, **options), 0)
    ism = ismc.compile(model, sites=[0, 20, (30, 33)])
    for length in (41, 50):
        fixed = randomise(spliceai(length=length, **options), 0)
        x = sequences(length)
        want = ismc.NaiveISM(fixed, sites=[(0, 1), (20, 21), (30, 33)]).saturate(x)
        np.testing.assert_allclose(ism.saturate(x), want, rtol=1e-4, atol=1e-5)


def test_wrong_channels_and_short_sequences_are_named() -> None:
    ism = ismc.compile(open_length(), sites=[20])
    with pytest.raises(
        ismc.InputError, match=r"\[\[15, 5\]\] per sequence, expected \[\[None, 4\]\]"
    ):
        ism(np.zeros((1, 15, 5)))
    with pytest.raises(ismc.InputError, match=r"outside of \[0, 15\)"):
        ism(np.zeros((1, 15, 4)))
    with pytest.raises(ismc.InputError, match="add a batch axis"):
        ism(np.zeros((15, 4)))
    assert not ism.programs
    assert "lengths []" in repr(ism)
