"""What a program of one tile does otherwise than a loop; it answers the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

import ismc
from ismc.runtime import gather_windows, materialized, max_pool1d, scan
from tests.zoo import ZOO, random_inputs

Tile = Callable[[tf.Tensor], Sequence[tf.Tensor]]


def traced(tile: Tile, tiles: int, shape: Sequence[int]) -> tuple[np.ndarray, set[str]]:
    """The answers of the tiles, and the kinds of operations that make them."""

    @tf.function(autograph=False)
    def program() -> tf.Tensor:
        return scan(tile, tf.range(tiles), tf.constant(tiles), [shape])[0]

    graph = program.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(node for made in graph.library.function for node in made.node_def)]
    return program().numpy(), {node.op for node in nodes}


def test_branches_are_in_loops_alone() -> None:
    def tile(t: tf.Tensor) -> list[tf.Tensor]:
        return [materialized(lambda: tf.ones([2]), t, [2])]

    def only(t: tf.Tensor) -> list[tf.Tensor]:
        return [materialized(lambda: tf.ones([2]), t, [2], one_tile=True)]

    assert any("If" in kind for kind in traced(tile, 2, [2])[1])
    assert not any("If" in kind for kind in traced(only, 1, [2])[1])


@pytest.mark.parametrize("width", [2, 3, 8, 9])
def test_pools_of_two_are_the_larger_of_two_slices(width: int) -> None:
    x = tf.constant(np.random.default_rng(width).normal(size=(3, width, 2)), tf.float32)
    shape = [3, width // 2, 2]
    loop, kinds = traced(lambda _: [max_pool1d(x, 2, 2)], 2, shape)
    only, without = traced(lambda _: [max_pool1d(x, 2, 2, one_tile=True)], 1, shape)
    assert "MaxPool" in kinds
    assert "MaxPool" not in without
    assert (loop[:1] == only).all()


@pytest.mark.parametrize(
    ("size", "strides", "padding"), [(2, 2, "same"), (2, 1, "valid"), (3, 3, "valid")]
)
def test_other_pools_are_pools(size: int, strides: int, padding: str) -> None:
    x = tf.ones([1, 9, 2])
    shape = max_pool1d(x, size, strides, padding).shape
    _, kinds = traced(lambda _: [max_pool1d(x, size, strides, padding, one_tile=True)], 1, shape)
    assert "MaxPool" in kinds


def test_each_mutant_looks_up_its_own_window() -> None:
    r = tf.constant(np.random.default_rng(0).normal(size=(2, 10, 3)), tf.float32)
    starts = tf.constant([-1, -1, 4, 4, 8, 8])

    def answers(step: int) -> np.ndarray:
        return traced(lambda _: [gather_windows(r, starts, 4, step)], 1, [12, 4, 3])[0]

    assert (answers(2) == answers(1)).all()


@pytest.mark.parametrize("batch", [1, 2])
def test_the_printed_program_says_what_one_tile_does(batch: int) -> None:
    """What is traced depends on the number of tiles by the printed lines alone."""
    ism = ismc.compile(ZOO["deepstarr"].model(small=True), verify=False)
    assert "one_tile = tile_ids.shape[0] == 1" in ism.source
    assert "step = 1 if one_tile else letters" in ism.source
    assert "one_tile=one_tile" in ism.source
    x = random_inputs(ZOO["deepstarr"].model(small=True), batch, seed=0, unknown=0)
    one, many = (
        np.asarray(ismc.CompiledISM(replace(ism.program, tile=tile)).saturate(x))
        for tile in (999, 3)
    )
    np.testing.assert_allclose(one, many, rtol=1e-4, atol=1e-5)


def test_the_first_convolution_becomes_a_part_of_what_reads_it() -> None:
    def strategy(name: str) -> str:
        ism = ismc.compile(ZOO[name].model(), verify=False)
        return next(line.strategy for line in ism.plan.lines if line.title == "Conv1D")

    assert strategy("deepstarr") == "outer"  # all mutants in one tile
    assert strategy("basset") == "gemm"


def test_the_kernel_of_a_dense_layer_is_read_as_it_is_where_all_of_it_is_met() -> None:
    model = ZOO["deepstarr"].model()
    everywhere, here = (
        ismc.compile(model, sites=sites, verify=False) for sites in (None, range(40))
    )
    assert ordered(everywhere)
    assert not ordered(here)


def ordered(ism: ismc.CompiledISM) -> bool:
    """Whether the one Dense after Flatten meets the blocks of its kernel in order, all of them."""
    (found,) = (
        v
        for k, v in ism.program.arranged(
            ismc.execution.substitutions.kinds(ism.plan)[0], 1
        ).sizes.items()
        if "ordered" in k
    )
    return bool(found)
