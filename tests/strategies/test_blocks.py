"""Blocks of positions meet a banded kernel: the same answers, for every width and few filters."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import ismc
from ismc.strategies.blocks import BLOCK, blocks_kernel, conv1d_blocks
from tests.strategies.test_toom import case, exact
from tests.zoo import ZOO


@pytest.mark.parametrize("filters", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [5, 8, 9, 25])
def test_every_width_gives_what_products_one_by_one_give(size: int, filters: int) -> None:
    for width in (1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 41):
        d, w = case(width, size, filters=filters)
        want = exact(d, w)
        got = conv1d_blocks(d, blocks_kernel(w)).numpy()
        assert got.shape == want.shape
        assert np.abs(got - want).max() < 3e-6 * np.abs(want).max(), width


def test_no_difference_stays_none() -> None:
    d, w = case(19, 7, filters=2)
    assert (conv1d_blocks(tf.zeros_like(d), w).numpy() == 0).all()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_is_chosen_for_the_profile_head(precision: str) -> None:
    ism = ismc.compile(ZOO["bpnet"].model(), verify=False, precision=precision)
    strategies = {line.name: line.strategy for line in ism.plan.lines}
    assert [name for name, strategy in strategies.items() if strategy == "blocks"] == ["profile"]
    assert 'blocks_kernel(w["profile"])' in ism.source
