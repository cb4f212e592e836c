"""Weights are read together, as they are at each call, whatever holds them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import ismc
from ismc.weights import Reader
from tests.zoo import ZOO, random_inputs


def test_every_read_sees_what_was_assigned_since() -> None:
    variables = [keras.Variable([1.0, 2.0]), tf.Variable([[3.0]]), tf.Variable(4, dtype="int32")]
    read = Reader()
    for i in range(4):
        variables[0].assign([i, i])
        variables[1].assign_add([[1.0]])
        first, second, third = read(variables)
        assert first.numpy().tolist() == [i, i]
        assert second.numpy() == 4 + i
        assert third.dtype == tf.int32


def test_values_read_before_stay_as_they_were() -> None:
    variable, read = tf.Variable([1.0]), Reader()
    found = [read([variable])[0], read([variable])[0]]
    variable.assign([5.0])
    found.append(read([variable])[0])
    assert np.concatenate(found).tolist() == [1, 1, 5]


def test_other_variables_and_arrays_are_read_too() -> None:
    read, array = Reader(), np.ones(2, np.float32)
    a, b = tf.Variable([1.0]), tf.Variable([2.0])
    for variables, want in (([a], [1.0]), ([a], [1.0]), ([b], [2.0]), ([b], [2.0])):
        assert read(variables)[0].numpy().tolist() == want
    for i in range(3):
        array[:] = i
        assert read([b, array])[1].numpy().tolist() == [i, i]


def test_inside_a_stateless_scope_its_values_count() -> None:
    variable, read = keras.Variable([1.0]), Reader()
    for _ in range(2):
        assert read([variable])[0].numpy() == 1
    with keras.StatelessScope(state_mapping=[(variable, tf.constant([7.0]))]):
        assert read([variable])[0].numpy() == 7
    assert read([variable])[0].numpy() == 1


@pytest.mark.parametrize("name", ["deepstarr"])
def test_calls_use_the_weights_of_the_moment(name: str) -> None:
    model = ZOO[name].model(small=True)
    ism = ismc.compile(model, verify=False)
    x = random_inputs(model, 1, seed=1)
    for scale in (1.0, 1.0, 1.5, 0.5):
        model.weights[0].assign(model.weights[0] * scale)
        want = tf.nest.flatten(ismc.NaiveISM(model).saturate(x))
        for ours, theirs in zip(tf.nest.flatten(ism.saturate(x)), want, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * np.abs(theirs).max())
