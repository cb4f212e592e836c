"""Autotune keeps what is fastest by its timer, be it the naive program, and remembers it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import ismc
from ismc import api
from ismc.artifacts.cache import measurements as cache
from ismc.ism.compiled import CompiledISM
from ismc.ism.program import CompiledProgram
from ismc.plan.plan import Plan
from ismc.plan.target import Target
from ismc.tuning.trials import Trials, sample, sequences_per_tile, tile_sites
from tests.support.comparing import assert_equal_to_oracle
from tests.support.models import conv_pool_dense


def always(value: float) -> Callable[..., float]:
    return lambda *_: value


SECOND, NAIVE = always(1.0), always(9.0)


@dataclass
class Fake:
    """A timer that is told what each plan takes, and a clock that trials move."""

    speed: Callable[[Plan], float] = SECOND
    naive_speed: Callable[[str, int], float] = NAIVE
    each: float = 1.0
    now: float = 0.0
    scans: list[Plan] = field(default_factory=list)
    forms: list[tuple[str, int]] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def scan(self, compiled: CompiledProgram) -> float:
        self.now += self.each
        self.scans.append(compiled.plan)
        return self.speed(compiled.plan)

    def naive(self, compiled: CompiledProgram, form: str, batch: int) -> float:
        del compiled
        self.now += self.each
        self.forms.append((form, batch))
        return self.naive_speed(form, batch)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ISMC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("ismc.api.calibrate", Target.cpu)  # measured elsewhere
    cache._warned.cache_clear()
    yield
    cache._warned.cache_clear()


@pytest.fixture
def model() -> keras.Model:
    return conv_pool_dense(40, {"first": 6, "second": 6}, {"dense": 2})


@pytest.fixture
def tune(
    model: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[CompiledISM, Fake]]:
    """Compiles the model with a fake timer."""

    def tuned(*args: Any, seconds: float = 1000.0, **options: Any) -> tuple[CompiledISM, Fake]:
        fake = Fake(*args)
        monkeypatch.setattr(api, "Trials", lambda: fake)
        ism = ismc.compile(model, verify=False, autotune=True, autotune_seconds=seconds, **options)
        return ism, fake

    return tuned


def strategies(plan: Plan) -> dict[str, str]:
    return {line.name: line.strategy for line in plan.lines if line.title == "Conv1D"}


def test_where_nothing_is_faster_the_predicted_plan_is_kept(model: keras.Model, tune: Any) -> None:
    ism, fake = tune()
    assert ism.plan == ismc.compile(model, verify=False).plan
    assert ism.program.measured.seconds == 1.0
    assert not ism.program.measured.naive_is_faster
    assert len({plan.digest for plan in fake.scans}) == len(fake.scans) > 3
    assert set(fake.forms) == {
        (f, b) for f in ("tf.function", "tf.function jit") for b in (16, 64, 256)
    }


def test_the_fastest_tile_is_kept(tune: Any) -> None:
    ism, fake = tune(lambda plan: 1.0 + abs(tile_sites(plan) - 10))
    tried = [tile_sites(plan) for plan in fake.scans]
    assert tile_sites(ism.plan) == min(tried, key=lambda n: abs(n - 10))
    assert ism.plan.mutants % ism.plan.letters == 0
    assert len(set(tried)) > 2


def test_a_faster_form_of_a_convolution_is_kept(model: keras.Model, tune: Any) -> None:
    predicted = strategies(ismc.compile(model, verify=False).plan)
    ism, fake = tune(lambda plan: 1.0 if strategies(plan) == predicted else 0.5)
    assert strategies(ism.plan) != predicted
    assert len({tuple(strategies(plan).items()) for plan in fake.scans}) > 1
    assert_equal_to_oracle(ism, ismc.NaiveISM(ism.program.model.model), one_hot(2))


def test_the_place_of_the_cut_is_kept(tune: Any) -> None:
    def full(plan: Plan) -> bool:
        return all(line.form == "full" for line in plan.lines if line.title == "Conv1D")

    ism, _ = tune(lambda plan: 0.5 if full(plan) else 1.0, always(2.0))
    assert full(ism.plan)
    assert_equal_to_oracle(ism, ismc.NaiveISM(ism.program.model.model), one_hot(2))


def test_a_cut_that_is_known_to_be_far_slower_is_not_timed(tune: Any) -> None:
    _, fake = tune(always(1.0), always(100.0))
    assert not [p for p in fake.scans if all(line.form == "full" for line in p.lines[1:])]
    assert len(fake.forms) == 2


def test_gains_within_the_noise_change_nothing(model: keras.Model, tune: Any) -> None:
    plan = ismc.compile(model, verify=False).plan
    ism, _ = tune(lambda found: 1.0 if found == plan else 0.98)
    assert ism.plan == plan


def test_a_slow_moment_of_the_machine_decides_nothing(model: keras.Model, tune: Any) -> None:
    plan = ismc.compile(model, verify=False).plan
    times = iter([4.0])
    ism, fake = tune(lambda found: next(times, 1.0) if found == plan else 2.0, always(3.0))
    assert fake.scans.count(plan) > 1
    assert ism.plan == plan
    assert ism.program.measured.seconds == 1.0


def test_nothing_new_is_tried_when_the_time_is_over(tune: Any) -> None:
    ism, fake = tune(seconds=0.0)
    assert len(fake.scans) == 1
    assert fake.forms == [("tf.function", 16)]
    assert ism.program.measured.seconds == 1.0


def test_what_was_found_is_remembered(tune: Any) -> None:
    first, _ = tune(lambda plan: 1.0 + abs(tile_sites(plan) - 10))
    again, fake = tune(always(inf))
    assert not fake.scans
    assert not fake.forms
    assert again.plan == first.plan
    assert again.program.measured == first.program.measured


def test_other_sites_and_memory_are_tuned_anew(tune: Any) -> None:
    tune()
    for options in ({"sites": range(7)}, {"memory": 1 << 20}):
        assert tune(**options)[1].scans
        assert not tune(**options)[1].scans


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"key": 1, "value": {}}', '{"key": 1, "value": 2}']
)
def test_a_broken_memory_is_found_again(tune: Any, text: str) -> None:
    first, _ = tune()
    (path,) = cache.directory().glob("plan-*.json")
    path.write_text(text)
    if text in ("", "{", "[1]"):
        with pytest.warns(RuntimeWarning, match="measured again"):
            again, fake = tune()
    else:
        again, fake = tune()
    assert fake.scans
    assert again.plan == first.plan
    assert not tune()[1].scans


@pytest.mark.parametrize("value", [{}, {"tile": 1}, {"tile": "x", "strategies": 3, "cut": None}])
def test_a_memory_of_something_else_is_found_again(tune: Any, value: dict) -> None:
    tune()
    (path,) = cache.directory().glob("plan-*.json")
    key = json.loads(path.read_text())["key"]
    cache.remember("plan", key, value)
    assert tune()[1].scans


def test_a_cache_that_cannot_be_written_warns_once(
    tune: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ISMC_CACHE_DIR", str(tmp_path / "file"))
    with pytest.warns(RuntimeWarning) as warned:
        for _ in range(2):
            assert tune()[1].scans
    assert len(warned) == 1


def test_the_naive_program_runs_where_it_measures_faster(model: keras.Model, tune: Any) -> None:
    times = {("tf.function", 64): 0.25, ("tf.function jit", 64): 0.2}
    ism, _ = tune(always(0.5), lambda form, batch: times.get((form, batch), 0.3))
    assert ism.program.measured.naive_is_faster
    assert (ism.program.measured.form, ism.program.measured.batch) == ("tf.function jit", 64)
    said = ism.explain().splitlines()[-1]
    assert said == (
        "measured: 500 ms a sequence, naive 200 ms (tf.function jit, batch 64), which is run"
    )
    assert ism.program.naive.form == "tf.function jit"
    naive = ismc.NaiveISM(model)
    for x in (one_hot(3), np.random.default_rng(1).random((2, 40, 4), np.float32)):
        assert_equal_to_oracle(ism, naive, x, replace_with=[0, 0, 0, 1])
    assert ism.saturate(np.zeros((0, 40, 4))).shape == (0, 40, 4, 2)
    same = ism.predict(one_hot(3), batch_size=2, verbose=0)
    assert np.allclose(same, naive.predict(one_hot(3)), atol=1e-5)
    assert not ism.program.programs


def test_explain_says_what_is_predicted_and_measured(model: keras.Model, tune: Any) -> None:
    plain = ismc.compile(model, verify=False).explain()
    assert "predicted: " in plain
    assert "measured: " not in plain
    said = tune()[0].explain()
    assert said.endswith("\nmeasured: 1 s a sequence, naive 9 s (tf.function, batch 16)")


@pytest.mark.parametrize("form", ["eager", "tf.function", "tf.function jit"])
def test_every_form_of_the_naive_program_gives_the_same(model: keras.Model, form: str) -> None:
    def score(reference: Any, mutant: Any) -> Any:
        return (mutant - reference) ** 2

    x, sites = one_hot(2), range(3, 11)
    usual = ismc.NaiveISM(model, sites=sites, score=score)
    other = ismc.NaiveISM(model, sites=sites, score=score, form=form, batch_size=5)
    assert_equal_to_oracle(other, usual, x, replace_with=0.5)
    assert np.allclose(other.reference(x), usual.reference(x), atol=1e-5)


def test_a_sample_is_of_whole_tiles_at_even_distances(model: keras.Model) -> None:
    plan = replace(ismc.compile(model, verify=False).plan, mutants=6, seconds=(1.0, 1.0))
    assert sample(plan) == (6, 7, 20, 21, 32, 33)
    assert sample(replace(plan, seconds=(1e-6, 1.0))) == plan.active
    assert sequences_per_tile(plan) == 1
    assert sequences_per_tile(replace(plan, mutants=120 * 5)) == 4


def test_a_real_autotune_is_exact_and_remembered(model: keras.Model) -> None:
    ism = ismc.compile(model, autotune=True, autotune_seconds=3.0)
    assert 0 < ism.program.measured.seconds < 10
    assert 0 < ism.program.measured.naive < 10
    assert_equal_to_oracle(ism, ismc.NaiveISM(model), one_hot(2))
    again = ismc.compile(model, autotune=True)
    assert again.plan == ism.plan
    assert again.program.measured == ism.program.measured


def test_a_form_that_does_not_run_is_no_candidate(
    model: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise NotImplementedError

    monkeypatch.setattr(ismc.NaiveISM, "answers", fails)
    ism = ismc.compile(model, verify=False)
    assert Trials().naive(ism.program, "tf.function jit", 16) == inf


def one_hot(count: int) -> np.ndarray:
    letters = np.random.default_rng(count).integers(0, 4, (count, 40))
    return np.eye(4, dtype=np.float32)[letters]
