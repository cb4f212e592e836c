"""Verification looks at motifs, and at what random letters never hold."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import ismc
from ismc.rules.base import IDENTITY
from ismc.verification.probes import best_windows, first_kernel, probes
from tests.execution.test_dtypes import net
from tests.zoo import randomise

LENGTH = 60
CHOSEN = [0, 1, 17, 40, 58, 59]


def found(model: keras.Model, chosen: list[int] = CHOSEN) -> tuple[Any, np.ndarray, Any]:
    ism = ismc.compile(model, verify=False)
    rng = np.random.default_rng(0)
    inputs = probes(ism.plan, ism.program.model, ism.program.graph, chosen, rng)
    kernel = first_kernel(ism.program.model, ism.program.graph, ism.plan.sequence, 4)
    return inputs, inputs[ism.plan.sequence], kernel


def convolution() -> keras.Model:
    sequence = keras.Input((LENGTH, 4))
    x = layers.Conv1D(5, 7, padding="same")(sequence)
    return randomise(keras.Model(sequence, layers.Dense(2)(layers.Flatten()(x))), 0)


def test_two_sequences_hold_everything() -> None:
    model = convolution()
    _, x, kernel = found(model)
    assert kernel is not None
    np.testing.assert_array_equal(kernel, np.asarray(model.layers[1].kernel))
    one_hot = (x.max(2) == 1) & (x.sum(2) == 1)
    assert one_hot[0].all()
    assert one_hot[1, CHOSEN].all()
    assert not x[1, 50:58].any(), "no letters"
    soft = x[1, 20:30]
    np.testing.assert_allclose(soft.sum(1), 1, rtol=1e-5)
    assert (soft.max(1) < 1).all()
    run = x[1, 31:40]
    assert (run == run[0]).all()
    most = kernel.max(1).sum(0)
    windows = np.lib.stride_tricks.sliding_window_view(x, 7, axis=1)
    answers = np.einsum("blck,kcf->blf", windows, kernel).max(1)
    best = np.argsort(-most)
    np.testing.assert_allclose(answers[0, best[0]], most[best[0]], rtol=1e-5)
    np.testing.assert_allclose(answers[1, best[0]], most[best[0]], rtol=1e-5)
    motif = best_windows(kernel)[0]
    np.testing.assert_allclose((motif * kernel[:, :, best[0]]).sum(), most[best[0]], rtol=1e-5)


@pytest.mark.parametrize("dtype", ["int8", "bool", "float16"])
def test_models_of_letters_alone_get_no_mixtures(dtype: str) -> None:
    model = net(dtype)
    ismc.compile(model)  # verified
    _, x, _ = found(model, [0, 29])
    assert bool(((x == 0) | (x == 1)).all()) is (dtype != "float16")


def test_short_sequences_without_a_kernel() -> None:
    for length in (1, 2, 5):
        sequence = keras.Input((length, 4))
        model = keras.Model(sequence, layers.Dense(2)(layers.Flatten()(sequence)))
        ismc.compile(model)
        _, x, kernel = found(model, [0])
        assert x.shape == (2, length, 4)
        assert kernel is None


class Fill(layers.Layer):
    """Where there is no letter, the next one counts."""

    def call(self, x: Any) -> Any:
        after = ops.pad(x[:, 1:], [[0, 0], [0, 1], [0, 0]])
        return ops.where(ops.any(x != 0, -1, keepdims=True), x, after)


class Cap(layers.Layer):
    """Numbers up to a limit that random letters do not reach."""

    def __init__(self, most: float, **more: Any) -> None:
        super().__init__(**more)
        self.most = most

    def call(self, x: Any) -> Any:
        return ops.minimum(x, self.most)


def test_a_rule_that_is_wrong_without_letters_is_refused() -> None:
    sequence = keras.Input((LENGTH, 4))
    x = layers.Conv1D(5, 3, padding="same")(Fill(name="fill")(sequence))
    model = randomise(keras.Model(sequence, layers.Dense(2)(layers.Flatten()(x))), 0)
    rule = ismc.Rule(ismc.Role.LOCAL)
    with pytest.raises(ismc.VerificationError, match="'fill'"):
        ismc.compile(model, rules={"fill": rule})


def test_a_rule_that_is_wrong_for_motifs_is_refused() -> None:
    sequence = keras.Input((LENGTH, 4))
    x = layers.Conv1D(4, 12, padding="same", use_bias=False, name="conv")(sequence)
    x = layers.Flatten()(Cap(9.0, name="cap")(x))
    model = keras.Model(sequence, layers.Dense(2)(x))
    kernel = np.full((12, 4, 4), -1.0, np.float32)
    rng = np.random.default_rng(1)
    for k in range(12):
        for f in range(4):
            kernel[k, rng.integers(4), f] = 1.0
    model.get_layer("conv").set_weights([kernel])
    letters = np.eye(4, dtype=np.float32)[rng.integers(0, 4, (200, LENGTH))]
    inner = keras.Model(sequence, model.get_layer("conv").output)
    assert np.quantile(inner(letters), 0.9999) < 9, "random letters say nothing"
    rule = ismc.Rule(ismc.Role.LOCAL, slab=IDENTITY)
    with pytest.raises(ismc.VerificationError, match="'cap'"):
        ismc.compile(model, rules={"cap": rule})
