"""Real architectures: small ones at every site, published sizes at some, edges among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import ismc
from tests.support.comparing import assert_equal_to_oracle, some_slow
from tests.zoo import ARCHITECTURES, ZOO, Entry, random_inputs

SLOW = ("beluga", "bpnet_dense", "chrombpnet_nobias", "factorized_basset", "spliceai")
ALIKE = ("enformer_ops", "factorized_basset", "spliceai_101")
PUBLISHED = [name for name, entry in ZOO.items() if entry.published]
QUICK = [name for name in PUBLISHED if name not in SLOW]


def _programs(
    entry: Entry,
    model: Any,
    sites: Any,
    options: Mapping[str, Any] | None = None,
    batch_size: int = 8,  # TensorFlow keeps what large ones take
) -> tuple[Any, Any]:
    shared = {"sites": sites, "sequence_input": entry.sequence_input}
    ism = ismc.compile(model, **shared, verify=False, **(options or {}))
    return ism, ismc.NaiveISM(model, **shared, batch_size=batch_size)


def _spread(length: int, count: int = 12) -> list[int]:
    """Positions at both edges, in the middle, and at random between."""
    inner = np.random.default_rng(0).integers(2, length - 2, count - 5)
    return [0, 1, length // 2, *inner.tolist(), length - 2, length - 1]


@pytest.mark.parametrize("name", some_slow(ZOO, ALIKE, as_written=QUICK))
def test_small_version_at_every_site(name: str, pytestconfig: pytest.Config) -> None:
    """Every letter; and zeros for every third model, or for all with ``--slow``.

    A model whose published size goes through XLA in the next test is run as it is written.
    """
    replace = pytestconfig.getoption("--slow") or [*ZOO].index(name) % 3 == 0
    entry = ZOO[name]
    model = entry.model(seed=1, small=True)
    sites = entry.sites(entry.small["length"]) if entry.sites else None
    ism, naive = _programs(entry, model, sites, batch_size=256)
    x = random_inputs(model, batch=2, seed=1)
    assert_equal_to_oracle(ism, naive, x, replace=replace, visible=20)


@pytest.mark.parametrize("name", some_slow(PUBLISHED, SLOW))
def test_published_size_at_some_sites(name: str) -> None:
    entry = ZOO[name]
    model = entry.model(seed=11)
    ism, naive = _programs(entry, model, _spread(entry.length))
    x = random_inputs(model, batch=1, seed=2)
    assert_equal_to_oracle(ism, naive, x, replace=False, visible=3)


def test_every_architecture_has_a_row_of_its_own() -> None:
    rows = [entry.row for entry in ARCHITECTURES.values()]
    assert all(rows)
    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize("name", ["basset", "bpnet_dense", "nested_residual", "xpresso"])
def test_compile_verifies_by_itself(name: str) -> None:
    entry = ZOO[name]
    model = entry.model(seed=3, small=True)
    ism = ismc.compile(model, sequence_input=entry.sequence_input)
    x = random_inputs(model, seed=3)
    naive = ismc.NaiveISM(model, sequence_input=entry.sequence_input)
    assert_equal_to_oracle(ism, naive, x, saturate=False)


@pytest.mark.parametrize("output", ["profile", "counts", 1, ["counts", "profile"]])
def test_chosen_outputs(output: Any) -> None:
    entry = ZOO["bpnet"]
    model = entry.model(seed=4, small=True)
    ism = ismc.compile(model, outputs=output, verify=False)
    naive = ismc.NaiveISM(model, outputs=output)
    assert_equal_to_oracle(ism, naive, random_inputs(model, seed=4), saturate=False)


@pytest.mark.parametrize("name", ["basset", "bpnet", "two_sequences"])
def test_stopping_early_changes_nothing(name: str) -> None:
    entry = ZOO[name]
    model = entry.model(seed=5, small=True)
    stop = [layer.name for layer in model.layers if "conv1d" in layer.name][1]
    ism, naive = _programs(entry, model, None, {"stop_at": (stop,)})
    assert_equal_to_oracle(ism, naive, random_inputs(model, seed=5), saturate=False)


def test_ranges_of_different_widths() -> None:
    entry = ZOO["factorized_basset"]
    model = entry.model(seed=6, small=True)
    length = entry.small["length"]
    ranges = [(length - 7, length), (0, 1), (40, 60), (41, 44), (0, 12), (41, 44)]
    ism, naive = _programs(entry, model, ranges)
    x = random_inputs(model, batch=2, seed=6)
    assert_equal_to_oracle(ism, naive, x, replace_with=[0, 0, 1, 0], visible=20)


def test_several_bases_at_once() -> None:
    entry = ZOO["deepstarr"]
    model = entry.model(seed=7, small=True)
    ism, naive = _programs(entry, model, [(i, i + 5) for i in range(0, 60, 7)])
    motif = np.eye(4, dtype=np.float32)[[3, 2, 0, 1, 3]]
    x = random_inputs(model, batch=2, seed=7)
    assert_equal_to_oracle(ism, naive, x, saturate=False, replace_with=motif, visible=20)
