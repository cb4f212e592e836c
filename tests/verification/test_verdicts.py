"""A verdict belongs to weights, weights that hide something are shown, and hits are compared."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import ismc
from ismc import api
from ismc.artifacts.cache import cached as kept
from ismc.rules import base
from ismc.verification.revealed import hides, reveal_weight
from tests.artifacts.test_artifacts import one_hot, small_net
from tests.artifacts.test_artifacts import pytestmark as writes_modules
from tests.support.comparing import assert_equal_to_oracle
from tests.zoo import randomise

pytestmark = [writes_modules, pytest.mark.as_written]

K = keras.layers


class Blur(keras.Layer):
    """The mean of five positions; the rule below says three."""

    def call(self, x: Any) -> Any:
        padded: Any = ops.pad(x, [[0, 0], [2, 2], [0, 0]])
        n = x.shape[1]
        return sum(padded[:, i : i + n] for i in range(5)) / 5.0


@pytest.fixture
def wrong_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_TABLE", table := dict(base._TABLE))
    monkeypatch.setattr("ismc.artifacts.cache.fingerprint.layers._TABLE", table)
    window = ismc.Window(size=3, pad=1)
    rule = ismc.Rule(ismc.Role.LOCAL, window=window, outside=0.0, trim=(1, 1))
    ismc.rule(Blur)(lambda _: rule)


def kernel(x: Any) -> Any:
    return K.Conv1D(8, 1, kernel_initializer="zeros", name="end")(x)


def scale(x: Any) -> Any:
    return K.BatchNormalization(gamma_initializer="zeros", name="end")(x)


def layer_scale(x: Any) -> Any:
    return K.EinsumDense("abc,c->abc", (30, 8), kernel_initializer="zeros", name="end")(x)


def tiny(x: Any) -> Any:
    start: Any = keras.initializers.Constant(1e-6)
    return K.EinsumDense("abc,c->abc", (30, 8), kernel_initializer=start, name="end")(x)


def network(end: Callable[[Any], Any], trained: bool = False) -> keras.Model:
    """A residual branch that adds nothing yet."""
    keras.utils.set_random_seed(0)
    i = keras.Input((30, 4), name="i")
    x = K.Conv1D(8, 5, padding="same", activation="relu", name="conv")(i)
    x = K.Add(name="add")([x, end(Blur(name="blur")(x))])
    model = keras.Model(i, K.Dense(1, name="head")(K.Flatten(name="flat")(x)), name="m")
    if trained:
        train(model)
    return model


def train(model: keras.Model) -> None:
    layer = model.get_layer("end")
    layer.set_weights([w + 0.5 for w in layer.get_weights()])


@pytest.mark.usefixtures("wrong_rule")
@pytest.mark.parametrize("end", [kernel, scale, layer_scale, tiny])
def test_a_wrong_rule_behind_weights_that_hide_it(
    end: Callable[[Any], Any], tmp_path: Path
) -> None:
    model, x = network(end), one_hot(1)
    before = model.get_weights()
    with pytest.warns(RuntimeWarning, match="refused once the model is trained"):
        ism = ismc.compile(model, cache=tmp_path)
    for found, was in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, was)
    assert_equal_to_oracle(ism, ismc.NaiveISM(model), x, replace=False)
    with pytest.raises(ismc.VerificationError, match="the first layer that differs is 'blur'"):
        ism.save(tmp_path / "m.ismc")
    with pytest.raises(ismc.VerificationError, match="blur"):
        ism.export_saved_model(tmp_path / "m")
    train(model)
    for call in (ism.saturate, ism, ism.reference):
        with pytest.raises(ismc.VerificationError, match="blur"):
            call(x)
    with pytest.raises(ismc.VerificationError, match="blur"):
        ismc.compile(network(end, trained=True), cache=tmp_path)


@pytest.mark.parametrize("end", [kernel, scale, layer_scale, tiny])
def test_a_right_program_passes_with_weights_that_hide(
    end: Callable[[Any], Any], tmp_path: Path
) -> None:
    model = network(end)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ism = ismc.compile(model, cache=tmp_path)
        train(model)
        assert_equal_to_oracle(ism, ismc.NaiveISM(model), one_hot(1), replace=False)


def test_weights_that_hide_are_shown_in_keras_2(tmp_path: Path) -> None:
    k = pytest.importorskip("tf_keras")
    k.utils.set_random_seed(0)
    i = k.Input((30, 4))
    x = k.layers.Conv1D(8, 5, padding="same", activation="relu")(i)
    y = k.layers.Conv1D(8, 3, padding="same", kernel_initializer="zeros")(x)
    y = k.layers.BatchNormalization(gamma_initializer="zeros")(y)
    model = k.Model(i, k.layers.Dense(1)(k.layers.Flatten()(k.layers.Add()([x, y]))))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ism = ismc.compile(model, cache=tmp_path)
    model.set_weights([w + 0.5 for w in model.get_weights()])
    assert_equal_to_oracle(ism, ismc.NaiveISM(model), one_hot(1), replace=False)


@pytest.mark.compiled
def test_a_wrong_rule_behind_weights_that_hide_it_in_keras_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    k = pytest.importorskip("tf_keras")

    class Old(k.layers.Layer):
        def call(self, x: Any) -> Any:
            return k.layers.AveragePooling1D(5, 1, "same")(x)

    monkeypatch.setattr(base, "_TABLE", table := dict(base._TABLE))
    monkeypatch.setattr("ismc.artifacts.cache.fingerprint.layers._TABLE", table)
    window = ismc.Window(size=3, pad=1)
    rule = ismc.Rule(ismc.Role.LOCAL, window=window, outside=0.0, trim=(1, 1))
    ismc.rule(Old)(lambda _: rule)
    i = k.Input((30, 4))
    x = k.layers.Conv1D(8, 5, padding="same", activation="relu")(i)
    y = k.layers.Conv1D(8, 1, kernel_initializer="zeros")(Old()(x))
    model = k.Model(i, k.layers.Dense(1)(k.layers.Flatten()(k.layers.Add()([x, y]))))
    with pytest.warns(RuntimeWarning, match="wrong for other weights"):
        ism = ismc.compile(model, cache=tmp_path)
    model.set_weights([w + 0.5 for w in model.get_weights()])
    with pytest.raises(ismc.VerificationError, match="wrong for other weights"):
        ism.saturate(one_hot(1))


def test_which_weights_hide() -> None:
    rng = np.random.default_rng(0)
    full = rng.normal(size=(5, 4)).astype(np.float32)
    pruned = np.where(rng.uniform(size=(5, 4)) < 0.8, 0.0, full).astype(np.float32)
    for weight in (full, full[0], np.float32(0.5).reshape(1), np.zeros(3, np.int32)):
        assert not hides(weight)
    for weight in (0 * full, np.ones(4, np.float32), 1e-7 * full, pruned, np.zeros(1, np.float32)):
        assert hides(weight)
        other = reveal_weight(weight, rng)
        assert not hides(other)
        assert other.dtype == weight.dtype
        assert np.abs(other).max() < 5
        assert (np.sign(other) == np.sign(weight))[np.abs(weight) > 1e-3].all()


def test_a_verdict_holds_for_its_weights_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    compare = api.compare
    monkeypatch.setattr(api, "compare", lambda *args: (seen.append(1), compare(*args))[1])
    for seed, count in ((0, 1), (0, 1), (1, 2), (1, 2), (0, 2)):
        ismc.compile(randomise(small_net(), seed), cache=tmp_path)
        assert len(seen) == count


def moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that come out of the cache are off by one from here on."""
    plain = kept.CachedProgram.__call__

    def call(self: Any, arguments: Any) -> Any:
        ys = plain(self, arguments)
        return [y + 1.0 for y in ys] if self.found else ys

    monkeypatch.setattr(kept.CachedProgram, "__call__", call)


@pytest.mark.compiled
@pytest.mark.parametrize("call", ["saturate", "__call__", "reference", "predict"])
@pytest.mark.parametrize("options", [{}, {"score": "l2"}, {"precision": "bfloat16"}], ids=str)
def test_a_hit_is_compared_before_its_first_answer(
    call: str, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer() -> Any:
        ism = ismc.compile(randomise(small_net(), 0), cache=tmp_path, **options)
        return getattr(ism, call)(one_hot(2))

    right = keras.tree.flatten(answer())
    for y, found in zip(keras.tree.flatten(answer()), right, strict=True):
        np.testing.assert_array_equal(np.asarray(y), np.asarray(found))
    moved(monkeypatch)
    with pytest.raises(ismc.VerificationError, match="The cached program of model"):
        answer()


def test_a_program_that_changed_before_its_first_call_is_not_kept(tmp_path: Path) -> None:
    model = small_net()
    ism = ismc.compile(model, cache=tmp_path, verify=False)
    model.get_layer("pool").pool_size = (1,)
    ism.saturate(one_hot(1))
    assert not list(tmp_path.glob("*.entry"))
