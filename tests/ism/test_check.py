"""Some mutants are also computed by the model itself: wrong answers do not get through."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import ismc
from ismc.errors import InputError, VerificationError
from ismc.ism.checking.block import Block, letters_at, spans_of
from ismc.ism.checking.choose import MIN_ROWS, choose_mutants, row_budget
from ismc.ism.checking.tolerance import exceeds
from ismc.ism.program import CompiledProgram
from tests.support.comparing import some_slow
from tests.support.models import two_heads
from tests.support.wrong import LENGTH, RIGHT, WRONG, network, sequences
from tests.zoo import ZOO, random_inputs

pytestmark = pytest.mark.as_written

NUMBER = r"(-?[\d.]+(?:e-?\d+)?)"
SAID = re.compile(
    rf"gives {NUMBER} for output '(\w+)'((?:\[\d+\])*) of sequence (\d+) at site \((\d+), \d+\), "
    rf"letter (\w), where the model gives {NUMBER};"
)
X = sequences(12)


def close(found: Any, want: Any) -> None:
    for name in want:
        scale = np.abs(want[name]).max()
        np.testing.assert_allclose(found[name], want[name], rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize("score", some_slow([None, "centred_alternatives", "l2"], ["l2"]))
def test_predict_stops_at_a_wrong_answer_and_tells_both_numbers(score: Any) -> None:
    model = network()
    ism = ismc.compile(model, score=score, **WRONG)
    with pytest.raises(VerificationError) as error:
        ism.predict(X, batch_size=6)
    found = SAID.search(str(error.value))
    assert found, error.value
    ours, output, entry, record, site, letter, true = found.groups()
    place = (int(record), int(site), "ACGT".index(letter), *map(int, re.findall(r"\d+", entry)))
    want = ismc.NaiveISM(model, score=score).saturate(X)[output].numpy()
    got = ism.saturate(X)[output].numpy()
    assert float(true) == pytest.approx(want[place], rel=1e-4)
    assert float(ours) == pytest.approx(got[place], rel=1e-4)
    assert "check='recompute'" in str(error.value)


@pytest.mark.parametrize("score", some_slow([None, "centred_alternatives"], [None]))
def test_predict_takes_the_models_own_answers(score: Any) -> None:
    model = network()
    ism = ismc.compile(model, score=score, check="recompute", **WRONG)
    x = X.copy()
    x[3, 20:30] = 0
    close(ism.predict(x, batch_size=6), ismc.NaiveISM(model, score=score).saturate(x))
    assert ism.checks.found.recomputed == len(x)
    assert 20 <= ism.checks.found.mutants <= 3 * MIN_ROWS
    assert ism.checks.found.error > 1e-2


def test_off_is_off() -> None:
    ism = ismc.compile(network(), check=False, **WRONG)
    found, wrong = ism.predict(X), ism.saturate(X)
    for name in found:
        np.testing.assert_array_equal(found[name], wrong[name])
    assert ism.checks.found.mutants == 0
    with pytest.raises(VerificationError):
        ism.predict(X, check=True)
    with pytest.raises(InputError, match=r"check is 'never', expected True, False or 'recompute'"):
        ism.predict(X, check="never")
    with pytest.raises(InputError, match="check is 1"):
        ismc.compile(network(), check=1)  # pyright: ignore[reportArgumentType]


def test_each_kind_of_call_is_checked() -> None:
    ism = ismc.compile(network(), check=False, **WRONG)
    unknown = X.copy()
    unknown[:, 7] = 0
    for x, block in ((X, None), (unknown, None), (X, 0), (X, [0, 0, 0.5, 0.5])):
        with pytest.raises(VerificationError, match=r"sequence \d+ at site"):
            ism.predict(x, block, check=True)
    naive = ismc.NaiveISM(network())
    close(ism.predict(X, 0.25, check="recompute"), naive(X, 0.25))


def test_small_calls_share_one_allotment() -> None:
    ism = ismc.compile(two_heads(), score="difference", verify=False)
    for i in range(len(X)):
        ism.predict(X[i : i + 1])
    assert ism.checks.found.mutants == MIN_ROWS - 1  # and their sequence
    assert 0 <= ism.checks.found.error < 1e-4


VIEWS: dict[str, Any] = {"reverse_complement": True, "shifts": (0, -3)}
SITES = [(0, 2), 5, (30, 34), 59]


@pytest.mark.parametrize(
    ("score", "sites", "seeds"),
    [
        pytest.param(None, None, [0], marks=pytest.mark.slow),
        ("centred_alternatives", SITES, [0, 1]),
    ],
)
def test_ensembles_are_checked_as_a_whole(score: Any, sites: Any, seeds: list[int]) -> None:
    models = [network(seed) for seed in seeds]
    options = {"score": score, "sites": sites, **VIEWS}
    right = ismc.ensemble(models, **options, **RIGHT)
    want = right.predict(X)
    assert right.checks.found.mutants >= 4
    assert right.checks.found.error < 1e-4
    wrong = ismc.ensemble(models, **options, **WRONG)
    with pytest.raises(VerificationError):
        wrong.predict(X)
    close(wrong.predict(X, check="recompute"), want)


def test_artifacts_are_checked(tmp_path: Any) -> None:
    model = network()
    ismc.compile(model, score="centred", **WRONG).save(tmp_path / "wrong.ismc", verbose=0)
    ism = ismc.load(tmp_path / "wrong.ismc")
    with pytest.raises(VerificationError):
        ism.predict(X)
    close(ism.predict(X, check="recompute"), ismc.NaiveISM(model, score="centred").saturate(X))
    assert ism.with_weights(network(1)).checks.found.mutants == 0


def test_numbers_that_are_none_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    ism = ismc.compile(two_heads(), verify=False)
    real = CompiledProgram.saturated

    def broken(self: Any, *more: Any) -> list[Any]:
        found = [np.array(y) for y in real(self, *more)]
        found[0][7, 31, 2] = np.nan
        return found

    monkeypatch.setattr(CompiledProgram, "saturated", broken)
    with pytest.raises(VerificationError, match=r"gives nan.*sequence 7 at site \(31, 32\), lett"):
        ism.predict(X)


def test_scores_that_magnify_rounding_are_let_through() -> None:
    def score(reference: Any, mutant: Any) -> Any:
        return tf.math.log(tf.abs(mutant - reference) + 1e-12)

    ism = ismc.compile(two_heads(), score=score, verify=False)
    ism.predict(X)
    assert 8 <= ism.checks.found.mutants < MIN_ROWS


@pytest.mark.parametrize("verify", some_slow([True, False], [True]))
def test_rounded_products_are_held_against_their_rounding(verify: bool) -> None:
    options: dict[str, Any] = {"precision": "bfloat16", "score": "difference"}
    model = ZOO["basset"].model(small=True)
    ism = ismc.compile(model, verify=verify, **options)
    ism.predict(random_inputs(model, 8, seed=5))
    assert 1e-4 < ism.checks.found.error < 1e-1
    with pytest.raises(VerificationError):
        ismc.compile(network(), **options, **WRONG).predict(X)


def test_an_error_does_not_use_up_what_is_checked() -> None:
    ism = ismc.compile(network(), **WRONG)
    for _ in range(3):
        with pytest.raises(VerificationError):
            ism.predict(X)


def block(x: np.ndarray, seed: int = 0) -> Block:
    y = np.random.default_rng(seed).normal(size=(len(x), LENGTH, 4, 2)).astype(np.float32) * 1e-3
    spans = spans_of([(i, i + 1) for i in range(LENGTH)], len(x))
    return Block({"x": x}, "x", spans, letters_at([(0, 1)], 4), [y])


def test_the_largest_changes_edges_and_unknown_letters_are_chosen() -> None:
    x = X.copy()
    x[4, 33] = 0
    some = block(x)
    largest = [(i, 5 * i + 2, int(x[i, 5 * i + 2].argmin())) for i in range(8, 12)]
    for number, place in enumerate(largest):
        some.answers[0][place] = 1.0 + number
    found = [tuple(row) for row in choose_mutants(some, 16, seed=3).tolist()]
    records = {record for record, _, _ in found}
    assert len(found) == len(set(found))
    assert len(found) + len(records) == 16
    assert set(largest) == set(found[:4])
    assert {0, LENGTH - 1} <= {site for _, site, _ in found}
    assert (4, 33) in {place[:2] for place in found}
    assert records == {4, 8, 9, 10, 11}
    for record, site, letter in found:
        assert not x[record, site, letter]
    assert found == [tuple(row) for row in choose_mutants(some, 16, seed=3).tolist()]
    assert found[4:] != [tuple(row) for row in choose_mutants(some, 16, seed=4).tolist()][4:]


def test_own_sites_are_chosen_where_there_are_any() -> None:
    at = np.full((12, 3), -1)
    at[2, 0], at[5] = 40, [1, 2, 3]
    some = block(X)
    some = replace(some, spans=spans_of((), 12, at), answers=[some.answers[0][:, :3]])
    found = {tuple(row[:2]) for row in choose_mutants(some, 16, seed=0).tolist()}
    assert found <= {(2, 0), (5, 0), (5, 1), (5, 2)}
    assert {(5, 0), (5, 2)} <= found or {(2, 0)} <= found


def test_the_budget_is_a_share_of_the_run() -> None:
    plan = replace(ismc.compile(two_heads(), verify=False).plan, seconds=(1.0, 50.0))
    parts = [row_budget(plan, 1000, 3, i, i + 6) for i in range(0, 600, 6)]
    assert parts[0] == MIN_ROWS
    assert sum(parts) == row_budget(plan, 1000, 3, 0, 600)
    assert all(count % MIN_ROWS == 0 for count in parts)
    assert 0.015 < sum(parts) * 50 / (600 * 3000) < 0.025
    assert row_budget(plan, 1000, 3, 600, 600) == 0
    assert row_budget(replace(plan, seconds=(1.0, 1.0)), 1000, 3, 0, 100) <= 8 * 100


def test_one_infinite_answer_hides_no_other() -> None:
    want = np.array([np.inf, 1.0, np.nan, -np.inf, 2.0])
    assert exceeds(want.copy(), want) is None
    for place, value in ((1, 1.1), (0, 1.0), (0, -np.inf), (2, 0.0), (3, np.nan), (4, np.inf)):
        got = want.copy()
        got[place] = value
        assert exceeds(got, want) == exceeds(got, want, np.inf) == (place,)
