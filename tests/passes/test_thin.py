"""Positions that no output depends on are left out where dilations skip them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import ismc
from tests.support.comparing import assert_equal_to_oracle
from tests.zoo.inputs import one_hot
from tests.zoo.spliceai import spliceai
from tests.zoo.weights import randomise

pytestmark = pytest.mark.as_written


def units(x: Any, kernels: tuple[tuple[int, int], ...]) -> Any:
    x = layers.Conv1D(6, 1)(x)
    skip = layers.Conv1D(6, 1)(x)
    for kernel, dilation in kernels:
        y = layers.ReLU()(layers.BatchNormalization()(x))
        y = layers.Conv1D(6, kernel, padding="same", dilation_rate=dilation)(y)
        x = layers.Add()([x, y])
        skip = layers.Add()([skip, layers.Conv1D(6, 1)(x)])
    return skip


DEEP = ((3, 1), (3, 4), (5, 10), (5, 25))
HEADS: dict[str, Callable[[Any], Any]] = {
    "middle": lambda x: layers.Conv1D(3, 1, activation="softmax")(layers.Cropping1D(70)(x)),
    "first": lambda x: x[:, :1],
    "last": lambda x: x[:, -1:],
    "every tenth": lambda x: x[:, 3::10],
    "strided": lambda x: layers.Conv1D(3, 3, strides=5, padding="same")(x),
    "causal": lambda x: layers.Conv1D(3, 5, dilation_rate=20, padding="causal")(x)[:, 100:101],
    "valid": lambda x: layers.Conv1D(3, 8, dilation_rate=20)(x),
    "grouped": lambda x: layers.Conv1D(4, 3, dilation_rate=8, groups=2, padding="same")(x)[:, ::4],
    "two places": lambda x: layers.Concatenate(1)([x[:, 10:11], x[:, 60:61]]),
    "padded": lambda x: layers.ZeroPadding1D((3, 40))(x)[:, 150:151],
    "gate": lambda x: layers.Multiply()([x, layers.Activation("sigmoid")(x)])[:, 20:21],
}


@pytest.mark.parametrize("head", HEADS)
def test_exact_on_any_lattice(head: str) -> None:
    sequence = keras.Input((141, 4))
    model = randomise(keras.Model(sequence, HEADS[head](units(sequence, DEEP))), 0)
    ism = ismc.compile(model, verify=False)
    x = one_hot(np.random.default_rng(0), 1, 141)
    assert_equal_to_oracle(ism, ismc.NaiveISM(model), x, replace=False)
    if head in ("middle", "first", "last"):
        assert any(line.title == "Take" for line in ism.plan.lines), ism.explain()


def test_one_position_of_spliceai_needs_little() -> None:
    one = ismc.compile(spliceai(), verify=False).plan
    many = ismc.compile(spliceai(length=10101), verify=False).plan
    assert one.operations[1] == pytest.approx(many.operations[1], rel=0.02)
    assert one.operations[1] > 60 * one.operations[0]
    assert many.operations[1] > 5 * many.operations[0]


def test_all_positions_leave_the_program_alone() -> None:
    sequence = keras.Input((141, 4))
    model = keras.Model(sequence, units(sequence, DEEP))
    titles = {line.title for line in ismc.compile(model, verify=False).plan.lines}
    assert not titles & {"Take", "Shift"}


@pytest.mark.slow
def test_a_wrong_rule_is_still_named() -> None:
    @keras.saving.register_keras_serializable(package="ismc_tests")
    class Neighbours(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x + keras.ops.roll(x, 1, axis=1)

    sequence = keras.Input((141, 4))
    x = Neighbours(name="blur")(units(sequence, DEEP[:2]))
    model = randomise(keras.Model(sequence, HEADS["middle"](units(x, DEEP))), 0)
    with pytest.raises(ismc.VerificationError, match="'blur'"):
        ismc.compile(model, rules={"blur": ismc.Rule(ismc.Role.SEE_THROUGH)})


def test_a_crop_at_the_end_alone_is_thinned_with_what_it_crops() -> None:
    """It moves no position, and yet is not a function of single positions."""
    keras.utils.set_random_seed(0)
    x = keras.Input((25, 4))
    y = keras.layers.AveragePooling1D(5)(x)
    gate = keras.layers.Conv1D(2, 3, padding="same", activation="tanh")(y)
    gate = keras.layers.Cropping1D((0, 4))(gate * keras.ops.sigmoid(gate))
    head = keras.layers.Dense(2, activation="sigmoid")(keras.layers.AveragePooling1D(5)(y))
    model = keras.Model(x, gate * head)
    ism = ismc.compile(model, verify=False, cache=False)
    sequence = np.eye(4, dtype="float32")[np.random.default_rng(0).integers(0, 4, (2, 25))]
    assert_equal_to_oracle(ism, ismc.NaiveISM(model), sequence)
