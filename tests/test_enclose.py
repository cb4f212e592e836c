"""Values that several kernels read are written once, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

import ismc
from ismc.codegen.load import load
from ismc.codegen.render import render
from ismc.passes.enclose import enclose
from ismc.plan import Apply, Name, Plan, Step, names_in
from tests.comparing import assert_equal_to_oracle, assert_same_outputs

WIDE, NARROW = ("N", 50, 64), ("N", 5, 64)


def step(target: str, fn: str, *args: str, shape: tuple = WIDE) -> Step:
    """A statement that calls ``fn`` on values."""
    return Step(target, Apply(fn, tuple(map(Name, args))), shape)


def residual(channels: int = 64, length: int = 200) -> keras.Model:
    """Dilated layers with residual connections, whose trunk two heads read."""
    x = trunk = keras.Input((length, 4))
    trunk = keras.layers.Conv1D(channels, 5, padding="same", activation="relu")(x)
    for dilation in (2, 16, 32):
        options = {"dilation_rate": dilation, "padding": "same", "activation": "relu"}
        trunk = keras.layers.Add()([trunk, keras.layers.Conv1D(channels, 3, **options)(trunk)])
    profile = keras.layers.Conv1D(2, 9, padding="same")(trunk)
    counts = keras.layers.Dense(1)(keras.layers.GlobalAveragePooling1D()(trunk))
    return keras.Model(x, [profile, counts])


def values(plan: Plan) -> set[str]:
    """The values that are written."""
    return {group[-1] for group in plan.written}


def assert_enclosed(plan: Plan) -> None:
    """Each group follows on itself, and only its last value is read outside of it."""
    order = [step.target for step in plan.tile]
    for group in plan.written:
        begin = order.index(group[0])
        assert tuple(order[begin : begin + len(group)]) == group
        outside = [step for step in plan.tile if step.target not in group]
        assert not set(group[:-1]) & set().union(*(names_in(step.term) for step in outside))
        assert not set(group) & set(plan.results)


def test_a_value_that_a_product_and_a_sum_read_is_written() -> None:
    steps = [
        step("d1", "conv1d_gemm", "x"),
        step("s1", "relu", "d1"),
        step("w", "windows", "r"),
        step("d2", "conv1d_gemm", "s1"),
        step("d3", "+", "s1", "d2"),
    ]
    found, groups = enclose(steps, ["d3"])
    assert groups == (("d1", "s1"),)
    assert found == tuple(steps)


def test_the_steps_of_a_group_are_brought_together() -> None:
    steps = [
        step("d1", "conv1d_gemm", "x"),
        step("e1", "conv1d_gemm", "x"),
        step("s1", "relu", "d1"),
        step("d2", "conv1d_gemm", "s1"),
        step("d3", "+", "s1", "d2", "e1"),
    ]
    found, groups = enclose(steps, ["d3"])
    assert groups == (("d1", "s1"),)
    assert [step.target for step in found] == ["e1", "d1", "s1", "d2", "d3"]


@pytest.mark.parametrize(
    "steps",
    [
        # small values
        [
            step("d1", "conv1d_gemm", "x", shape=NARROW),
            step("s1", "relu", "d1", shape=NARROW),
            step("d2", "conv1d_gemm", "s1", shape=NARROW),
            step("d3", "+", "s1", "d2", shape=NARROW),
        ],
        # both readers are fused into one kernel
        [
            step("d1", "conv1d_gemm", "x"),
            step("s1", "relu", "d1"),
            step("s2", "tanh", "d1"),
            step("d3", "+", "s1", "s2"),
        ],
        # nothing but a look-up
        [
            step("w1", "windows", "r"),
            step("d2", "conv1d_gemm", "w1"),
            step("d3", "+", "w1", "d2"),
        ],
        # the answer itself, which is written anyway
        [step("d2", "conv1d_gemm", "x"), step("d3", "+", "d2", "x")],
    ],
    ids=["small", "fused", "looked-up", "answer"],
)
def test_what_is_not_written(steps: list[Step]) -> None:
    assert enclose(steps, ["d3"]) == (tuple(steps), ())


def test_a_trunk_is_written_once_and_answers_stay() -> None:
    ism = ismc.compile(residual(), verify=False)
    widths = [step.shape[1] for step in ism.plan.tile if step.target in values(ism.plan)]
    assert widths == [41, 105]
    assert_enclosed(ism.plan)
    plan = replace(ism.plan, written=())
    source = render(plan)
    assert "written(" in ism.source
    assert "written" not in source
    plain = replace(ism, plan=plan, source=source, build=load(source, plan), key="", programs={})
    x = one_hot(2)
    assert_same_outputs(ism.saturate(x), plain.saturate(x))


@pytest.mark.parametrize("sites", [[100], [0, 199]])
def test_programs_of_one_tile_have_no_branches(sites: list[int]) -> None:
    model = residual()
    ism = ismc.compile(model, sites=sites, verify=False)
    assert "written(" in ism.source
    assert_equal_to_oracle(ism, ismc.NaiveISM(model, sites=sites), one_hot(1))


def one_hot(count: int) -> np.ndarray:
    """Random sequences of `residual`."""
    return np.eye(4, dtype=np.float32)[np.random.default_rng(0).integers(0, 4, (count, 200))]
