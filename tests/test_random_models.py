"""Random models: the compiled program and the oracle agree on every one."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import keras
import numpy as np
import pytest

import ismc
from tests.comparing import assert_same_outputs
from tests.random_models import Case, kinds, random_case

GROUP = 10


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Spreads ``--dags`` seeds over tests of ten each."""
    if "seeds" not in metafunc.fixturenames:
        return
    first = metafunc.config.getoption("--first-dag")
    stop = first + metafunc.config.getoption("--dags")
    groups = [range(i, min(i + GROUP, stop)) for i in range(first, stop, GROUP)]
    ids = [f"{g.start}-{g.stop - 1}" for g in groups]
    metafunc.parametrize("seeds", groups, ids=ids)


def problem_of(case: Case) -> str:
    """What is wrong with the compiled program of a case; empty when nothing is."""
    try:
        ism = ismc.compile(case.model, **case.options, verify=False)
        expected = case.scan(ismc.NaiveISM(case.model, **case.options))
        assert_same_outputs(case.scan(ism), expected, ism.sites)
    except Exception as error:  # noqa: BLE001  (whatever goes wrong is the finding)
        frames = (
            [] if isinstance(error, AssertionError) else traceback.format_tb(error.__traceback__)
        )
        return f"{case}\n{type(error).__name__}: {str(error)[:2000]}\n{''.join(frames[-3:])}"
    return ""


def problems_of(seeds: range) -> tuple[list[list[object]], list[str]]:
    """The seeds and kinds of the models that were compared, and what is wrong with them."""
    drawn, problems = [], []
    for seed in seeds:
        case = random_case(seed)
        drawn.append([seed, *kinds(case.model)])
        problem = problem_of(case)
        if problem:
            problems.append(problem)
    keras.backend.clear_session()
    return drawn, problems


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """A process that is replaced now and then.

    TensorFlow keeps every program that it has compiled, and each takes some of the 65530 memory
    maps that a process may have.
    """
    context = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=20) as executor:
        yield executor


def test_random_models_agree_with_the_oracle(
    seeds: range,
    pool: ProcessPoolExecutor,
    record_property: Callable[[str, object], None],
) -> None:
    drawn, problems = pool.submit(problems_of, seeds).result()
    for model in drawn:
        record_property("random model", model)
    assert not problems, f"{len(problems)} of {len(seeds)} models:\n\n" + "\n\n".join(problems)


def test_a_seed_always_draws_the_same_case() -> None:
    first, second = random_case(3), random_case(3)
    weights = zip(first.model.get_weights(), second.model.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in weights)
    assert (first.sites, first.sequence_input) == (second.sites, second.sequence_input)
    assert_same_outputs(first.model(first.inputs), second.model(second.inputs))


def test_random_values_stay_tame() -> None:
    for seed in range(20):
        case = random_case(seed)
        for y in keras.tree.flatten(case.model(case.inputs)):
            assert np.abs(y).max() < 1e3, f"seed {seed}"


def test_a_disagreement_is_reported() -> None:
    expected = np.zeros((2, 5, 3), np.float32)
    found = expected.copy()
    found[1, 4, 2] = 1e-3
    with pytest.raises(AssertionError, match=r"output head .*sites \[4\].*\(1, 4, 2\).*0\.001"):
        assert_same_outputs({"head": found}, {"head": expected})
