"""Random models: the program and the oracle agree on every one.

One in five goes through XLA, which takes most of the time; the others run as they are written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import keras
import numpy as np
import pytest

from tests.generators.check import problem_of
from tests.generators.models import Case, kinds, random_case
from tests.generators.wide import FORMS, forms_of, random_wide_case
from tests.support.comparing import assert_same_outputs

GROUP, WIDE_GROUP = 10, 2
COMPILED = 5  # of so many models one goes through XLA
FORMED = 40  # wide models that are planned


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Spreads ``--dags`` seeds over tests of ten each, and ``--wide`` seeds over tests of two."""
    for name, count, option, group in (
        ("seeds", "--dags", "--first-dag", GROUP),
        ("wide_seeds", "--wide", "--first-wide", WIDE_GROUP),
    ):
        if name in metafunc.fixturenames:
            first = metafunc.config.getoption(option)
            stop = first + metafunc.config.getoption(count)
            groups = [range(i, min(i + group, stop)) for i in range(first, stop, group)]
            metafunc.parametrize(name, groups, ids=[f"{g.start}-{g.stop - 1}" for g in groups])


def problems_of(
    seeds: range, draw: Callable[[int], Case] = random_case, compiled: int = COMPILED
) -> tuple[list[list[object]], list[str]]:
    """The seeds and kinds of the models that were compared, and what is wrong with them."""
    drawn, problems = [], []
    for seed in seeds:
        case = draw(seed)
        drawn.append([seed, *kinds(case.model)])
        problem = problem_of(case, eager=seed % compiled != 0)
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


def test_wide_random_models_agree_with_the_oracle(
    wide_seeds: range, pool: ProcessPoolExecutor
) -> None:
    _, problems = pool.submit(problems_of, wide_seeds, random_wide_case, 1).result()
    assert not problems, f"{len(problems)} of {len(wide_seeds)} models:\n\n" + "\n\n".join(problems)


def test_wide_random_models_have_every_form_of_a_convolution() -> None:
    """By their plans: the first models of the generator leave no form untried."""
    found: Counter[str] = Counter()
    for seed in range(FORMED):
        found.update(forms_of(random_wide_case(seed)))
    assert set(found) == set(FORMS)


def test_wide_random_models_are_wide() -> None:
    """Channels, kernels, dilations and lengths reach what their text says."""
    convolutions, lengths = [], []
    for seed in range(FORMED):
        model = random_wide_case(seed).model
        lengths.append(model.inputs[0].shape[1])
        convolutions += [one for one in model.layers if isinstance(one, keras.layers.Conv1D)]
    assert max(lengths) > 500
    assert max(one.filters for one in convolutions) > 128
    assert max(one.kernel_size[0] for one in convolutions) > 20
    assert max(one.dilation_rate[0] for one in convolutions) == 128
    assert {one.padding for one in convolutions} == {"same", "valid", "causal"}


@pytest.mark.parametrize("draw", [random_case, random_wide_case])
def test_a_seed_always_draws_the_same_case(draw: Callable[[int], Case]) -> None:
    first, second = draw(3), draw(3)
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
