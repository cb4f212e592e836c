"""Laws that hold whatever the model: what must change nothing, and what must only move."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import ismc
from tests.generators.models import random_case
from tests.support.comparing import assert_equal_to_oracle, assert_same_outputs, tolerance
from tests.zoo import ZOO, one_hot, random_inputs, randomise

LENGTH = 30


@dataclass(frozen=True)
class Scan:
    """A compiled model of the zoo with its inputs and every answer."""

    name: str
    model: keras.Model
    ism: ismc.CompiledISM
    x: Any
    every: list[np.ndarray]

    @property
    def sequence(self) -> np.ndarray:
        """``[3, L, 4]``."""
        return self.x[0] if isinstance(self.x, list) else self.x

    def again(self, **options: Any) -> ismc.CompiledISM:
        """The same model compiled with other options."""
        return ismc.compile(self.model, verify=False, **options)


@pytest.fixture(scope="module", params=["deepstarr", "bpnet", "two_sequences"])
def scan(request: pytest.FixtureRequest) -> Scan:
    entry = ZOO[request.param]
    model = entry.model(seed=9, small=True)
    x = random_inputs(model, batch=3, seed=9)
    ism = ismc.compile(model, verify=False)
    every = [y.numpy() for y in keras.tree.flatten(ism.saturate(x))]
    return Scan(request.param, model, ism, x, every)


def test_writing_the_letter_that_is_there_changes_nothing(scan: Scan) -> None:
    same = scan.sequence.argmax(-1)
    known = scan.sequence.sum(-1) > 0
    assert known.any()
    own = [y.numpy() for y in keras.tree.flatten(scan.ism.reference(scan.x))]
    for letter, written in enumerate(np.eye(4, dtype=np.float32)):
        outputs = keras.tree.flatten(scan.ism(scan.x, replace_with=written))
        for mutants, reference in zip(outputs, own, strict=True):
            for b, s in np.argwhere(known & (same == letter)):
                change = np.abs(mutants[b, s] - reference[b])
                assert (change <= tolerance(reference[b])).all(), (b, s, letter)


def test_saturation_is_every_single_letter(scan: Scan) -> None:
    for a, letter in enumerate(np.eye(4, dtype=np.float32)):
        written = scan.ism(scan.x, replace_with=letter)
        assert_same_outputs(keras.tree.flatten(written), [y[:, :, a] for y in scan.every])


def test_the_oracle_is_the_model_on_mutants_written_by_hand(scan: Scan) -> None:
    sites = [(3, 7), (0, 1)]
    naive = ismc.NaiveISM(scan.model, sites=sites)
    found = keras.tree.flatten(naive(scan.x, replace_with=[0, 1, 0, 0]))
    for s, (start, stop) in enumerate(sites):
        mutant = scan.sequence.copy()
        mutant[:, start:stop] = [0, 1, 0, 0]
        x = [mutant, *scan.x[1:]] if isinstance(scan.x, list) else mutant
        expected = keras.tree.flatten(scan.model(x))
        assert_same_outputs([y[:, s] for y in found], expected)


@pytest.mark.parametrize("memory", [1, 50_000])
def test_memory_changes_no_number(scan: Scan, memory: int) -> None:
    small = scan.again(memory=memory).saturate(scan.x)
    assert_same_outputs(keras.tree.flatten(small), scan.every)


def test_batch_order_and_size_change_no_number(scan: Scan) -> None:
    order = [2, 0, 1, 0, 2]
    shuffled = [v[order] for v in scan.x] if isinstance(scan.x, list) else scan.x[order]
    for size in (1, 3, None):
        found = scan.ism.predict(shuffled, batch_size=size, verbose=0)
        assert_same_outputs(keras.tree.flatten(found), [y[order] for y in scan.every])


def test_sites_in_any_order(scan: Scan) -> None:
    length = len(scan.ism.sites)
    sites = np.random.default_rng(0).permutation(length)[:9].tolist()
    sites += [sites[0], 0, length - 1]
    some = scan.again(sites=sites)
    assert some.sites == tuple((s, s + 1) for s in sites)
    found = keras.tree.flatten(some.saturate(scan.x))
    assert_same_outputs(found, [y[:, sites] for y in scan.every])


def test_a_wide_site_is_one_with_the_mutation_of_its_positions() -> None:
    """Writing a block over a site is the scan of the last position of a half-written sequence."""
    entry = ZOO["deepstarr"]
    model = entry.model(seed=9, small=True)
    x = random_inputs(model, batch=2, seed=9)
    half = x.copy()
    half[:, 10:13] = [0, 0, 1, 0]
    wide = ismc.compile(model, sites=[(10, 14)], verify=False)(x, [0, 0, 1, 0])
    narrow = ismc.compile(model, sites=[13], verify=False)(half, [0, 0, 1, 0])
    assert_same_outputs(wide, narrow)


def _parts() -> list[keras.Layer]:
    return [
        layers.Conv1D(6, 5, padding="same", name="conv_a"),
        layers.BatchNormalization(name="bn"),
        layers.ReLU(name="relu"),
        layers.MaxPooling1D(3, name="pool"),
        layers.Conv1D(7, 3, dilation_rate=2, activation="gelu", name="conv_b"),
        layers.Flatten(name="flatten"),
        layers.Dense(3, name="head"),
    ]


def _functional() -> keras.Model:
    x = start = keras.Input((LENGTH, 4))
    for part in _parts():
        x = part(x)
    return keras.Model(start, x)


def _sequential() -> keras.Model:
    return keras.Sequential([keras.Input((LENGTH, 4)), *_parts()])


def _nested() -> keras.Model:
    """Two levels: a Sequential inside of a Functional, inside of the model."""
    parts = _parts()
    inner = keras.Input((LENGTH, 4))
    middle = keras.Sequential([keras.Input((LENGTH, 4)), *parts[:2]], name="innermost")(inner)
    for part in parts[2:5]:
        middle = part(middle)
    start = keras.Input((LENGTH, 4))
    x = keras.Model(inner, middle, name="inner")(start)
    for part in parts[5:]:
        x = part(x)
    return keras.Model(start, x)


def _table(ism: ismc.CompiledISM) -> list[str]:
    """The rows of the plan, without the names of layers."""
    rows = [line for line in ism.explain().splitlines() if " of " in line and "  " in line]
    return [re.sub(r"\s+", " ", row.split(None, 1)[1]) for row in rows]


def test_functional_sequential_and_nested_forms_have_one_plan() -> None:
    plain, *others = [build() for build in (_functional, _sequential, _nested)]
    randomise(plain, 4)
    x = one_hot(np.random.default_rng(4), 2, LENGTH)
    ism = ismc.compile(plain, verify=False)
    expected, rows = ism.saturate(x), _table(ism)
    assert len(rows) >= len(_parts())
    for model in others:
        model.set_weights(plain.get_weights())
        other = ismc.compile(model, verify=False)
        assert _table(other) == rows
        assert_same_outputs(other.saturate(x), expected)


def test_new_weights_need_no_new_compilation() -> None:
    model = randomise(_functional(), 5)
    x = one_hot(np.random.default_rng(5), 2, LENGTH)
    ism = ismc.compile(model, verify=False)
    before = np.asarray(ism.saturate(x))
    randomise(model, 6)
    assert_equal_to_oracle(ism, ismc.NaiveISM(model), x, visible=20)
    assert np.abs(before - np.asarray(ism.saturate(x))).max() > 0.01


def test_a_score_is_a_function_of_the_outputs() -> None:
    model = randomise(_functional(), 7)
    x = one_hot(np.random.default_rng(7), 2, LENGTH)

    def score(reference: Any, mutant: Any) -> Any:
        return keras.ops.sum((mutant - reference) ** 2, axis=-1)

    scored = ismc.compile(model, score=score, verify=False)
    assert_equal_to_oracle(scored, ismc.NaiveISM(model, score=score), x)
    mutants = np.asarray(ismc.compile(model, verify=False).saturate(x))
    own = np.asarray(model(x))[:, None, None]
    assert_same_outputs(scored.saturate(x), ((mutants - own) ** 2).sum(-1))


@pytest.mark.as_written
@pytest.mark.parametrize("seed", range(1000, 1010))
def test_stopping_anywhere_changes_no_number(seed: int) -> None:
    """A random layer of a random model as the last that is computed on differences."""
    case = random_case(seed)
    hidden = [n for n in case.model.layers if not isinstance(n, layers.InputLayer | keras.Model)]
    stop = hidden[seed % len(hidden)].name
    early = ismc.compile(case.model, **case.options, stop_at=stop, verify=False)
    expected = case.scan(ismc.NaiveISM(case.model, **case.options))
    assert_same_outputs(case.scan(early), expected, early.sites)
