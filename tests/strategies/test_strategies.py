"""Every strategy on its examples: the same answers, the operations that it says, bad input refused.

A new file in `ismc.strategies` is tested here by its examples alone.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from math import prod
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import ismc
import ismc.runtime
from ismc.passes import PIPELINE, Program
from ismc.plan.plan import Apply
from ismc.plan.target import Target
from ismc.rules import Expr
from ismc.strategies import FUNCTIONS, STRATEGIES, Convolution, Strategy, costs

TARGETS = {"cpu": Target.cpu(), "gpu": Target.gpu()}
BATCH = 3
CASES = [
    pytest.param(strategy, conv, id=f"{name}-{i}")
    for name, strategy in STRATEGIES.items()
    for i, conv in enumerate(strategy.examples)
]


def function_of(name: str) -> Any:
    module = FUNCTIONS.get(name)
    return getattr(import_module(module) if module else ismc.runtime, name)


def call(expr: Expr, *operands: Any) -> Any:
    return function_of(expr.fn)(*operands, *expr.args, **expr.kwargs)


def operands(conv: Convolution, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A difference ``[N, W, C]`` and a kernel ``[K, C, F]``, as a rule lays them out."""
    rng = np.random.default_rng(seed)
    d = rng.normal(size=(BATCH, conv.width, conv.channels * conv.groups))
    kernel = rng.normal(size=(conv.size, conv.channels, conv.filters))
    return d.astype("float32"), kernel.astype("float32")


def direct(conv: Convolution, d: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Every product, one by one, in float64: ``[N, W + (K - 1) * dilation, F]``."""
    y = np.zeros((BATCH, conv.reach, conv.filters))
    per_group = conv.filters // conv.groups
    for j in range(conv.size):
        at = (conv.size - 1 - j) * conv.dilation
        for g in range(conv.groups):
            channels = slice(g * conv.channels, (g + 1) * conv.channels)
            filters = slice(g * per_group, (g + 1) * per_group)
            part = d[:, :, channels].astype("float64") @ kernel[j, :, filters]
            y[:, at : at + conv.width, filters] += part
    return y


def run(strategy: Strategy, conv: Convolution, d: Any, kernel: Any, **more: Any) -> Any:
    """The strategy on a difference; with its flanks, if it reads them."""
    w: Any = {"kernel": tf.constant(kernel)}
    prepare = strategy.prepare(conv)
    w = call(prepare, w) if prepare else w
    if strategy.reads_flanks:
        flank = (conv.size - 1) * conv.dilation
        d = tf.pad(d, [[0, 0], [flank, flank], [0, 0]])
    expr = strategy.apply(conv)
    return call(replace(expr, kwargs={**expr.kwargs, **more}), d, w)


@pytest.mark.parametrize(("strategy", "conv"), CASES)
def test_answers_are_those_of_products_one_by_one(strategy: Strategy, conv: Convolution) -> None:
    d, kernel = operands(conv)
    want = direct(conv, d, kernel)[:, :: conv.stride]
    got = run(strategy, conv, d, kernel).numpy()
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, atol=3e-6 * np.abs(want).max())


@pytest.mark.parametrize(("strategy", "conv"), CASES)
def test_an_example_is_available_on_each_target_it_names(
    strategy: Strategy, conv: Convolution
) -> None:
    for kind, target in TARGETS.items():
        assert strategy.available(conv, target) == (kind in strategy.targets)
        assert (strategy.name in costs(conv, target)) == (kind in strategy.targets)
        rounded = replace(conv, precision="bfloat16")
        assert strategy.available(rounded, target) == (
            kind in strategy.targets and not strategy.cancels
        )


@pytest.mark.parametrize(("strategy", "conv"), CASES)
def test_crops_are_parts_of_the_result(strategy: Strategy, conv: Convolution) -> None:
    if not strategy.crops:
        return
    d, kernel = operands(conv)
    whole = run(strategy, conv, d, kernel).numpy()
    for first, out in ((0, 2), (3, 5), (conv.reach - 4, 4)):
        part = run(strategy, conv, d, kernel, crop=(first, out)).numpy()
        np.testing.assert_allclose(part, whole[:, first : first + out], atol=1e-4)


def counted_products(strategy: Strategy, conv: Convolution) -> float:
    """Multiply-adds of a mutant in the traced function, by brute force."""
    d, kernel = operands(conv)
    if strategy.reads_flanks:  # the outputs of the example alone
        width = (conv.out - 1) * conv.stride + (conv.size - 1) * conv.dilation + 1
        d = np.zeros((BATCH, width, d.shape[2]), "float32")
    prepare = strategy.prepare(conv)
    w: Any = {"kernel": tf.constant(kernel)}
    w = call(prepare, w) if prepare else w
    expr = strategy.apply(conv)
    function = tf.function(lambda d: call(expr, d, w), autograph=False)
    traced = function.get_concrete_function(tf.constant(d))
    total = 0
    for node in traced.graph.get_operations():
        if node.type in ("MatMul", "BatchMatMulV2"):
            a, b = (tuple(value.shape) for value in node.inputs)
            total += prod(a) * b[-1]
        elif node.type == "Conv2D":
            kernel_shape = tuple(node.inputs[1].shape)
            total += prod(node.outputs[0].shape) * prod(kernel_shape[:3])
        elif node.type == "Mul":
            total += prod(node.outputs[0].shape)
    return total / BATCH


@pytest.mark.parametrize(("strategy", "conv"), CASES)
def test_operations_are_those_of_the_function(strategy: Strategy, conv: Convolution) -> None:
    """Sums and padded columns are not counted, so the function has a few more."""
    said = strategy.cost(conv, TARGETS[strategy.targets[0]]).operations / 2
    found = counted_products(strategy, conv)
    assert said <= 1.02 * found
    assert found <= 1.8 * said, "columns are padded to vectors, and scales of points are counted"


def test_every_strategy_has_examples_and_a_name_of_its_own() -> None:
    assert all(strategy.examples for strategy in STRATEGIES.values())
    assert len({type(strategy).__module__ for strategy in STRATEGIES.values()}) == len(STRATEGIES)
    assert all(name == strategy.name for name, strategy in STRATEGIES.items())
    replaced = {name for strategy in STRATEGIES.values() for name in strategy.replaces}
    assert replaced <= set(STRATEGIES)


def test_faster_targets_cost_less() -> None:
    conv = Convolution(width=13, out=19, size=7, channels=33, filters=34)
    twice = replace(
        Target.cpu(), gemm=8e11, convolution=2.8e11, full=6e11, elements=8e9, bytes=2.4e10
    )
    slow, fast = costs(conv, Target.cpu()), costs(conv, twice)
    for name, cost in slow.items():
        assert fast[name].seconds == pytest.approx(cost.seconds / 2)
        assert fast[name].operations == cost.operations


def planned(target: Target) -> Program:
    from ismc.frontend.read import read
    from ismc.ir.window import Span
    from ismc.passes import Request

    keras.utils.set_random_seed(0)
    x = y = keras.Input((60, 4))
    for _ in range(3):
        z = keras.layers.Conv1D(96, 7, padding="same", activation="relu")(y)
        y = z if y is x else keras.layers.Add()([y, z])
    model = keras.Model(x, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling1D()(y)))
    graph = read(model).graph
    sites = tuple(Span(i, i + 1) for i in range(60))
    program = Program(graph, Request(graph.inputs[0], sites, graph.outputs, target=target))
    for step in PIPELINE:
        program = step(program)
    return program


def test_a_target_is_part_of_the_plan_and_of_its_digest() -> None:
    cpu, gpu = (planned(target).plan for target in TARGETS.values())
    assert cpu and gpu
    assert cpu.target.kind == "cpu" and gpu.target.kind == "gpu"
    assert cpu.digest != gpu.digest
    assert cpu.written and not gpu.written, "a GPU would wait for the host at each branch"


def test_a_strategy_for_a_gpu_is_planned_for_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = STRATEGIES["im2col"]
    monkeypatch.setattr(type(gpu), "cost", lambda _, conv, target: replace(
        STRATEGIES["conv"].cost(conv, target), seconds=0.0))  # fmt: skip
    found = {}
    for kind, target in TARGETS.items():
        plan = planned(target).plan
        assert plan
        found[kind] = {line.strategy for line in plan.lines if line.title == "Conv1D"}
        functions = {step.term.fn for step in plan.tile if isinstance(step.term, Apply)}
        assert ("conv1d_im2col" in functions) == (kind == "gpu")
    assert found["gpu"] == {"im2col"}
    assert "im2col" not in found["cpu"]


def test_a_program_for_a_gpu_answers_as_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run on a CPU, where its forms are exact too."""
    monkeypatch.setattr("ismc.api.choose_target", lambda: TARGETS["gpu"])
    monkeypatch.setattr(type(STRATEGIES["im2col"]), "cost", lambda _, conv, target: replace(
        STRATEGIES["conv"].cost(conv, target), seconds=0.0))  # fmt: skip
    x = y = keras.Input((40, 4))
    y = keras.layers.Conv1D(6, 5, padding="same", activation="relu")(y)
    y = keras.layers.Conv1D(5, 3, dilation_rate=2, activation="relu")(y)
    y = keras.layers.Conv1D(4, 3, strides=2)(y)
    model = keras.Model(x, keras.layers.Dense(2)(keras.layers.Flatten()(y)))
    ism = ismc.compile(model, verify=False)
    assert "conv1d_im2col" in ism.source
    one_hot = np.eye(4, dtype="float32")[np.random.default_rng(0).integers(0, 4, (2, 40))]
    want = np.asarray(ismc.NaiveISM(model).saturate(one_hot))
    np.testing.assert_allclose(ism.saturate(one_hot), want, rtol=1e-4, atol=1e-5)
