"""Models of Keras 2: the plan, the numbers and the naive program are those of Keras 3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import ismc
from ismc.frontend.read import read
from ismc.plan.explain import table
from tests.support.comparing import assert_same_outputs

tf_keras = pytest.importorskip("tf_keras")

Builder = Callable[[Any], Any]


@pytest.fixture(autouse=True)
def _fresh_names() -> Iterator[None]:
    """Functions of TensorFlow are numbered through all models of a session."""
    yield
    tf_keras.backend.clear_session()


def basset(k: Any) -> Any:
    x = y = k.Input((32, 4), name="dna")
    for i, (filters, size) in enumerate([(6, 5), (8, 3)]):
        y = k.layers.Conv1D(filters, size, padding="same", name=f"conv{i}")(y)
        y = k.layers.BatchNormalization(name=f"norm{i}")(y)
        y = k.layers.Activation("relu", name=f"relu{i}")(y)
        y = k.layers.MaxPooling1D(2, name=f"pool{i}")(y)
    y = k.layers.Dense(10, activation="relu", name="hidden")(k.layers.Flatten(name="flat")(y))
    y = k.layers.Dropout(0.3, name="dropout")(y)
    return k.Model(x, k.layers.Dense(3, activation="sigmoid", name="out")(y), name="basset")


def dilated(k: Any) -> Any:
    x = k.Input((40, 4), name="dna")
    y = k.layers.Conv1D(6, 7, padding="same", activation="swish", name="stem")(x)
    for i in range(2):
        z = k.layers.Conv1D(6, 3, dilation_rate=2**i, activation="relu", name=f"dilated{i}")(y)
        y = k.layers.Add(name=f"sum{i}")([k.layers.Cropping1D(2**i, name=f"crop{i}")(y), z])
    y = k.layers.LeakyReLU(0.1, name="leaky")(y)
    y = k.layers.ReLU(6.0, negative_slope=0.1, name="relu")(
        k.layers.LayerNormalization(name="n")(y)
    )
    pooled = k.layers.GlobalAveragePooling1D(name="pooled")(y)
    return k.Model(x, [k.layers.Conv1D(2, 5, name="profile")(y), pooled], name="dilated")


def nested(k: Any) -> Any:
    a = k.Input((24, 4), name="a")
    tower = k.layers.Conv1D(5, 3, padding="causal", activation="elu", name="conv")(a)
    tower = k.Model(a, k.layers.AveragePooling1D(3, 2, name="pool")(tower), name="tower")
    b = k.Input((11, 5), name="b")
    head = k.Sequential(
        [b, k.layers.Conv1D(3, 2, activation="tanh", name="conv"), k.layers.Flatten(name="flat")],
        name="head",
    )
    x = k.Input((24, 4), name="dna")
    return k.Model(x, k.layers.Dense(2, name="out")(head(tower(x))), name="nested")


def shared(k: Any) -> Any:
    x, z = k.Input((20, 4), name="dna"), k.Input((20, 4), name="control")
    conv = k.layers.Conv1D(5, 3, activation="relu", name="conv")
    y = k.layers.Subtract(name="minus")([conv(x), conv(z)])
    y = k.layers.Multiply(name="times")([y, conv(x)])
    y = k.layers.GlobalMaxPooling1D(name="peak")(y)
    return k.Model([x, z], k.layers.Dense(2, name="out")(y), name="shared")


def concatenated(k: Any) -> Any:
    x = k.Input((24, 4), name="dna")
    y = [k.layers.Conv1D(3, n, padding="same", name=f"conv{n}")(x) for n in (3, 5)]
    y = k.layers.Concatenate(name="wide")([*y, k.layers.UpSampling1D(1, name="up")(x)])
    y = k.layers.PReLU(shared_axes=[1], name="prelu")(y)
    y = k.layers.Concatenate(axis=1, name="long")([y, k.layers.ZeroPadding1D(1, name="pad")(y)])
    y = k.layers.Softmax(name="soft")(y)
    return k.Model(x, k.layers.Reshape((10, 50), name="shape")(y), name="concatenated")


def recurrent(k: Any) -> Any:
    x = k.Input((16, 4), name="dna")
    y = k.layers.Conv1D(4, 3, activation="relu", name="conv")(x)
    lstm = k.layers.LSTM(3, return_sequences=True, name="lstm")
    y = k.layers.Bidirectional(lstm, name="both")(y)
    y = k.layers.GRU(3, name="gru")(y)
    return k.Model(x, k.layers.Dense(2, name="out")(y), name="recurrent")


def states(k: Any) -> Any:
    x = k.Input((16, 4), name="dna")
    y, state = k.layers.GRU(3, return_state=True, name="gru")(x)
    return k.Model(x, k.layers.Concatenate(name="joined")([y, state]), name="states")


def convolutions(k: Any) -> Any:
    x = k.Input((16, 4), name="dna")
    y = k.layers.DepthwiseConv1D(3, depth_multiplier=2, activation="relu", name="each")(x)
    y = k.layers.Conv1DTranspose(3, 4, strides=2, activation="selu", name="up")(y)
    y = k.layers.MultiHeadAttention(2, 3, name="heads")(y, y)
    return k.Model(x, k.layers.GaussianNoise(0.1, name="noise")(y), name="convolutions")


def outputs(k: Any) -> Any:
    x, z = k.Input((20, 4), name="dna"), k.Input((3,), name="tissue")
    y = k.layers.Conv1D(5, 3, activation="gelu", name="conv")(x)
    profile = k.layers.SeparableConv1D(2, 3, name="profile")(y)
    counts = k.layers.Concatenate(name="with")([k.layers.Flatten(name="flat")(y), z])
    counts = k.layers.Dense(1, activation="softplus", name="counts")(counts)
    return k.Model({"dna": x, "tissue": z}, {"profile": profile, "counts": counts}, name="outputs")


def arithmetic(k: Any) -> Any:
    x = k.Input((24, 4), name="dna")
    y = k.layers.Conv1D(4, 3, padding="same", name="conv")(x)
    y = y * 0.5 + x
    y = 1.0 - y[:, 2:20, :3] / 3
    y = k.layers.Conv1D(4, 3, activation="tanh", name="last")(y)
    return k.Model(x, abs(-y) ** 2, name="arithmetic")


BUILDERS = [
    basset, dilated, nested, shared, concatenated, recurrent, outputs, arithmetic, convolutions,
]  # fmt: skip


def pair(build: Builder) -> tuple[Any, Any]:
    """The model in Keras 2 and in Keras 3, with the same random weights."""
    old, new = build(tf_keras), build(keras)
    rng = np.random.default_rng(0)
    weights = [rng.normal(scale=0.4, size=w.shape) for w in new.get_weights()]
    weights = [np.abs(w) + 0.5 if w.ndim == 1 else w for w in weights]
    old.set_weights(weights)
    new.set_weights(weights)
    return old, new


def inputs(model: Any, count: int = 2) -> Any:
    """One-hot sequences for inputs ``[L, 4]`` and random numbers for others."""
    rng = np.random.default_rng(1)

    def draw(name: str) -> np.ndarray:
        shape = lowered.graph[name].shape
        if len(shape) == 2:
            return np.eye(4, dtype=np.float32)[rng.integers(0, 4, (count, shape[0]))]
        return rng.normal(size=(count, *shape)).astype(np.float32)

    lowered = read(model)
    return keras.tree.map_structure(draw, lowered.inputs)


def same(found: Any, expected: Any) -> None:
    """Two nests of outputs hold the same numbers."""
    assert_same_outputs(found, expected)


@pytest.mark.parametrize("build", BUILDERS, ids=lambda b: b.__name__)
def test_plan_and_numbers_are_those_of_keras_3(build: Builder) -> None:
    old, new = pair(build)
    mine, other = ismc.compile(old, verify=False), ismc.compile(new, verify=False)
    assert table(mine.plan) == table(other.plan)
    assert mine.plan.digest == other.plan.digest
    x = inputs(new)
    found = mine.saturate(x)
    same(found, other.saturate(x))
    same(found, ismc.NaiveISM(old).saturate(x))


@pytest.mark.parametrize("build", [*BUILDERS, states], ids=lambda b: b.__name__)
def test_graph_is_that_of_keras_3(build: Builder) -> None:
    old, new = pair(build)
    mine, other = read(old), read(new)
    assert (mine.graph.name, mine.graph.outputs) == (other.graph.name, other.graph.outputs)
    assert (mine.inputs, mine.structure) == (other.inputs, other.structure)
    for a, b in zip(mine.graph.layers, other.graph.layers, strict=True):
        assert (a.name, a.kind, a.inputs) == (b.name, b.kind, b.inputs)
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        weights = tuple(name for name in b.weights if "seed_generator" not in name)
        assert (a.owner, a.weights) == (b.owner if weights else "", weights)


FUNCTIONS: dict[str, tuple[Builder, Builder]] = {
    "relu": (lambda x: tf.nn.relu(x), lambda x: keras.ops.relu(x)),
    "swish": (lambda x: tf.nn.swish(x), lambda x: keras.ops.silu(x)),
    "sigmoid": (lambda x: tf.sigmoid(x), lambda x: keras.ops.sigmoid(x)),
    "gelu": (lambda x: tf.nn.gelu(x), lambda x: keras.ops.gelu(x, False)),
    "leaky": (lambda x: tf.nn.leaky_relu(x, alpha=0.3), lambda x: keras.ops.leaky_relu(x, 0.3)),
    "softmax": (lambda x: tf.nn.softmax(x, axis=-1), lambda x: keras.ops.softmax(x, -1)),
    "mean": (lambda x: tf.reduce_mean(x, axis=1), lambda x: keras.ops.mean(x, axis=1)),
    "max": (
        lambda x: tf.reduce_max(x, 2, keepdims=True),
        lambda x: keras.ops.max(x, 2, keepdims=True),
    ),
    "keep": (
        lambda x: tf.reduce_sum(x, [1], keepdims=True),
        lambda x: keras.ops.sum(x, [1], keepdims=True),
    ),
    "concat": (lambda x: tf.concat([x, x * x], 1), lambda x: keras.ops.concatenate([x, x * x], 1)),
    "stack": (lambda x: tf.stack([x, x], axis=2), lambda x: keras.ops.stack([x, x], axis=2)),
    "reshape": (lambda x: tf.reshape(x, (-1, 6, 8)), lambda x: keras.ops.reshape(x, (-1, 6, 8))),
    "transpose": (
        lambda x: tf.transpose(x, [0, 2, 1]),
        lambda x: keras.ops.transpose(x, [0, 2, 1]),
    ),
    "squeeze": (
        lambda x: tf.squeeze(tf.expand_dims(x, 2), 2),
        lambda x: keras.ops.squeeze(keras.ops.expand_dims(x, 2), 2),
    ),
    "clip": (lambda x: tf.clip_by_value(x, 0.1, 0.9), lambda x: keras.ops.clip(x, 0.1, 0.9)),
    "maximum": (lambda x: tf.maximum(x, 0.5), lambda x: keras.ops.maximum(x, 0.5)),
    "index": (lambda x: x[:, 3], lambda x: x[:, 3]),
    "ellipsis": (lambda x: x[..., 1:3], lambda x: x[..., 1:3]),
    "steps": (lambda x: 0.1 - x[:, ::2] / 3.0, lambda x: 0.1 - x[:, ::2] / 3.0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_tensorflow_are_those_of_keras_3(name: str) -> None:
    old, new = FUNCTIONS[name]
    x, z = tf_keras.Input((12, 4), name="dna"), keras.Input((12, 4), name="dna")
    models = tf_keras.Model(x, old(x), name="model"), keras.Model(z, new(z), name="model")
    mine, other = (read(model).graph for model in models)
    assert str(mine) == str(other)
    for a, b in zip(mine.layers, other.layers, strict=True):
        assert a.kind == b.kind
        assert str(a.config) == str(b.config)
        assert a.inputs == b.inputs


def ending(function: Builder, head: Any = None) -> Any:
    """A Keras 2 model with a function between a convolution and its output."""
    x = tf_keras.Input((12, 4), name="dna")
    y = function(tf_keras.layers.Conv1D(3, 3, name="conv")(x))
    return tf_keras.Model(x, y if head is None else head(y), name="model")


@pytest.mark.parametrize(
    "function",
    [
        lambda x: tf.math.cumsum(x, axis=1),
        lambda x: tf.reverse(x, [1]),
        lambda x: tf.split(x, 2, axis=1)[1],
        lambda x: tf.reshape(x, (tf.shape(x)[0], 30)),
        lambda x: tf.nn.relu(x) @ tf.ones((3, 2)),
        lambda x: tf.transpose(x, [0, 2, 1]),
        lambda x: tf_keras.layers.Activation("hard_sigmoid")(x),
        lambda x: tf_keras.layers.LSTM(3, recurrent_activation="hard_sigmoid")(x),
        lambda x: tf_keras.layers.Lambda(lambda t: t * 2.0)(x),
        lambda x: tf_keras.layers.ThresholdedReLU(0.2)(x),
        lambda x: tf_keras.layers.BatchNormalization(axis=1)(x),
        lambda x: tf_keras.layers.Activation(tf.nn.softplus)(x),
        lambda x: tf_keras.layers.Dense(3, activation=lambda t: t - tf.reduce_max(t, 1, True))(x),
        lambda x: tf_keras.Sequential([tf_keras.layers.Conv1D(2, 3), tf_keras.layers.Flatten()])(x),
    ],
)
@pytest.mark.filterwarnings("ignore:.*being serialized includes a `lambda`")
def test_any_function_is_exact(function: Builder) -> None:
    ismc.compile(ending(function))


def test_the_reference_of_a_model_that_ends_in_a_model() -> None:
    layers = tf_keras.layers
    inner = tf_keras.Sequential([layers.Conv1D(2, 3), layers.Flatten()])
    model = ending(inner)
    x = inputs(model)
    np.testing.assert_allclose(ismc.compile(model).reference(x), model(x), rtol=1e-5, atol=1e-6)


def test_functions_without_an_equal_are_named_after_tensorflow() -> None:
    graph = read(ending(lambda x: tf.math.cumsum(x, axis=1))).graph
    assert [layer.kind for layer in graph][-1] == "tf.math.cumsum"


@pytest.mark.filterwarnings("ignore:.*Variables were used")
def test_variables_are_read_at_every_call() -> None:
    factor = tf.Variable(2.0)
    model = ending(lambda x: x * factor)
    x = inputs(model)
    ism = ismc.compile(model, verify=False)
    before = ism.saturate(x)
    factor.assign(3.0)
    model.layers[1].kernel.assign(model.layers[1].kernel * 2)
    same(ism.saturate(x), before.numpy() * 3)


def test_subclassed_models_are_one_call() -> None:
    class Own(tf_keras.Model):
        def __init__(self) -> None:
            super().__init__(name="own")
            self.conv = tf_keras.layers.Conv1D(2, 3)

        def call(self, x: Any) -> Any:
            return tf.reduce_sum(self.conv(x), 1)

    with pytest.raises(ismc.UnsupportedModelError, match="that was built"):
        read(Own())
    built, called = Own(), Own()
    built.build((None, 12, 4))
    called(np.zeros((1, 12, 4), np.float32))
    for model in (built, called):
        graph = read(model).graph
        kind = f"{Own.__module__}.{Own.__qualname__}"
        assert [layer.kind for layer in graph] == ["keras.InputLayer", kind]
        ismc.compile(model)


def test_layers_in_training_mode_are_told_apart() -> None:
    graph = read(ending(lambda x: tf_keras.layers.Dropout(0.5)(x, training=True))).graph
    assert [layer.kind for layer in graph][-1] == "keras.Dropout in training mode"


def test_open_lengths_are_refused() -> None:
    x = tf_keras.Input((None, 4))
    with pytest.raises(ismc.UnsupportedModelError, match="expected fixed lengths"):
        read(tf_keras.Model(x, tf_keras.layers.Conv1D(2, 3)(x)))


def test_no_model() -> None:
    with pytest.raises(ismc.UnsupportedModelError, match=r"expected a tf_keras\.Model"):
        read(tf_keras.layers.Dense(3))
