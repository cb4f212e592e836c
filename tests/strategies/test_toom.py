"""Groups of positions meet groups of taps in fewer products, for every width and kernel."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import ismc
from ismc.runtime import conv1d_gemm
from ismc.strategies import toom
from ismc.strategies.toom import MAX_POINTS, best_groups, conv1d_toom, toom_kernel
from tests.support.comparing import assert_form_agrees, some_slow
from tests.zoo import ZOO, random_inputs


def case(width: int, size: int, channels: int = 6, filters: int = 5) -> tuple:
    rng = np.random.default_rng(width * 100 + size)
    d = rng.normal(size=(3, width, channels)).astype(np.float32)
    return tf.constant(d), {
        "kernel": tf.constant(rng.normal(size=(size, channels, filters)), "float32")
    }


def exact(d: tf.Tensor, w: dict, dilation: int = 1) -> np.ndarray:
    d, kernel = d.numpy().astype(np.float64), w["kernel"].numpy().astype(np.float64)[::-1]
    width, reach = d.shape[1], (len(kernel) - 1) * dilation
    y = np.zeros((d.shape[0], width + reach, kernel.shape[2]))
    for j, tap in enumerate(kernel):
        y[:, j * dilation : j * dilation + width] += d @ tap
    return y


@pytest.mark.parametrize("size", [3, 4, 5, 7, 8, 11, 12, 13])
def test_every_width_gives_what_products_one_by_one_give(size: int) -> None:
    for width in (*range(1, 14), 22, 41):
        d, w = case(width, size)
        want = exact(d, w)
        got = conv1d_toom(d, w).numpy()
        assert got.shape == want.shape
        assert np.abs(got - want).max() < 3e-6 * np.abs(want).max(), width


def test_rounding_is_of_the_order_of_direct_products() -> None:
    d, w = case(7, 11, channels=300, filters=200)
    want = exact(d, w)
    ours, direct = (np.abs(f(d, w).numpy() - want).max() for f in (conv1d_toom, conv1d_gemm))
    assert ours < 5 * direct
    assert ours < 2e-6 * np.abs(want).max()


@pytest.mark.parametrize(
    ("width", "size", "products"), [(4, 3, 6), (4, 4, 7), (4, 5, 8), (7, 11, 40), (15, 8, 48)]
)
def test_groups_that_take_the_fewest_products(width: int, size: int, products: int) -> None:
    groups = best_groups(width, size)
    assert groups.products == products
    w = toom_kernel(case(width, size)[1], width)
    rows = groups.groups * (groups.large + groups.small) * w["values"].shape[0]
    assert rows + groups.groups * groups.large * ("more" in w) == products


def test_every_position_meets_every_tap() -> None:
    for width in range(4, 40):
        for size in range(3, 30):
            groups = best_groups(width, size)
            assert groups.large * groups.taps + groups.small * (groups.taps - 1) == size
            met = groups.groups * groups.positions + groups.ungrouped
            assert width <= met < width + groups.positions
            assert groups.large > 0
            assert groups.positions + groups.taps - 1 <= MAX_POINTS
            assert groups.products < width * size


def test_no_difference_stays_none() -> None:
    d, w = case(9, 7)
    assert (conv1d_toom(tf.zeros_like(d), w).numpy() == 0).all()


@pytest.mark.as_written
@pytest.mark.parametrize(
    "name",
    some_slow(
        ["basset", "factorized_basset", "beluga", "deepstarr"], ["factorized_basset", "beluga"]
    ),
)
def test_models_by_this_form_agree_with_the_oracle(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toom, "MAX_NARROW_CHANNELS", 0)  # channels are few in small models
    model = ZOO[name].model(small=True)
    assert_form_agrees("toom", model, random_inputs(model, 2, seed=4), monkeypatch)


def test_it_is_chosen_where_channels_are_many() -> None:
    wide = ismc.compile(ZOO["basset"].model(), verify=False)
    strategies = {line.name: line.strategy for line in wide.plan.lines}
    assert strategies["conv1d_1"] == "toom"
    assert strategies["conv1d"] == "gemm"  # four channels
    assert 'k5 = toom_kernel(w["conv1d_1"], 7)' in wide.source
    dilated = ismc.compile(ZOO["bpnet"].model(), verify=False)
    assert "toom" not in {line.strategy for line in dilated.plan.lines}


def test_it_is_left_out_where_it_saves_next_to_nothing() -> None:
    """Beside layers that are computed whole it would only compile for longer."""

    def chosen(length: int) -> set[str]:
        x = sequence = keras.Input((length, 4))
        for _ in range(2):
            x = keras.layers.Conv1D(128, 9, padding="same", activation="relu")(x)
        x = keras.layers.MultiHeadAttention(4, 64)(x, x)
        model = keras.Model(sequence, keras.layers.GlobalAveragePooling1D()(x))
        ism = ismc.compile(model, sites=range(8), verify=False)
        return {line.strategy for line in ism.plan.lines if line.title == "Conv1D"}

    assert "toom" in chosen(20)
    assert "toom" not in chosen(1000)


def test_rounded_products_do_not_cancel() -> None:
    rounded = ismc.compile(ZOO["basset"].model(), verify=False, precision="bfloat16")
    assert "toom" not in {line.strategy for line in rounded.plan.lines}


def test_explain_tells_what_direct_products_would_take() -> None:
    ism = ismc.compile(ZOO["beluga"].model(), verify=False)
    assert ism.plan.operations[0] < ism.plan.minimum / (3 * 2000)
    assert "direct products alone would take" in ism.explain()
