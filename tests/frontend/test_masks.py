"""Masks flow through every node as Keras's do: against plain calls of the model on every mutant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tf_keras
from keras import layers, ops

import ismc
from tests.support.masked import (
    LENGTH,
    Branching,
    Counting,
    Inner,
    Unknown,
    assert_exact,
    model_of,
    nested,
    pooled,
    sequences,
)

FAMILIES = {"keras": keras, "tf_keras": tf_keras}
Build = Callable[[Any, Any], Any]


def gate(k: Any, x: Any) -> Any:
    y = k.layers.Masking()(x)
    return k.layers.Multiply()([k.layers.Dense(4)(y), k.layers.Dense(4, "sigmoid")(y)])


def gated_lstm(k: Any, x: Any) -> Any:
    y = k.layers.Masking()(x)
    y = k.layers.LSTM(4, return_sequences=True)(y), k.layers.Dense(4, "sigmoid")(y)
    return k.layers.Dense(1)(k.layers.GlobalMaxPooling1D()(k.layers.Multiply()(list(y))))


def maximum(k: Any, x: Any) -> Any:
    y = k.layers.Masking()(x)
    return k.layers.Maximum()([y, k.layers.Dense(4, "sigmoid")(y)])


def minimum_of_one_mask(k: Any, x: Any) -> Any:
    y = k.layers.Masking()(x)
    return pooled(k, k.layers.Minimum()([k.layers.Dense(4, "tanh")(y), k.layers.Dense(4)(x)]))


def attention(k: Any, x: Any) -> Any:
    y = k.layers.Dense(4, "relu")(k.layers.Masking()(x))
    return pooled(k, k.layers.MultiHeadAttention(2, 3)(y, y))


def dot_attention(k: Any, x: Any) -> Any:
    y = k.layers.Dense(4, "relu")(k.layers.Masking()(x))
    return pooled(k, k.layers.Attention()([y, k.layers.Dense(4)(y)]))


def additive_attention(k: Any, x: Any) -> Any:
    y = k.layers.Dense(4, "relu")(k.layers.Masking()(x))
    return k.layers.AdditiveAttention()([x, y])


def after_attention(k: Any, x: Any) -> Any:
    """MultiHeadAttention of Keras 3 takes the mask off what it attends to."""
    y = k.layers.Dense(4)(k.layers.Masking()(x))
    z = k.layers.MultiHeadAttention(1, 3)(y, y)
    return k.layers.Concatenate()([pooled(k, k.layers.Add()([y, z])), pooled(k, y), pooled(k, z)])


def before_attention(k: Any, x: Any) -> Any:
    y = k.layers.Masking()(x)
    z = k.layers.Dropout(0.5)(y)
    mean = pooled(k, y)
    z = k.layers.MultiHeadAttention(1, 3)(z, k.layers.Dense(4, "relu")(y))
    return k.layers.Concatenate()([mean, pooled(k, z), pooled(k, k.layers.Dense(2)(y))])


def attention_in_a_model(k: Any, x: Any) -> Any:
    y = k.layers.Masking()(x)
    z = nested(k, y, lambda k, t: k.layers.MultiHeadAttention(1, 2)(t, t))
    return k.layers.Concatenate()([pooled(k, z), pooled(k, y)])


def twice_recurrent(k: Any, x: Any) -> Any:
    y = k.layers.Dense(5, "relu")(k.layers.Masking()(x))
    y = k.layers.Bidirectional(k.layers.GRU(3, return_sequences=True))(y)
    return k.layers.Bidirectional(k.layers.LSTM(2))(k.layers.Dense(3, "tanh")(y))


def states(k: Any, x: Any) -> Any:
    """A layer with several results, of which one has a mask."""
    y = k.layers.Dense(5, "relu")(k.layers.Masking()(x))
    y, h, c = k.layers.LSTM(3, return_sequences=True, return_state=True)(y)
    return k.layers.Concatenate()([pooled(k, y), h, c])


def own_mask_in_the_middle(k: Any, x: Any) -> Any:
    """The mask of what a convolution without bias makes of runs of zeros."""
    y = k.layers.Conv1D(3, 3, padding="same", use_bias=False)(x)
    return pooled(k, k.layers.Masking()(y))


def own_mask_of_relu(k: Any, x: Any) -> Any:
    return k.layers.LSTM(3)(k.layers.Masking()(k.layers.Conv1D(2, 2, activation="relu")(x)))


def masks_of_other_values(k: Any, x: Any) -> Any:
    y = k.layers.Masking(0.25)(x)
    return k.layers.Concatenate()([pooled(k, y), k.layers.Flatten()(y)])


def time_distributed(k: Any, x: Any) -> Any:
    y = k.layers.TimeDistributed(k.layers.Dense(3, "relu"))(k.layers.Masking()(x))
    return pooled(k, k.layers.TimeDistributed(k.layers.Dense(2))(y))


def separable(k: Any, x: Any) -> Any:
    y = k.layers.Masking()(x)
    z = k.layers.SeparableConv1D(4, 3, padding="same", activation="relu")(y)
    return k.layers.Concatenate()([pooled(k, z), pooled(k, k.layers.Multiply()([y, z]))])


def chain(k: Any, x: Any) -> Any:
    names = [
        "Activation",
        "BatchNormalization",
        "LayerNormalization",
        "Dropout",
        "SpatialDropout1D",
    ]
    makers = {"Activation": "tanh", "Dropout": 0.5, "SpatialDropout1D": 0.5}
    y = k.layers.Masking()(x)
    for name in names:
        y = getattr(k.layers, name)(*([makers[name]] if name in makers else []))(y)
    return pooled(k, k.layers.ReLU()(k.layers.PReLU()(k.layers.GaussianNoise(0.1)(y))))


def dropped(k: Any, x: Any) -> Any:
    """What the installed Keras does with a mask is what is done, if it is nothing."""
    y = k.layers.Masking()(x)
    parts = [
        k.layers.Cropping1D(1), k.layers.MaxPooling1D(2), k.layers.AveragePooling1D(2),
        k.layers.UpSampling1D(2), k.layers.ZeroPadding1D(1), k.layers.Conv1D(3, 3),
        k.layers.Conv1D(3, 2, activation="relu"), k.layers.Permute((2, 1)),
        k.layers.Reshape((LENGTH // 2, 8)),
    ]  # fmt: skip
    return k.layers.Concatenate()([pooled(k, part(y)) for part in parts])


def concatenated(k: Any, x: Any) -> Any:
    y = k.layers.Masking()(x)
    z = k.layers.Concatenate()([k.layers.Dense(2, "relu")(y), k.layers.Conv1D(2, 1)(x)])
    return k.layers.Concatenate()([pooled(k, z), pooled(k, k.layers.Concatenate()([y, y]))])


def merged(k: Any, x: Any) -> Any:
    y = k.layers.Masking()(x)
    z = k.layers.Masking()(k.layers.Dense(4, "relu")(k.layers.Masking(1.0)(x)))
    names = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"]
    parts = [getattr(k.layers, name)()([y, z]) for name in names]
    return k.layers.Concatenate()([pooled(k, part) for part in [*parts, z]])


def shared(k: Any, x: Any) -> Any:
    """One layer is called with a mask and without."""
    pool, dense = k.layers.GlobalAveragePooling1D(), k.layers.Dense(4, "relu")
    lstm = k.layers.LSTM(3)
    y = k.layers.Masking()(x)
    return k.layers.Concatenate()([*(pool(dense(t)) for t in (x, y)), lstm(x), lstm(dense(y))])


def in_a_model(k: Any, x: Any) -> Any:
    return nested(k, x, gated_lstm)


def into_a_model(k: Any, x: Any) -> Any:
    return nested(k, k.layers.Masking()(x), lambda k, t: pooled(k, k.layers.Dense(3, "relu")(t)))


def out_of_a_model(k: Any, x: Any) -> Any:
    """The model is called twice, and its mask is met outside of it."""
    start = k.Input(tuple(x.shape[1:]))
    inner = k.Model(start, k.layers.Dense(4, "relu")(k.layers.Masking()(start)))
    return pooled(k, inner(inner(x)))


def sequential(k: Any, x: Any) -> Any:
    inner = k.Sequential([k.layers.Masking(), k.layers.Dense(4, "tanh"), k.layers.Dropout(0.5)])
    return k.layers.Concatenate()([pooled(k, inner(x)), k.layers.GRU(2)(inner(x))])


def several_inputs(k: Any, x: Any) -> Any:
    first, second = k.Input((LENGTH, 4)), k.Input((LENGTH, 4))
    both = k.layers.Multiply()([first, k.layers.Dense(4, "relu")(second)])
    inner = k.Model([first, second], [both, k.layers.LSTM(2, return_sequences=True)(first)])
    y = k.layers.Masking()(x)
    parts = [*inner([y, k.layers.Dense(4)(x)]), *inner([x, y]), *inner([y, y])]
    return k.layers.Concatenate()([pooled(k, part) for part in parts])


def several_outputs(k: Any, x: Any) -> Any:
    y = k.layers.Dense(4, "relu")(k.layers.Masking()(x))
    return [pooled(k, y), y, k.layers.LSTM(2)(y)]


def as_an_argument(k: Any, x: Any) -> Any:
    """Masks that layers are given with ``mask=``."""
    mask = k.layers.Masking().compute_mask(x)
    y = k.layers.Conv1D(4, 3, padding="same", activation="relu")(x)
    parts = [
        k.layers.GlobalAveragePooling1D()(y, mask=mask), k.layers.LSTM(3)(y, mask=mask),
        pooled(k, k.layers.GRU(2, return_sequences=True)(y, mask=mask)),
        pooled(k, k.layers.BatchNormalization()(y, mask=mask)),
        pooled(k, k.layers.TimeDistributed(k.layers.Dense(2))(y, mask=mask)),
        k.layers.Bidirectional(k.layers.LSTM(2))(y, mask=mask),
    ]  # fmt: skip
    return k.layers.Concatenate()(parts)


def model_with_a_mask(k: Any, x: Any) -> Any:
    """The model puts the mask on its operand, where later layers find it."""
    mask = k.layers.Masking().compute_mask(x)
    y = k.layers.Conv1D(4, 3, padding="same", activation="relu")(x)
    start = k.Input((LENGTH, 4))
    inner = k.Model(start, k.layers.Dense(4, "relu")(start))
    z = inner(y, mask=mask)
    both = k.layers.Add()([y, z])
    return k.layers.Concatenate()([pooled(k, z), pooled(k, both), pooled(k, y)])


def lambdas(k: Any, x: Any) -> Any:
    y = k.layers.Masking()(x)
    same = k.layers.Lambda(lambda t: t)(y)
    other = k.layers.Lambda(lambda t: t * 2.0)(y)
    kept = k.layers.Lambda(lambda t: t * 2.0, mask=lambda _, mask: mask)(y)
    seen = k.layers.Lambda(lambda t, mask=None: t if mask is None else t * 3.0)(y)
    return k.layers.Concatenate()([pooled(k, t) for t in (same, other, kept, seen)])


BOTH: tuple[Build, ...] = (
    gate, gated_lstm, maximum, minimum_of_one_mask, attention, dot_attention, additive_attention,
    after_attention, before_attention, attention_in_a_model, twice_recurrent, states,
    own_mask_in_the_middle, own_mask_of_relu, masks_of_other_values, time_distributed, separable,
    chain, dropped, concatenated, merged, shared, in_a_model, into_a_model,
    out_of_a_model, sequential, several_inputs, several_outputs, as_an_argument,
    model_with_a_mask, lambdas,
)  # fmt: skip


COMPILED = (gate, attention, states, into_a_model, lambdas)  # of Keras 3; the others run as written
QUICK = (gate, attention, states, chain, into_a_model, lambdas)


def _cases() -> list[Any]:
    """Every case of Keras 3; of `tf_keras`, whose frontend is the same from here on, some."""
    return [
        pytest.param(
            build, family, id=f"{build.__name__}-{name}",
            marks=() if family is keras or build in QUICK else pytest.mark.slow,
        )
        for build in BOTH
        for name, family in FAMILIES.items()
    ]  # fmt: skip


@pytest.mark.parametrize(("build", "family"), _cases())
def test_masks_are_those_of_keras(build: Build, family: Any) -> None:
    assert_exact(model_of(family, build), eager=family is keras and build not in COMPILED)


def _doubled(x: Any) -> Any:
    return x * 2.0


def _pooled(x: Any) -> Any:
    return pooled(keras, x)


@pytest.mark.parametrize(
    "build",
    [
        lambda _, x: _pooled(Unknown()(x)),
        lambda _, x: _pooled(layers.Dense(3, "relu")(Unknown()(layers.Masking()(x)))),
        lambda _, x: _pooled(Counting(True)(layers.Masking()(x))),
        lambda _, x: _pooled(Counting(False)(layers.Masking()(x))),
        lambda _, x: _pooled(layers.Dense(3, "relu")(Inner()(x))),
        lambda _, x: Branching()(layers.Masking()(x)),
        lambda _, x: _pooled(ops.cast(layers.Masking()(x), "float32")),  # the same tensor
        lambda _, x: _pooled(ops.relu(layers.Masking()(x))),
        lambda _, x: _pooled(layers.Masking()(x) * 2.0),
        lambda _, x: _pooled(layers.Dense(3, layers.LeakyReLU())(layers.Masking()(x))),
        lambda _, x: _pooled(layers.Dense(3, layers.Masking())(x)),
        lambda _, x: _pooled(layers.Dense(3, _doubled)(layers.Masking()(x))),
        lambda _, x: _pooled(layers.Dense(3, Counting(True))(layers.Masking()(x))),
        lambda _, x: _pooled(
            layers.Embedding(4, 3, mask_zero=True)(ops.argmax(layers.Conv1D(4, 1)(x), axis=-1))
        ),
        lambda _, x: _pooled(layers.Embedding(5, 3, mask_zero=True)(_tokens(x))),
        lambda _, x: _pooled(
            layers.Dense(3, "relu", dtype="float16")(layers.Masking(dtype="float16")(x))
        ),
        lambda _, x: _pooled(layers.GroupNormalization(2)(layers.Masking()(x))),
        lambda _, x: _pooled(layers.UnitNormalization()(layers.Masking()(x) + 1.0)),
        lambda _, x: layers.GroupQueryAttention(3, 2, 1)(*[layers.Masking()(x)] * 2),
        lambda _, x: layers.RNN(layers.GRUCell(3), go_backwards=True)(layers.Masking()(x)),
        lambda _, x: layers.Dot(1)([layers.Masking()(x), layers.Dense(2, "relu")(x)]),
        lambda _, x: layers.Flatten()(layers.Dense(2, "relu")(layers.Masking()(x))),
        lambda _, x: _pooled(
            layers.LSTM(3, return_sequences=True, zero_output_for_mask=True)(layers.Masking()(x))
        ),
        lambda _, x: layers.Conv1D(2, 3)(_pooled(layers.Masking()(x))[:, None] + x),
    ],
)  # fmt: skip
def test_masks_of_layers_of_keras_3_and_of_users(build: Build) -> None:
    assert_exact(model_of(keras, build), eager=True)


def _tokens(x: Any) -> Any:
    """1 to 4 for the letters, 0 for none."""
    return ops.cast(ops.sum(x * np.arange(1.0, 5.0, dtype="float32"), -1), "int32")


def test_a_dict_of_operands_whose_masks_keras_mixes_up() -> None:
    """Keras 3 flattens masks in another order than the operands of a model of a list of inputs."""
    first, second = keras.Input((LENGTH, 4), name="z"), keras.Input((LENGTH, 4), name="a")
    inner = keras.Model([first, second], [_pooled(first), _pooled(second)])

    def build(_: Any, x: Any) -> Any:
        y = layers.Masking()(x)
        return layers.Concatenate()(inner({"z": y, "a": layers.Dense(4, "relu")(x)}))

    assert_exact(model_of(keras, build))


@pytest.mark.parametrize("sites", [[(0, 1), (4, 8), (13, 14), (2, 5)], [(6, 7)]])
def test_sites_of_any_width(sites: list[tuple[int, int]]) -> None:
    assert_exact(model_of(keras, gated_lstm), sites=sites)


def test_real_numbers_that_become_the_masked_value() -> None:
    """The written number is 0.25 to the last bit, whatever was there before."""
    x = np.random.default_rng(0).standard_normal((2, LENGTH, 4)).astype("float32")
    x[0, 3:6] = 0.25
    assert_exact(model_of(keras, masks_of_other_values), x)
    assert_exact(model_of(keras, lambda k, t: pooled(k, layers.Masking(1.0)(t[..., :1]))), x)


def test_a_model_whose_input_is_of_another_dtype() -> None:
    x = keras.Input((LENGTH, 4), dtype="int8")
    y = layers.Dense(3, "relu")(layers.Masking()(ops.cast(x, "float32")))
    model = keras.Model(x, layers.LSTM(2)(y))
    ism = ismc.compile(model, cache=False, verify=False)
    found, expected = (f.saturate(sequences()) for f in (ism, ismc.NaiveISM(model)))
    assert np.allclose(found, expected, atol=1e-5)


def test_softmax_that_no_mask_fits_is_refused() -> None:
    inner = nested_softmax()
    x = keras.Input((LENGTH, 4))
    model = keras.Model(x, inner(layers.Masking()(x)))
    with pytest.raises(ismc.errors.UnsupportedModelError, match=r"fails when it is called on 7"):
        ismc.compile(model, cache=False)


def nested_softmax() -> Any:
    start = keras.Input((LENGTH, 4))
    return keras.Model(start, layers.Softmax(name="softmax")(start))


def test_layers_that_look_at_no_mask_keep_their_speed() -> None:
    def build(k: Any, x: Any) -> Any:
        y = layers.Masking()(x)
        y = layers.Dense(4, "relu")(layers.BatchNormalization()(y))
        z = layers.Conv1D(4, 3, activation="relu")(y)
        return layers.Concatenate()([pooled(k, z), layers.GlobalMaxPooling1D()(y), pooled(k, y)])

    ism = assert_exact(model_of(keras, build))
    stops = {line.name for line in ism.plan.lines if line.role == "stop"}
    assert not any(name.startswith(("masking", "batch", "dense", "conv")) for name in stops), stops


def test_reference_and_verification_see_masks() -> None:
    for family in (keras, tf_keras):
        model = model_of(family, gated_lstm)
        ism = ismc.compile(model, cache=False)
        expected = np.asarray(model(sequences(), training=False))
        assert np.allclose(ism.reference(sequences()), expected, atol=1e-5)
