"""Values that several kernels read are written once, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

import ismc
from ismc.codegen.load import load_source
from ismc.codegen.render import render
from ismc.passes.lowering.materialize import materialize
from ismc.plan.plan import Apply, Name, Plan, Step, Weights, names_in
from ismc.rules import Products
from tests.support.comparing import assert_equal_to_oracle, assert_same_outputs

WIDE, NARROW = ("N", 50, 64), ("N", 5, 64)


def step(target: str, fn: str, *args: str, shape: tuple = WIDE) -> Step:
    """A statement that calls ``fn`` on values; with weights, it is a layer's."""
    weights = (Weights(fn),) if fn in PRODUCTS else ()
    return Step(target, Apply(fn, (*map(Name, args), *weights)), shape, fn)


PRODUCTS = {
    "conv1d_gemm": Products(1, 1, local="convolution"),
    "depthwise_overlap": Products(1, 1, local="by channel"),
    "dense_difference": Products(1, 1),
}


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
        step("w", "gather_windows", "r"),
        step("d2", "conv1d_gemm", "s1"),
        step("d3", "+", "s1", "d2"),
    ]
    found, groups = materialize(steps, ["d3"], PRODUCTS)
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
    found, groups = materialize(steps, ["d3"], PRODUCTS)
    assert groups == (("d1", "s1"),)
    assert [step.target for step in found] == ["e1", "d1", "s1", "d2", "d3"]


@pytest.mark.parametrize("product", PRODUCTS)
def test_what_reads_a_value_is_a_product_by_its_layer(product: str) -> None:
    steps = [
        step("d1", "conv1d_gemm", "x"),
        step("s1", "relu", "d1"),
        step("d2", product, "s1"),
        step("e2", product, "s1"),
        step("d3", "+", "d2", "e2"),
    ]
    assert materialize(steps, ["d3"], PRODUCTS)[1] == (("d1", "s1"),)
    assert materialize(steps, ["d3"], {"conv1d_gemm": PRODUCTS["conv1d_gemm"], product: Products()}
                   )[1] == ()  # fmt: skip


def test_a_kernel_that_is_turned_before_the_loop_makes_a_product() -> None:
    turned = replace(step("d2", "conv1d_toom", "s1", "k2"), layer="conv1d_gemm")
    steps = [step("d1", "conv1d_gemm", "x"), step("s1", "relu", "d1"), turned,
             step("d3", "+", "s1", "d2")]  # fmt: skip
    assert materialize(steps, ["d3"], PRODUCTS, ["k2"])[1] == (("d1", "s1"),)
    assert materialize(steps, ["d3"], PRODUCTS)[1] == ()


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
            step("w1", "gather_windows", "r"),
            step("d2", "conv1d_gemm", "w1"),
            step("d3", "+", "w1", "d2"),
        ],
        # the answer itself, which is written anyway
        [step("d2", "conv1d_gemm", "x"), step("d3", "+", "d2", "x")],
    ],
    ids=["small", "fused", "looked-up", "answer"],
)
def test_what_is_not_written(steps: list[Step]) -> None:
    assert materialize(steps, ["d3"], PRODUCTS) == (tuple(steps), ())


def test_a_trunk_is_written_once_and_answers_stay() -> None:
    ism = ismc.compile(residual(), verify=False)
    widths = [step.shape[1] for step in ism.plan.tile if step.target in values(ism.plan)]
    assert widths == [41, 105]
    assert_enclosed(ism.plan)
    plan = replace(ism.plan, written=())
    source = render(plan)
    assert "materialized(" in ism.source
    assert "materialized" not in source
    build = load_source(source, plan)
    program = replace(ism.program, plan=plan, source=source, build=build, key="", programs={})
    plain = ismc.CompiledISM(program)
    x = one_hot(2)
    assert_same_outputs(ism.saturate(x), plain.saturate(x))


@pytest.mark.parametrize("sites", [[100], [0, 199]])
def test_programs_of_one_tile_have_no_branches(sites: list[int]) -> None:
    model = residual()
    ism = ismc.compile(model, sites=sites, verify=False)
    assert "materialized(" in ism.source
    assert_equal_to_oracle(ism, ismc.NaiveISM(model, sites=sites), one_hot(1))


def one_hot(count: int, length: int = 200) -> np.ndarray:
    """Random sequences, as long as those of `residual`."""
    return np.eye(4, dtype=np.float32)[np.random.default_rng(0).integers(0, 4, (count, length))]


def branches(kind: str, length: int) -> keras.Model:
    """A value that two products of one kind read."""
    x = keras.Input((length, 4))
    y = keras.layers.Conv1D(128, 9, padding="same", activation="relu")(x)
    layers = {
        "depthwise": lambda: keras.layers.DepthwiseConv1D(5, padding="same", activation="relu"),
        "einsum": lambda: keras.layers.EinsumDense("blc,cd->bld", (length, 128), activation="relu"),
        "matmul": lambda: keras.layers.TimeDistributed(keras.layers.Dense(128, activation="relu")),
    }
    y = keras.layers.Conv1D(128, 3, padding="same", activation="relu")(y)
    both = [layers[kind]()(y) for _ in range(2)]
    return keras.Model(x, keras.layers.GlobalAveragePooling1D()(keras.layers.Multiply()(both)))


@pytest.mark.as_written
@pytest.mark.parametrize(
    ("kind", "length"),
    [("depthwise", 200), ("einsum", 200), ("matmul", 80)],  # Keras calls the last at each position
)
def test_a_value_that_two_products_of_any_kind_read_is_written(kind: str, length: int) -> None:
    model = branches(kind, length)
    ism = ismc.compile(model, verify=False)
    made = {step.layer for step in ism.plan.tile if step.target in values(ism.plan)}
    assert any(name.startswith("conv1d") for name in made), made
    assert_enclosed(ism.plan)
    assert_equal_to_oracle(ism, ismc.NaiveISM(model), one_hot(1, length))
