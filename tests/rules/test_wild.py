"""References that are very large, or infinite, beside a mutant, against float64."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import ismc
from ismc.runtime.guards import cancelled, cancelled_sums, not_finite, typical
from tests.support.comparing import assert_same_outputs

LENGTH, MOTIF = 60, 8


def _motifs(x: Any, **options: Any) -> Any:
    return layers.Conv1D(4, MOTIF, name="motifs", **options)(x)


def exponential_then_log(x: Any) -> Any:
    """A motif of the first layer gives activations of e^20; the answer is the log of a sum."""
    return ops.log(ops.sum(_motifs(x, activation="exponential"), axis=1))


def exponential_profile(x: Any) -> Any:
    y = _motifs(x, activation="exponential")
    return ops.log1p(layers.Conv1D(2, 5, padding="same", kernel_initializer="ones")(y))


def exponential_then_dense(x: Any) -> Any:
    y = layers.Flatten()(_motifs(x, activation="exponential"))
    return ops.log(layers.Dense(2, kernel_initializer="ones")(y))


def exponential_then_lstm(x: Any) -> Any:
    return layers.LSTM(3)(_motifs(x, activation="exponential"))


def masked_maximum(x: Any) -> Any:
    """Positions without a letter are masked by -1e9 before a global maximum."""
    y, there = _motifs(x, padding="same"), ops.sum(x, axis=-1, keepdims=True)
    return layers.Dense(2)(layers.GlobalMaxPooling1D()(y + (1.0 - there) * -1e9))


def masked_attention(x: Any) -> Any:
    y, there = _motifs(x, padding="same"), ops.sum(x, axis=-1, keepdims=True)
    weight = ops.softmax(layers.Dense(1)(y) + (1.0 - there) * -1e9, axis=1)
    return layers.Dense(2)(ops.sum(weight * y, axis=1))


def log_of_zero(x: Any) -> Any:
    """log(relu) is minus infinity where nothing fires, and is clipped right behind."""
    y = ops.log(_motifs(x, padding="same", activation="relu"))
    return layers.Conv1D(3, 3)(ops.maximum(y * 0.5, -3.0))


def overflow(x: Any) -> Any:
    y = ops.exp(_motifs(x, padding="same") * 100.0)
    return layers.Conv1D(3, 3)(1.0 / (1.0 + y * 2.0))


def log_and_skip(x: Any) -> Any:
    """Minus infinity passes a sum before exp makes it zero."""
    y = _motifs(x, padding="same")
    return layers.Conv1D(3, 3)(ops.exp(ops.log(ops.relu(y)) + y))


def infinite_mask(x: Any) -> Any:
    y = _motifs(x, padding="same")
    mask = ops.where(ops.sum(x, axis=-1, keepdims=True) > 0, 0.0, -np.inf)
    return layers.GlobalMaxPooling1D()(y + mask)


CASES = [
    exponential_then_log, exponential_profile, exponential_then_dense, exponential_then_lstm,
    masked_maximum, masked_attention, log_of_zero, overflow, log_and_skip, infinite_mask,
]  # fmt: skip
EXPONENTIAL = [case for case in CASES if "exponential" in case.__name__]


def built(case: Callable[[Any], Any]) -> keras.Model:
    """The model; filters of exponential layers match a motif of their own."""
    keras.utils.set_random_seed(0)
    x = keras.Input((LENGTH, 4))
    model = keras.Model(x, case(x))
    if case in EXPONENTIAL:
        rng = np.random.default_rng(1)
        kernel = rng.normal(size=(MOTIF, 4, 4)).astype("float32") * 0.5
        kernel[np.arange(MOTIF), np.arange(MOTIF) % 4] += 3.0
        model.get_layer("motifs").set_weights([kernel, np.full(4, -4.0, "float32")])
    return model


def sequence(case: Callable[[Any], Any]) -> np.ndarray:
    """``[1, L, 4]``: with the motif, or with positions that have no letter."""
    letters = np.random.default_rng(0).integers(0, 4, LENGTH)
    letters[30 : 30 + MOTIF] = np.arange(MOTIF) % 4
    x = np.eye(4, dtype="float32")[letters][None]
    if "mask" in case.__name__:
        x[0, :5] = 0
        x[0, 20:22] = 0
    return x


def sites_of(case: Callable[[Any], Any]) -> Any:
    """Windows as long as the motif, or every position."""
    return [(i, i + MOTIF) for i in range(LENGTH - MOTIF + 1)] if case in EXPONENTIAL else None


def truth(case: Callable[[Any], Any], model: keras.Model, sites: Any) -> tuple[Any, Any, Any]:
    """Every letter at every site by a float64 copy and by a plain call, and both references."""
    x = sequence(case)[0]
    ranges = sites or [(i, i + 1) for i in range(LENGTH)]
    every = np.tile(x, (len(ranges), 4, 1, 1))
    for s, (start, stop) in enumerate(ranges):
        every[s, :, start:stop] = np.eye(4)[:, None]
    flat = every.reshape(-1, LENGTH, 4)
    plain = np.asarray(model(flat))
    policy = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("float64")
        exact = built(case)
        exact.set_weights([w.astype("float64") for w in model.get_weights()])
        both = [np.asarray(exact(v.astype("float64"))) for v in (flat, x[None])]
    finally:
        keras.config.set_dtype_policy(policy)
    shape = (len(ranges), 4)
    return (
        both[0].reshape(*shape, *both[0].shape[1:]),
        plain.reshape(*shape, *plain.shape[1:]),
        both[1][0],
    )


@pytest.mark.as_written
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_answers_are_as_good_as_those_of_the_model(case: Callable[[Any], Any]) -> None:
    model, sites = built(case), sites_of(case)
    right, plain, reference = truth(case, model, sites)
    with np.errstate(invalid="ignore"):
        change = np.abs(right - reference)
    largest = change[np.isfinite(change)].max()
    assert largest > 1e-3
    got = ismc.compile(model, sites=sites, cache=False).saturate(sequence(case)).numpy()[0]
    finite = np.isfinite(plain)
    assert np.isfinite(got[finite]).all()
    off = np.abs(got - right)[finite].max() / largest
    bare = np.abs(plain - right)[finite].max() / largest
    assert off <= max(1e-5, 10 * bare), (off, bare)


@pytest.mark.parametrize("case", [exponential_profile, log_and_skip], ids=lambda c: c.__name__)
def test_the_model_computes_only_what_lost_its_digits(case: Callable[[Any], Any]) -> None:
    model, sites = built(case), sites_of(case)
    ism = ismc.compile(model, sites=sites, cache=False, verify=False)
    assert ism.plan.guard
    ism.saturate(sequence(case))
    assert 0 < ism.tally["recomputed"] < 4 * len(ism.sites) or case is log_and_skip


def test_models_of_ordinary_layers_have_no_guard() -> None:
    from tests.zoo import ZOO

    for name in ("basset", "bpnet", "deepstarr"):
        model = ZOO[name].model(seed=0, small=True)
        assert not ismc.compile(model, cache=False, verify=False).plan.guard, name


@pytest.mark.parametrize("score", [None, "difference", "centred"])
def test_artifacts_and_scores_are_right_too(score: str | None, tmp_path: Path) -> None:
    model, sites = built(exponential_profile), sites_of(exponential_profile)
    x = sequence(exponential_profile)
    ism = ismc.compile(model, sites=sites, score=score, cache=False, verify=False)
    want = ismc.NaiveISM(model, sites=sites, score=score).saturate(x)
    assert_same_outputs(ism.saturate(x), want, ism.sites)
    ism.save(tmp_path / "model.ismc", verbose=0)
    loaded = ismc.load(tmp_path / "model.ismc", cache=False)
    assert_same_outputs(loaded.saturate(x), want, ism.sites)
    assert loaded.tally["recomputed"] > 0
    several = np.concatenate([x[:, ::-1], x, x])
    want = ismc.NaiveISM(model, sites=sites, score=score).saturate(several)
    assert_same_outputs(ism.saturate(several), want, ism.sites)


def test_a_saved_model_says_nan_where_it_cannot_compute(tmp_path: Path) -> None:
    model, sites = built(exponential_profile), sites_of(exponential_profile)
    x = sequence(exponential_profile)
    ism = ismc.compile(model, sites=sites, cache=False, verify=False)
    ism.export_saved_model(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served")).signatures["saturate"]
    (got,) = served(**{ism.plan.sequence: tf.constant(x)}).values()
    want = ismc.NaiveISM(model, sites=sites).saturate(x).numpy()
    lost = np.isnan(got.numpy())
    assert lost.any()
    assert not lost.all()
    assert_same_outputs(np.where(lost, want, got.numpy()), want, ism.sites)


def test_guards_tell_which_mutants_lost_their_digits() -> None:
    w = tf.constant([[[1e9], [1.0]], [[3.0], [1.0]], [[1e9], [1.0]]])
    s = tf.constant([[[2.0], [1.0]], [[1e-3], [1.0]], [[-1e9], [1.0]]])
    usual = tf.constant([1.0])
    assert cancelled(w, s, usual).numpy().tolist() == [1, 0, 0]
    assert cancelled(w, s).numpy().tolist() == [1, 1, 0]
    assert cancelled_sums(w, s).numpy().tolist() == [1, 0, 0]
    assert not_finite(s / tf.constant([1.0, 0.0, 1.0])[:, None, None]).numpy().tolist() == [0, 1, 0]
    sizes = tf.reshape(tf.range(1.0, 101.0), [1, 100, 1])
    held = tf.concat([sizes, tf.zeros([1, 50, 1]), tf.fill([1, 5, 1], np.inf)], 1)
    assert typical(held).numpy().tolist() == [11.0]
