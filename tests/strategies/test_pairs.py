"""A pair of positions meets three taps in four products: the same, for every width and dilation."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import ismc
from ismc.runtime import conv1d_gemm
from ismc.strategies import pairs
from ismc.strategies.pairs import conv1d_pairs, pairs_kernel
from tests.strategies.test_toom import case, exact
from tests.support.comparing import assert_form_agrees, some_slow
from tests.zoo import ZOO, random_inputs


@pytest.mark.parametrize("dilation", [1, 2, 3, 5])
def test_every_width_gives_what_products_one_by_one_give(dilation: int) -> None:
    for width in range(1, 6 * dilation + 3):
        d, w = case(width, 3)
        want = exact(d, w, dilation)
        got = conv1d_pairs(d, pairs_kernel(w), dilation=dilation).numpy()
        assert got.shape == want.shape
        assert np.abs(got - want).max() < 3e-6 * np.abs(want).max(), width


@pytest.mark.parametrize("dilation", [2, 4])
def test_outputs_that_are_not_wanted_are_left_out(dilation: int) -> None:
    for width in range(dilation, 4 * dilation + 2):
        d, w = case(width, 3)
        want = exact(d, w, dilation)
        for first in range(width + 2 * dilation):
            for out in (1, dilation, width, width + 2 * dilation):
                stop = min(first + out, want.shape[1])
                crop = (first, stop - first)
                got = conv1d_pairs(d, pairs_kernel(w), dilation=dilation, crop=crop).numpy()
                np.testing.assert_allclose(got, want[:, first:stop], atol=3e-5)


def test_in_the_middle_three_products_are_enough() -> None:
    d, w = case(12, 3)
    run = tf.function(lambda d: conv1d_pairs(d, w, dilation=8, crop=(8, 12)))
    shapes = {
        tuple(node.outputs[0].shape)
        for node in run.get_concrete_function(d).graph.get_operations()
        if node.type == "BatchMatMulV2"
    }
    assert shapes == {(3, 3 * 4, 5)}
    np.testing.assert_allclose(run(d), exact(d, w, 8)[:, 8:20], atol=3e-5)


def test_rounding_is_of_the_order_of_direct_products() -> None:
    d, w = case(64, 3, channels=512, filters=64)
    want = exact(d, w, 16)
    ours, direct = (
        np.abs(f(d, w, dilation=16).numpy() - want).max() for f in (conv1d_pairs, conv1d_gemm)
    )
    assert ours < 3 * direct
    assert ours < 2e-6 * np.abs(want).max()


def test_no_difference_stays_none() -> None:
    d, w = case(9, 3)
    assert (conv1d_pairs(tf.zeros_like(d), w, dilation=4).numpy() == 0).all()


@pytest.mark.as_written
@pytest.mark.parametrize(
    "name", some_slow(["bpnet", "chrombpnet", "basenji", "dilated_cnn"], ["chrombpnet", "basenji"])
)
def test_models_by_this_form_agree_with_the_oracle(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "MIN_LENGTH", 1)
    monkeypatch.setattr(pairs, "MIN_CHANNELS", 1)
    model = ZOO[name].model(small=True)
    assert_form_agrees("pairs", model, random_inputs(model, 2, seed=4), monkeypatch)


def test_long_blocks_of_many_channels_are_paired() -> None:
    found = {}
    for precision in ("float32", "bfloat16"):
        ism = ismc.compile(ZOO["bpnet"].model(), verify=False, precision=precision)
        found[precision] = [line.name for line in ism.plan.lines if line.strategy == "pairs"]
    # dilations 2, 4 and 8 are short; rounded products do not cancel
    assert found == {"float32": [f"conv1d_{i}" for i in range(4, 10)], "bfloat16": []}
    few = ismc.compile(ZOO["bpnet"].build(width=0.25), verify=False)
    assert "pairs" not in {line.strategy for line in few.plan.lines}
