"""Every rule against its layer: which outputs move, and by how much."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import ismc
from ismc.cli.layers import example_model
from ismc.frontend.read import read
from ismc.ir.window import Span
from ismc.passes import Form, Program, Request
from ismc.passes.classify import classify
from ismc.passes.flatten import flatten
from ismc.passes.propagate import propagate
from ismc.passes.segment import segment
from ismc.rules import Example, Role, examples

CASES = [
    pytest.param(kind, example, id=f"{kind}-{i}")
    for kind, found in examples().items()
    for i, example in enumerate(found)
]


def build(kind: str, example: Example) -> tuple[keras.Model, list[np.ndarray]]:
    """The layer on inputs that all come from one sequence, with random weights."""
    rng = np.random.default_rng(len(kind))
    model = example_model(kind, example)
    for weight in model.weights:
        if "seed" not in weight.path:
            weight.assign(rng.uniform(0.3, 1.2, weight.shape).astype(weight.dtype))
    return model, [rng.normal(size=(2, *x.shape[1:])).astype("float32") for x in model.inputs]


def lowered(model: keras.Model) -> Program:
    """The program of a model up to its spans; one site at position 5."""
    graph = read(model).graph
    request = Request(graph.inputs[0], (Span(5, 6),), graph.outputs)
    return propagate(segment(classify(flatten(Program(graph, request)))))


@pytest.mark.parametrize(("kind", "example"), CASES)
def test_window_holds_every_output_that_moves(kind: str, example: Example) -> None:
    model, inputs = build(kind, example)
    program = lowered(model)
    rule = program.rules[program.request.outputs[0]]
    if rule.role is Role.STOP:
        assert rule.stop is not None, rule.reason
        return
    before = np.asarray(model(inputs))
    shift = rule.shifts[0] if rule.shifts else 0
    moved_somewhere = False
    for position in range(example.shapes[0][0]):
        changed = [value.copy() for value in inputs]
        changed[0][:, position] += 1.5
        moved = (
            np.abs(np.asarray(model(changed)) - before).reshape(2, before.shape[1], -1).max((0, 2))
        )
        where = np.flatnonzero(moved)
        reached = rule.window.reaches(Span(position, position + 1))
        reached = Span(reached.start + shift, reached.stop + shift)
        assert all(reached.start <= p < reached.stop for p in where), (position, where, reached)
        moved_somewhere |= bool(where.size)
    assert moved_somewhere


def assert_difference_is_right(kind: str, example: Example, sites: Any = None) -> None:
    model, inputs = build(kind, example)
    ism = ismc.compile(model, sites=sites, verify=False)
    x = inputs if len(inputs) > 1 else inputs[0]
    got, want = ism(x, 0.7).numpy(), ismc.NaiveISM(model, sites=sites)(x, 0.7).numpy()
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * np.abs(want).max())


@pytest.mark.parametrize(("kind", "example"), CASES)
def test_difference_is_that_of_the_layer(kind: str, example: Example) -> None:
    assert_difference_is_right(kind, example)


@pytest.mark.as_written
@pytest.mark.parametrize(("kind", "example"), CASES)
def test_difference_of_several_positions(kind: str, example: Example) -> None:
    assert_difference_is_right(kind, example, [(4, 7), (0, 2), (6, 7)])


@pytest.mark.parametrize(("kind", "example"), CASES)
def test_linear_means_that_the_reference_does_not_matter(kind: str, example: Example) -> None:
    model, inputs = build(kind, example)
    program = lowered(model)
    name = program.request.outputs[0]
    rule = program.rules[name]
    if not rule.linear:
        assert program.forms[name] in (Form.SLAB, Form.FULL)
        return
    rng = np.random.default_rng(0)
    change = [rng.normal(size=value.shape).astype("float32") for value in inputs]
    other = [rng.normal(size=value.shape).astype("float32") for value in inputs]

    def effect(base: list[np.ndarray]) -> np.ndarray:
        moved = [b + c for b, c in zip(base, change, strict=True)]
        return np.asarray(tf.subtract(model(moved), model(base)))

    np.testing.assert_allclose(effect(inputs), effect(other), rtol=1e-3, atol=1e-4)


def test_the_page_of_layers_is_what_the_rules_say(request: pytest.FixtureRequest) -> None:
    from ismc.cli.layers import layers_table

    page = Path(__file__).parents[2] / "docs" / "layers.md"
    if request.config.getoption("--update"):
        page.write_text(layers_table())
    assert page.read_text() == layers_table(), (
        "docs/layers.md is old: `pytest --update` writes it anew"
    )


def test_every_known_layer_has_a_rule_or_a_reason() -> None:
    for title in ("LSTM", "GRU", "Bidirectional", "MultiHeadAttention", "Permute", "Lambda"):
        assert title in examples(), title


def test_user_rule_must_return_a_rule() -> None:
    class Halve(keras.layers.Layer):
        def call(self, x: tf.Tensor) -> tf.Tensor:
            return x * 0.5

    ismc.rule(Halve)(lambda _: "local")
    x = keras.Input((6, 4))
    with pytest.raises(ismc.InternalError, match=r"returned 'local', expected ismc.Rule"):
        ismc.compile(keras.Model(x, Halve()(x)))


def test_user_rule_is_used_and_exact() -> None:
    class Twice(keras.layers.Layer):
        def call(self, x: tf.Tensor) -> tf.Tensor:
            return tf.sin(2.0 * x)

    x = keras.Input((9, 4))
    model = keras.Model(x, Twice()(x))
    before = ismc.compile(model, verify=False)
    assert "no rule for Twice" in before.explain()
    ismc.rule(Twice)(lambda _: ismc.Rule(ismc.Role.SEE_THROUGH))
    after = ismc.compile(model, verify=False)
    assert "no rule" not in after.explain()
    data = np.random.default_rng(0).normal(size=(2, 9, 4)).astype("float32")
    want = ismc.NaiveISM(model)(data).numpy()
    np.testing.assert_allclose(after(data).numpy(), want, rtol=1e-4, atol=1e-5)
