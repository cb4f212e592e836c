"""Many random models in processes of their own: what is wrong is found, told and not lost."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ismc
from tests.generators import check as random_check
from tests.generators.check import Run, checked, main, problem_of, scanned
from tests.generators.models import Case, random_case
from tests.support.as_written import as_written
from tests.support.comparing import assert_same_outputs
from tests.support.models import two_heads

DEADLY = 3


def deadly_case(seed: int) -> Case:
    if seed == DEADLY:
        os._exit(7)
    return random_case(seed)


class Deadly(Run):
    """Its third seed ends the process."""

    def work(self, seeds: Any, alone: bool) -> None:
        random_check.GENERATORS["narrow"] = deadly_case
        super().work(seeds, alone)


def test_programs_run_as_written_and_compiled_answer_alike() -> None:
    case = random_case(2)
    found, ism = scanned(case, eager=True)
    assert_same_outputs(found, scanned(case)[0], ism.sites)


def test_as_written_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    def compiled(*_: Any) -> None:
        raise AssertionError("XLA was asked")

    monkeypatch.setattr("ismc.artifacts.cache.cached.CachedProgram._make", compiled)
    assert problem_of(random_case(2), eager=True) == ""
    assert "XLA was asked" in problem_of(random_case(2))


@pytest.mark.parametrize("eager", [True, False])
def test_a_wrong_program_is_a_finding(monkeypatch: pytest.MonkeyPatch, eager: bool) -> None:
    case = random_case(2)
    weights = case.model.get_weights()
    right = case.scan(ismc.NaiveISM(case.model, **case.options))
    case.model.set_weights([w + 0.1 for w in weights])
    monkeypatch.setattr(Case, "scan", _scan_or(Case.scan, right))
    assert "values differ" in problem_of(replace(case), eager=eager)


def _scan_or(scan: Any, right: Any) -> Any:
    return lambda case, ism: right if isinstance(ism, ismc.NaiveISM) else scan(case, ism)


def test_functions_are_compiled_again_behind_an_eager_part() -> None:
    import tensorflow as tf

    ism = ismc.compile(two_heads(), verify=False)
    with pytest.raises(ZeroDivisionError), as_written(ism):
        assert tf.config.functions_run_eagerly()
        raise ZeroDivisionError
    assert not tf.config.functions_run_eagerly()


def test_a_log_is_resumed_and_a_dead_process_is_a_finding(tmp_path: Path) -> None:
    run = Deadly("narrow", eager=True, log=tmp_path / "log.jsonl")
    run.write(0, "known before")
    replace(run, eager=False).write(1, "of another run")
    found = checked(run, range(6), processes=1)
    assert found == {
        0: "known before", 1: "", 2: "", 3: "seed 3: the process ended with 7", 4: "", 5: ""
    }  # fmt: skip
    assert len(run.log.read_text().splitlines()) == 7


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log.jsonl"
    for seed, problem in ((5, ""), (6, "seed 6 is off")):
        Run("wide", eager=True, log=log).write(seed, problem)
    call = ["5", "2", "--wide", "--eager", "--log", str(log)]
    assert main(call) == 1
    told = capsys.readouterr().out
    assert "seed 6 is off" in told
    assert "2 wide models, seeds 5 to 6, as written: 1 wrong [6]; 0 now" in told
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["seed"] for line in lines] == [5, 6]
