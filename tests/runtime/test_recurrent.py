"""Recurrent layers start from the cached state at the first change, and are exact."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import ismc
from tests.support.comparing import assert_equal_to_oracle, some_slow
from tests.zoo.inputs import one_hot
from tests.zoo.weights import randomise

pytestmark = pytest.mark.as_written

CELLS: list[tuple[type, dict[str, Any]]] = [
    (layers.LSTM, {}),
    (
        layers.LSTM,
        {"activation": "relu", "recurrent_activation": "hard_sigmoid", "use_bias": False},
    ),
    (layers.GRU, {}),
    (layers.GRU, {"reset_after": False}),
    (layers.GRU, {"use_bias": False}),
    (layers.SimpleRNN, {}),
]


def scanned(layer: Any, length: int = 23, before: Any = None) -> ismc.CompiledISM:
    sequence = keras.Input((length, 4))
    x = layers.Conv1D(5, 4, activation="gelu")(sequence)
    model = randomise(keras.Model(sequence, layer(before(x) if before else x)), 0)
    x = one_hot(np.random.default_rng(0), 2, length, unknown=0)
    ism = ismc.compile(model, verify=False)
    assert_equal_to_oracle(ism, ismc.NaiveISM(model), x, replace=False)
    sites = [(2, 5), (0, 1), (length - 3, length), (7, 9)]
    wider, naive = ismc.compile(model, sites=sites, verify=False), ismc.NaiveISM(model, sites=sites)
    assert_equal_to_oracle(wider, naive, x, saturate=False, replace_with=0.25)
    return ism


@pytest.mark.parametrize(
    ("cell", "options", "sequences"),
    [(*CELLS[0], False), (*CELLS[2], False), *((*cell, True) for cell in CELLS)],
)
def test_half_the_steps_are_left_out(cell: type, options: dict, sequences: bool) -> None:
    ism = scanned(cell(6, return_sequences=sequences, **options))
    (line,) = [line for line in ism.plan.lines if line.title == "Recurrent"]
    assert (line.strategy, 2 * line.operations) == ("from the change", line.naive)


@pytest.mark.parametrize("merge", some_slow(["concat", "sum", "mul", "ave"], ["sum", "ave"]))
def test_both_directions(merge: str) -> None:
    layer = layers.Bidirectional(layers.LSTM(4, return_sequences=True), merge_mode=merge)
    lines = {line.name: line for line in scanned(layer).plan.lines}
    name = layer.name
    assert {lines[f"{name}/{way}"].strategy for way in ("forward", "backward")} == {
        "from the change"
    }


def test_second_recurrent_layer_is_a_plain_stop() -> None:
    first = layers.Bidirectional(layers.GRU(4, return_sequences=True))
    ism = scanned(layers.LSTM(3), before=first)
    strategies = [line.strategy for line in ism.plan.lines if line.title == "Recurrent"]
    assert strategies == ["from the change", "from the change", "whole"]


@pytest.mark.parametrize(
    "layer",
    [
        layers.LSTM(4, go_backwards=True),
        layers.LSTM(4, go_backwards=True, return_sequences=True),
        layers.GRU(4, activation="softplus"),
        layers.Bidirectional(layers.LSTM(4), backward_layer=layers.LSTM(4, go_backwards=True)),
        layers.RNN(layers.LSTMCell(3)),
    ],
)
def test_every_other_form_is_exact(layer: Any) -> None:
    scanned(layer, length=15)


def test_a_masked_layer_sees_its_mask() -> None:
    sequence = keras.Input((14, 4))
    for layer in (
        layers.LSTM(4),
        layers.Bidirectional(layers.GRU(3)),
        lambda x: layers.Attention()([x, x]),
        lambda x: layers.MultiHeadAttention(2, 3)(x, x),
        layers.GlobalAveragePooling1D(),
        lambda x: layers.Multiply()([x, layers.ReLU()(x)]),
    ):
        value = layer(layers.Masking()(sequence))
        model = randomise(keras.Model(sequence, value), 0)
        x = one_hot(np.random.default_rng(1), 2, 14, unknown=0.3)
        assert_equal_to_oracle(ismc.compile(model, verify=False), ismc.NaiveISM(model), x)


def test_a_mask_that_nobody_reads_costs_nothing() -> None:
    sequence = keras.Input((30, 4))
    x = layers.ReLU()(layers.Masking()(sequence))
    model = randomise(keras.Model(sequence, layers.Dense(4)(x)), 0)
    ism = ismc.compile(model)
    assert "mask" not in ism.explain().replace("masking", "").replace("Masking", "")
    x = one_hot(np.random.default_rng(1), 2, 30, unknown=0.3)
    assert_equal_to_oracle(ism, ismc.NaiveISM(model), x)
