"""Weights are read together, as they are at each call, whatever holds them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import ismc
from ismc.execution.weights import as_tf_variable, values
from tests.zoo import ZOO, random_inputs

pytestmark = pytest.mark.as_written


def test_values_are_those_of_the_moment() -> None:
    variables = [keras.Variable([1.0, 2.0]), tf.Variable([[3.0]]), tf.Variable(4, dtype="int32")]
    before = values(variables)
    variables[0].assign([7.0, 8.0])
    variables[1].assign_add([[1.0]])
    first, second, third = values([*variables[:2], np.ones(2, np.float32)])
    assert (first.numpy().tolist(), second.numpy().tolist()) == ([7, 8], [[4]])
    assert third.numpy().tolist() == [1, 1]
    assert [value.numpy().tolist() for value in before] == [[1, 2], [[3]], 4]
    assert before[2].dtype == tf.int32


def test_inside_a_stateless_scope_its_values_count() -> None:
    variable = keras.Variable([1.0])
    with keras.StatelessScope(state_mapping=[(variable, tf.constant([7.0]))]):
        assert values([variable])[0].numpy() == 7
        assert not isinstance(as_tf_variable(variable), tf.Variable)
    assert values([variable])[0].numpy() == 1


def test_calls_inside_a_stateless_scope_use_its_values() -> None:
    model = ZOO["deepstarr"].model(small=True)
    ism = ismc.compile(model, verify=False)
    x = random_inputs(model, 1, seed=1)
    before = tf.nest.flatten(ism.saturate(x))
    variable = model.weights[0]
    with keras.StatelessScope(state_mapping=[(variable, variable.value * 2.0)]):
        inside = tf.nest.flatten(ism.saturate(x))
    after = tf.nest.flatten(ism.saturate(x))
    variable.assign(variable * 2.0)
    assigned = tf.nest.flatten(ism.saturate(x))
    for a, b, c, d in zip(before, inside, after, assigned, strict=True):
        assert np.abs(a - b).max() > 1e-3 * np.abs(a).max()
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)


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
