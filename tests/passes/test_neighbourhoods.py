"""Every rule behind every other one: no value inside of a program is wrong, at either end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.neighbourhoods import (
    FORMS,
    Chain,
    faults,
    groups,
    pairs,
    some,
    triples,
    wide_pairs,
)

PAIRS, WIDE, TRIPLES = 256, 64, 64  # of each in a run without --slow
KINDS = {"pairs": pairs, "wide": wide_pairs, "triples": lambda: triples(0, 2000)}
SAMPLES = {"pairs": PAIRS, "wide": WIDE, "triples": TRIPLES}

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def _chains(kind: str, every: bool) -> list[Chain]:
    chains = KINDS[kind]()
    return chains if every else some(chains, SAMPLES[kind])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each group of neighbourhoods."""
    if "group" in metafunc.fixturenames:
        every = metafunc.config.getoption("--slow")
        found = [
            pytest.param(kind, i, group, id=f"{kind}-{i}")
            for kind in KINDS
            for i, group in enumerate(groups(_chains(kind, every)))
        ]
        metafunc.parametrize(("kind", "seed", "group"), found)


def test_neighbours_keep_every_value_right(
    kind: str,
    seed: int,
    group: list[Chain],
    record_property: Callable[[str, object], None],
) -> None:
    found, branches = faults(group, kind == "wide", seed)
    record_property("neighbourhoods", branches)
    assert not found, "\n".join(found)
    assert branches > len(group) // 2, "most of them do not fit together"


def test_all_forms_of_a_convolution_are_tried() -> None:
    FORMS.clear()
    chains = [pair for pair in wide_pairs() if all(unit.is_convolution for unit in pair)]
    for seed, group in enumerate(groups(chains)):
        assert not faults(group, True, seed)[0]
    faults([pair for pair in pairs() if all(unit.is_convolution for unit in pair)][:16])
    every = {"gemm", "toom", "blocks", "toeplitz", "outer", "conv", "pairs"}
    assert every <= set(FORMS), FORMS
