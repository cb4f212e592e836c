"""Parts of the sites side by side: every site once, and the same numbers, however many."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import ismc
from ismc.errors import InputError
from ismc.execution import tiling as arrange
from ismc.execution.signature import TILE_COUNT
from ismc.execution.threads import cores, run_concurrently
from ismc.execution.tiling import chosen_tiles, tables_of
from ismc.ism.naive import NaiveISM
from ismc.plan import cost
from tests.support.comparing import assert_same_outputs, some_slow
from tests.zoo import ZOO, random_inputs

pytestmark = pytest.mark.as_written

THREADS = (1, 2, 5)
NAMES = (
    "basset",  # a Dense after Flatten, by position
    "bpnet",  # two outputs, spans as wide as the sequence
    "danq",  # a recurrence
    "alternate_ranges",  # sites in any order
    "attention_pool_net",
    "two_sequences",  # context beside the sequence
)


@pytest.fixture(autouse=True)
def every_part_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small models have parts too."""
    monkeypatch.setattr(cost, "MIN_SECONDS_PER_THREAD", 1e-12)


def leaves(nest: Any) -> list[np.ndarray]:
    return [np.asarray(y) for y in keras.tree.flatten(nest)]


@pytest.mark.parametrize("name", some_slow(NAMES, ["bpnet", "danq", "attention_pool_net"]))
def test_numbers_do_not_depend_on_how_many_parts_there_are(name: str) -> None:
    entry = ZOO[name]
    model = entry.model(small=True)
    x = random_inputs(model, 2, seed=3, unknown=0)
    sites = entry.sites(model.inputs[0].shape[1]) if entry.sites else None
    options = {"sites": sites, "verify": False} if sites is not None else {"verify": False}
    wanted = None
    for threads in THREADS:
        ism = ismc.compile(model, threads=threads, **options)
        found = [*leaves(ism.saturate(x)), *leaves(ism(x, replace_with=0))]
        parts = {len(p.arrangement.parts) for p in ism.program.programs.values() if p.tables}
        assert parts == {threads}
        wanted = found if wanted is None else wanted
        for y, like in zip(found, wanted, strict=True):
            assert_same_outputs(y, like)
    naive = NaiveISM(model, **({} if sites is None else {"sites": sites}))
    assert wanted is not None
    for y, like in zip(wanted, leaves(naive.saturate(x)), strict=False):
        assert_same_outputs(y, like)


@pytest.mark.compiled
@pytest.mark.parametrize("threads", THREADS)
def test_sites_that_change_nothing_are_in_some_part(threads: int) -> None:
    """One output position of a convolution: most sites reach nothing, those in the middle do."""
    inputs = keras.Input((40, 4))
    y = keras.layers.Conv1D(3, 5, activation="relu")(inputs)
    model = keras.Model(inputs, keras.layers.Cropping1D((20, 12))(y), name="middle")
    ism = ismc.compile(model, threads=threads, verify=False)
    assert 0 < len(ism.plan.active) < 20
    x = random_inputs(model, 2, seed=1)
    got, want = ism.saturate(x), NaiveISM(model).saturate(x)
    assert_same_outputs(np.asarray(got), np.asarray(want))
    ends = [end for _, end in next(iter(programs(ism))).arrangement.parts]
    assert len(ends) == threads and ends[-1] == 40


def programs(ism: Any) -> list[Any]:
    return [p for p in ism.program.programs.values() if p.tables]


@pytest.mark.parametrize("threads", (1, 2, 3, 7, 40, 100))
@pytest.mark.parametrize("tile", (0, 1, 4))
def test_every_active_site_is_in_one_tile(threads: int, tile: int) -> None:
    plan = ismc.compile(ZOO["alternate_ranges"].model(small=True), verify=False).plan
    plan = replace(plan, active=plan.active[3:-2])
    found = arrange.arrange(plan, 3, 1, tile, threads)
    assert [a for a, _ in found.parts[1:]] == [b for _, b in found.parts[:-1]]
    assert (found.parts[0][0], found.parts[-1][1]) == (0, len(plan.sites))
    key, offsets = next(iter(plan.offsets.items()))
    seen = 0
    for (begin, end), order, at in zip(found.parts, found.order, found.at[key], strict=True):
        at = at.reshape(-1, 3)
        for site, place in zip(range(begin, end), order, strict=False):
            if place < found.tiles * found.sites:
                assert site in plan.active and (at[place] == offsets[site]).all()
                seen += 1
            else:
                assert site not in plan.active
    assert seen == len(plan.active)
    assert (
        len({tuple(table.shape for table in tables.values()) for tables in tables_of(found)}) == 1
    )


def test_only_the_tiles_of_chosen_sites_are_run() -> None:
    plan = ismc.compile(ZOO["basset"].model(small=True), verify=False).plan
    found = arrange.arrange(plan, 3, 1, 4, 3)
    (begin, _), order = found.parts[1], found.order[1]
    counts = [int(tiles[TILE_COUNT]) for tiles in chosen_tiles(found, [begin, begin + 1])]
    assert counts == [0, len({int(order[0]) // 4, int(order[1]) // 4}), 0]


@pytest.mark.compiled
def test_some_sites_of_parts() -> None:
    model = ZOO["basset"].model(small=True)
    x = random_inputs(model, 1, seed=2, unknown=0)
    ism = ismc.compile(model, threads=3, verify=False)
    sites, every = [0, 70, 159], np.asarray(ism.saturate(x))
    (some,) = ism.program.saturated(ism.program.inputs(x), sites)
    assert_same_outputs(np.asarray(some)[:, sites], every[:, sites])


@pytest.mark.parametrize("score", ("centred", "centred_alternatives", "log2_ratio"))
def test_scores_across_letters_know_their_sites(score: str) -> None:
    """Sites of different widths, in no order."""
    inputs = keras.Input((30, 4))
    y = keras.layers.Conv1D(4, 5, activation="relu", padding="same")(inputs)
    y = keras.layers.Dense(2, activation="sigmoid")(keras.layers.GlobalMaxPooling1D()(y))
    model = keras.Model(inputs, y, name="widths")
    x = random_inputs(model, 2, seed=5, unknown=0)
    sites = [(4, 7), (20, 21), (9, 12), (0, 1), (25, 30), (3, 4), (28, 29)]
    one, three = (
        ismc.compile(model, sites=sites, score=score, threads=n, verify=False) for n in (1, 3)
    )
    assert_same_outputs(np.asarray(three.saturate(x)), np.asarray(one.saturate(x)))
    naive = NaiveISM(model, sites=sites, score=score)
    assert_same_outputs(np.asarray(three.saturate(x)), np.asarray(naive.saturate(x)))


@pytest.mark.compiled
def test_artifacts_and_saved_models_have_their_parts(tmp_path: Path) -> None:
    model = ZOO["basset"].model(small=True)
    x = random_inputs(model, 2, seed=4, unknown=0)
    ism = ismc.compile(model, threads=3, verify=False)
    want = np.asarray(ism.saturate(x))
    ism.save(tmp_path / "three.ismc", verbose=0)
    loaded = ismc.load(tmp_path / "three.ismc", cache=False)
    assert loaded.program.threads == 3
    assert_same_outputs(np.asarray(loaded.saturate(x)), want)
    ism.export_saved_model(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served")).signatures["saturate"]
    (found,) = served(tf.constant(x)).values()
    assert_same_outputs(found.numpy(), want)


def test_threads_that_are_none() -> None:
    model = ZOO["basset"].model(small=True)
    with pytest.raises(InputError, match="threads is 0, expected at least 1"):
        ismc.compile(model, threads=0)
    assert ismc.compile(model, verify=False).program.threads == cores()


def test_the_plan_does_not_depend_on_them() -> None:
    model = ZOO["bpnet"].model(small=True)
    one, many = (ismc.compile(model, threads=n, verify=False) for n in (1, 16))
    assert one.plan.digest == many.plan.digest
    asked = [ismc.compile(model, threads=n, memory=1 << 23, verify=False) for n in (1, 16)]
    assert asked[1].plan.mutants < asked[0].plan.mutants  # memory is shared


def test_calls_run_at_the_same_time() -> None:
    if cores() < 2:
        pytest.skip("one core")
    meet = threading.Barrier(2, timeout=10)
    assert sorted(run_concurrently([meet.wait, meet.wait])) == [0, 1]


def test_all_have_ended_when_one_fails() -> None:
    ended = []

    def slow() -> int:
        threading.Event().wait(0.05)
        ended.append(1)
        return 1

    def failing() -> int:
        raise ValueError("found wrong")

    for calls in ([slow, failing], [failing, slow]):
        ended.clear()
        with pytest.raises(ValueError, match="found wrong"):
            run_concurrently(calls)
        assert ended == [1]


@pytest.mark.compiled
def test_a_call_from_many_threads() -> None:
    """One program, called by users' threads: each gets its own answers."""
    model = ZOO["basset"].model(small=True)
    ism = ismc.compile(model, threads=2, verify=False)
    xs = [random_inputs(model, 1, seed=i, unknown=0) for i in range(6)]
    calls: list[Callable[[], np.ndarray]] = [lambda x=x: np.asarray(ism.saturate(x)) for x in xs]
    found: list[Any] = [None] * len(calls)

    def run(i: int) -> None:
        found[i] = calls[i]()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for y, call in zip(found, calls, strict=True):
        assert_same_outputs(y, call())
