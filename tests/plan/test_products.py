"""Multiply-adds of every layer against counting, and against what the plan and its bound say.

A product of a layer that is linear in its input and gives each pair of an input and an output a
weight of its own is one entry of its Jacobian. So that padding counts too, the layer without
padding is asked about a sequence to which the zeros were added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from keras import layers

import ismc
from ismc.frontend.read import read
from ismc.ir.graph import Graph, Layer
from ismc.passes import Program, Request
from ismc.passes.flatten import flatten
from ismc.plan import multiply_adds as products
from ismc.plan.multiply_adds import pairs
from ismc.rules import Example, Node, examples, rule_of
from ismc.rules.products import _PRODUCTS

COUNTED = {kind.removeprefix("keras.") for kind in _PRODUCTS}
LINEAR = [
    (title, example) for title, found in examples().items() for example in found if title in COUNTED
]
OTHERS = [
    (title, example)
    for title, found in examples().items()
    for example in found
    if title not in COUNTED and not title.startswith(("ops.", "ismc."))
]
SAME = {"padding": "valid"}


def flat(model: keras.Model) -> Graph:
    """The graph of a model, models inside of it laid open."""
    graph = read(model).graph
    return flatten(Program(graph, Request(graph.inputs[0], (), graph.outputs))).graph


def ids(cases: Sequence[tuple[str, Example]]) -> list[str]:
    return [f"{title}-{i}" for i, (title, _) in enumerate(cases)]


def called(title: str, example: Example, *shapes: Sequence[int]) -> tuple[keras.Model, Layer, Node]:
    """A model of one call of the example, the call as it was read, and its node."""
    inputs = [keras.Input(shape) for shape in (shapes or example.shapes)]
    if title.startswith("ops."):
        names = {"ops": keras.ops, "np": np, "x": inputs[0], "y": inputs[-1]}
        y = eval(example.code, names)  # noqa: S307  (an expression of the rule's own example)
    else:
        y = getattr(layers, title)(**example.config)(inputs if len(inputs) > 1 else inputs[0])
    model = keras.Model(inputs if len(inputs) > 1 else inputs[0], y)
    graph = flat(model)
    layer = [n for n in graph if n.title == title.removeprefix("ops.") and n.inputs][-1]
    return model, layer, Node(layer, tuple(graph[n] for n in layer.inputs), (True,) * len(inputs))


def entries(model: keras.Model) -> int:
    """Pairs of an input and an output number with a weight of their own, one for each entry."""
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.5, 1.5, np.shape(w)) for w in model.get_weights()])
    x = tf.constant(rng.uniform(0.5, 1.5, (1, *model.inputs[0].shape[1:])), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.reshape(model(x), [-1])
    return int(np.count_nonzero(tape.jacobian(y, x, experimental_use_pfor=False)))


def with_zeros(example: Example, title: str, model: keras.Model) -> tuple[Example, list[int]]:
    """The example without padding, and the shape of its input with the zeros that it adds."""
    config = dict(example.config)
    if "Transpose" in title:  # every input meets the whole kernel, and answers are cut off
        return replace(example, config=config | SAME), list(example.shapes[0])
    layer: Any = model.layers[-1]
    shape, out = list(example.shapes[0]), layer.output.shape[1:]
    for axis in range(len(layer.kernel_size)):
        extent = (layer.kernel_size[axis] - 1) * layer.dilation_rate[axis]
        shape[axis] = (out[axis] - 1) * layer.strides[axis] + extent + 1
    return replace(example, config=config | SAME), shape


@pytest.mark.parametrize(("title", "example"), LINEAR, ids=ids(LINEAR))
def test_a_whole_sequence_is_counted_with_its_padding(title: str, example: Example) -> None:
    model, layer, node = called(title, example)
    padded = model
    if "kernel_size" in example.config:
        valid, shape = with_zeros(example, title, model)
        padded, *_ = called(title, valid, shape)
    assert products.products_of_layer(layer, node.inputs).full == entries(padded)


@pytest.mark.parametrize(("title", "example"), LINEAR, ids=ids(LINEAR))
def test_pairs_of_positions_count_what_is_inside(title: str, example: Example) -> None:
    model, layer, node = called(title, example)
    rule, found = rule_of(node), products.products_of_layer(layer, node.inputs)
    every = [(np.array([0]), np.array([n])) for n in (node.inputs[0].length, layer.length)]
    assert int(pairs(rule.window, *every)[0]) * found.pair == entries(model)
    assert found.tap >= found.pair > 0
    assert found.full >= entries(model)


@pytest.mark.parametrize(("title", "example"), OTHERS, ids=ids(OTHERS))
def test_every_layer_with_a_kernel_is_counted(title: str, example: Example) -> None:
    model, layer, node = called(title, example)
    assert not any("kernel" in weight.name for weight in model.weights)
    assert not products.products_of_layer(layer, node.inputs).full


@pytest.mark.parametrize(("title", "example"), LINEAR, ids=ids(LINEAR))
def test_no_plan_has_fewer_operations_than_it_must(title: str, example: Example) -> None:
    """Of the example behind a convolution, on values of the shape that it takes."""
    shape = example.shapes[0]
    x = keras.Input((shape[0], 4))
    y = layers.Conv1D(int(np.prod(shape[1:])), 1, activation="relu")(x)
    y = y if len(shape) == 2 else layers.Reshape(shape)(y)
    if title.startswith("ops."):
        y = eval(example.code, {"ops": keras.ops, "np": np, "x": y})  # noqa: S307
    else:
        y = getattr(layers, title)(**example.config)(y)
    model = keras.Model(x, y)
    plan = ismc.compile(model, verify=False).plan
    mutants = plan.letters * len(plan.active)
    assert 0 < plan.minimum <= mutants * min(plan.operations)
    line = [line for line in plan.lines if line.title == title.removeprefix("ops.")][-1]
    graph = flat(model)
    inner = [n for n in graph if n.title == line.title][-1]
    whole = products.products_of_layer(inner, tuple(graph[n] for n in inner.inputs)).full
    assert line.naive == 2 * whole
    assert line.operations <= line.naive


def naive(layer: Any, shape: Sequence[int], *more: Any) -> int:
    """Multiply-adds of one layer in the naive program, as the plan says."""
    library = tf_keras if isinstance(layer, tf_keras.layers.Layer) else keras
    x = library.Input(shape)
    plan = ismc.compile(library.Model(x, layer(x, *[x for _ in more])), verify=False).plan
    return sum(line.naive for line in plan.lines if line.title not in ("Activation",)) // 2


def matrices(layer: Any) -> int:
    """Numbers of its weights but the biases: each is used once at every position."""
    return sum(int(np.prod(w.shape)) for w in layer.weights if len(w.shape) > 1)


@pytest.mark.parametrize("library", [keras, tf_keras])
@pytest.mark.parametrize("sequences", [True, False])
@pytest.mark.parametrize("title", ["LSTM", "GRU", "SimpleRNN"])
def test_recurrences_use_each_weight_at_each_position(
    library: Any, title: str, sequences: bool
) -> None:
    options = {"return_sequences": sequences, "reset_after": False} if title == "GRU" else {
        "return_sequences": sequences}  # fmt: skip
    layer = getattr(library.layers, title)(5, **options)
    assert naive(layer, (9, 4)) == 9 * matrices(layer)
    unknown = getattr(library.layers, title)(5, activation="gelu", **options)  # not expanded
    assert naive(unknown, (9, 4)) == 9 * matrices(unknown)


@pytest.mark.parametrize("merge", ["concat", "sum"])
def test_both_directions_count(merge: str) -> None:
    layer = layers.Bidirectional(layers.GRU(5, activation="gelu", use_bias=False), merge_mode=merge)
    x = keras.Input((9, 4))
    plan = ismc.compile(keras.Model(x, layer(x)), verify=False).plan
    (line,) = (line for line in plan.lines if line.title == "Bidirectional")
    assert line.naive == 2 * 9 * matrices(layer)


@pytest.mark.parametrize("options", [{"key_dim": 6}, {"key_dim": 6, "value_dim": 3},
                                     {"key_dim": 6, "output_shape": 7}])  # fmt: skip
def test_attention_projects_meets_and_sums(options: dict[str, int]) -> None:
    settings: dict[str, Any] = {"use_bias": False, **options}
    layer = layers.MultiHeadAttention(2, **settings)
    met = 2 * 9 * 9 * (6 + options.get("value_dim", 6))
    assert naive(layer, (9, 4), "value") == 9 * matrices(layer) + met


def test_grouped_attention_has_fewer_keys() -> None:
    layer = layers.GroupQueryAttention(6, 4, 2, use_bias=False)
    assert naive(layer, (9, 4), "value") == 9 * matrices(layer) + 4 * 9 * 9 * 12


@pytest.mark.parametrize("layer", [layers.Attention(), layers.AdditiveAttention()])
def test_attention_without_weights_meets_and_sums(layer: Any) -> None:
    x = keras.Input((9, 4))
    plan = ismc.compile(keras.Model(x, layer([x, x])), verify=False).plan
    (line,) = (line for line in plan.lines if line.role == "stop")
    assert line.naive == 2 * 9 * 9 * (4 + 4)


def test_a_layer_that_no_rule_knows_counts_too() -> None:
    separable = layers.SeparableConv2D(5, 3, depth_multiplier=2)
    x = keras.Input((8, 4))
    y = layers.Reshape((8, 4, 1))(x)
    plan = ismc.compile(keras.Model(x, separable(y)), verify=False).plan
    (line,) = (line for line in plan.lines if line.title == "SeparableConv2D")
    assert line.naive == 2 * 6 * 2 * matrices(separable)


@pytest.mark.parametrize(
    ("equation", "shape", "kernel"),
    [("blc,cd->bld", (9, 6), 24), ("...c,cd->...d", 6, 24), ("blc,lcd->bd", (6,), 9 * 24)],
)
def test_equations(equation: str, shape: Any, kernel: int) -> None:
    layer = layers.EinsumDense(equation, shape)
    positions = 1 if equation.startswith("blc,l") else 9
    assert naive(layer, (9, 4)) == positions * kernel == positions * matrices(layer)


def test_products_of_values() -> None:
    x = keras.Input((9, 4))
    scores = keras.ops.matmul(x, keras.ops.transpose(x, (0, 2, 1)))
    y = keras.ops.einsum("bij,bjc->bic", scores, x)
    plan = ismc.compile(keras.Model(x, y), verify=False).plan
    counted = {line.title: line.naive for line in plan.lines}
    assert counted["Matmul"] == counted["Einsum"] == 2 * 9 * 9 * 4


def test_a_rule_of_ones_own_changes_no_count() -> None:
    x = keras.Input((20, 4))
    y = layers.Conv1D(6, 3, activation="relu")(x)
    model = keras.Model(x, layers.Conv1D(5, 3, name="conv")(y))
    own = ismc.Rule(ismc.Role.LOCAL, window=ismc.Window(3))
    plans = [ismc.compile(model, verify=False).plan,
             ismc.compile(model, rules={"conv": own}, verify=False).plan]  # fmt: skip
    lines = [next(line for line in plan.lines if line.name == "conv") for plan in plans]
    assert lines[0].naive == lines[1].naive == 2 * 16 * 3 * 6 * 5
    assert lines[1].operations >= 2 * 3 * 3 * 6 * 5
    assert plans[1].minimum <= plans[1].operations[0] * plans[1].letters * len(plans[1].active)
