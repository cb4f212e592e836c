"""What is inferred of layers without a rule: the right rule where there is one, else nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import ismc
import ismc.rules.base
from ismc.frontend.infer import infer, suggestion
from ismc.frontend.read import read
from ismc.ir.graph import Layer
from ismc.ir.window import Window
from ismc.rules import Role, Rule

pytestmark = pytest.mark.as_written


class Pointwise(keras.layers.Layer):
    """A hidden layer per position, and a scale per channel."""

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], 6), name="kernel")
        self.scale = self.add_weight(shape=(6,), initializer="ones", name="scale")

    def call(self, x: Any) -> Any:
        return ops.gelu(ops.matmul(x, self.kernel)) * self.scale


class Scale(keras.layers.Layer):
    """The sine of a scale per channel, or one per position and channel."""

    def __init__(self, positional: bool = False) -> None:
        super().__init__()
        self.positional = positional

    def build(self, shape: Any) -> None:
        shape = shape[1:] if self.positional else shape[-1:]
        self.scale = self.add_weight(shape=tuple(shape), name="scale")

    def call(self, x: Any) -> Any:
        return ops.sin(x * self.scale)


class Blur(keras.layers.Layer):
    """A convolution of the user's own, padded as it says."""

    def __init__(self, size: int, padding: str, **options: int) -> None:
        super().__init__()
        self.size, self.options = size, {"padding": padding, **options}

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(self.size, shape[-1], 3), name="kernel")
        self.bias = self.add_weight(shape=(3,), name="bias", initializer="random_normal")

    def call(self, x: Any) -> Any:
        return ops.tanh(ops.conv(x, self.kernel, **self.options) + self.bias)


class SoftmaxPool(keras.layers.Layer):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], shape[-1]), name="kernel")

    def call(self, x: Any) -> Any:
        x = windows(x, self.size)
        return ops.sum(x * ops.softmax(ops.matmul(x, self.kernel), axis=-2), -2)


class Gated(keras.layers.Layer):
    """A neighbour is added through a gate that begins shut."""

    def build(self, shape: Any) -> None:
        self.gate = self.add_weight(shape=(shape[-1],), initializer="zeros", name="gate")

    def call(self, x: Any) -> Any:
        before = ops.pad(x, [[0, 0], [1, 0], [0, 0]])[:, :-1]
        return x + self.gate * before


class SeededNoise(keras.layers.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.seed = keras.random.SeedGenerator(1)

    def call(self, x: Any) -> Any:
        return x + keras.random.normal(ops.shape(x), seed=self.seed)


def windows(x: Any, size: int) -> Any:
    """``[B, L, C]`` to ``[B, L // size, size, C]``; what is left over is dropped."""
    count = x.shape[1] // size
    return ops.reshape(x[:, : count * size], (-1, count, size, x.shape[2]))


def function(f: Callable[..., Any]) -> keras.layers.Layer:
    """A layer of a function of one operand or two, of a class of its own."""

    class Custom(keras.layers.Layer):
        def call(self, x: Any, y: Any = None) -> Any:
            return f(x) if y is None else f(x, y)

    return Custom()


def product(x: Any, y: Any) -> Any:
    return x * ops.sigmoid(y)


def max3(x: Any) -> Any:
    return ops.maximum(ops.maximum(x[:, :-2], x[:, 1:-1]), x[:, 2:])


def sum3(x: Any) -> Any:
    return x[:, :-2] + 2 * x[:, 1:-1] + x[:, 2:]


def extended(mode: str) -> Callable[[Any], Any]:
    """The sequence and one position more at either end."""
    return lambda x: ops.pad(x, [[0, 0], [1, 1], [0, 0]], mode)


def local_until_large(limit: float) -> Callable[[Any], Any]:
    """Looks at every position of a sequence that holds a value above ``limit``."""

    def f(x: Any) -> Any:
        large = ops.any(ops.abs(x) > limit, axis=(1, 2), keepdims=True)
        return x - ops.where(large, ops.mean(x, 1, keepdims=True), 0.0)

    return f


SEE_THROUGH, POOL4 = Rule(Role.SEE_THROUGH), Rule(Role.POOLING, window=Window(4, 4))


def local(size: int, pad: int = 0, trim: tuple[int, int] = (0, 0), end: float = 0.0) -> Rule:
    outside = None if trim == (0, 0) else end
    return Rule(Role.LOCAL, window=Window(size, pad=pad), outside=outside, trim=trim)


FOUND: dict[str, tuple[Callable[[], keras.layers.Layer], int, Rule]] = {
    "pointwise": (Pointwise, 24, SEE_THROUGH),
    "per channel": (Scale, 24, SEE_THROUGH),
    "Lambda": (lambda: keras.layers.Lambda(lambda x: x * 2.0 + 1.0), 24, SEE_THROUGH),
    "softmax over channels": (lambda: function(lambda x: ops.softmax(x, -1)), 24, SEE_THROUGH),
    "constant": (lambda: function(ops.ones_like), 24, SEE_THROUGH),
    "four positions": (Pointwise, 4, SEE_THROUGH),
    "long": (Pointwise, 600, SEE_THROUGH),
    "max of 3": (lambda: function(max3), 24, local(3)),
    "crop": (lambda: function(lambda x: x[:, 2:-3]), 24, local(6)),
    "valid": (lambda: Blur(5, "valid"), 24, local(5)),
    "valid, long": (lambda: Blur(7, "valid"), 600, local(7)),
    "valid, strided": (
        lambda: Blur(5, "valid", strides=3), 25, Rule(Role.LOCAL, window=Window(5, 3)),
    ),
    "valid, strided, long": (
        lambda: Blur(9, "valid", strides=3), 500, Rule(Role.LOCAL, window=Window(9, 3)),
    ),
    "same": (lambda: Blur(5, "same"), 24, local(5, 2, (2, 2))),
    "same, even": (lambda: Blur(4, "same"), 24, local(4, 1, (1, 2))),
    "same, long": (lambda: Blur(9, "same"), 700, local(9, 4, (4, 4))),
    "same, wide and long": (lambda: Blur(19, "same"), 1000, local(19, 9, (9, 9))),
    "same, dilated": (lambda: Blur(3, "same", dilation_rate=3), 24, local(7, 3, (3, 3))),
    "causal": (Gated, 24, local(2, 1, (1, 0))),
    "maximum padded by nothing": (
        lambda: function(lambda x: ops.max_pool(x, 3, 1, "same")), 24, local(3, 1, (1, 1), -np.inf),
    ),
    "maximum with repeated ends": (
        lambda: function(lambda x: max3(extended("symmetric")(x))),
        24, local(3, 1, (1, 1), -np.inf),
    ),
    "average of 4": (lambda: function(lambda x: ops.mean(windows(x, 4), 2)), 24, POOL4),
    "average of 4, rest": (lambda: function(lambda x: ops.mean(windows(x, 4), 2)), 27, POOL4),
    "first of 4": (lambda: function(lambda x: windows(x, 4)[:, :, 0]), 24, POOL4),
    "softmax of 4": (lambda: SoftmaxPool(4), 26, POOL4),
    "softmax of 50, long": (
        lambda: SoftmaxPool(50), 1020, Rule(Role.POOLING, window=Window(50, 50)),
    ),
}  # fmt: skip

NOTHING: dict[str, Callable[[], keras.layers.Layer]] = {
    "reversed": lambda: function(lambda x: ops.flip(x, 1)),
    "rolled": lambda: function(lambda x: ops.roll(x, 1, axis=1)),
    "summed up": lambda: function(lambda x: ops.cumsum(x, 1)),
    "mean subtracted": lambda: function(lambda x: x - ops.mean(x, 1, keepdims=True)),
    "softmax over positions": lambda: function(lambda x: ops.softmax(x, 1)),
    "weights per position": lambda: Scale(positional=True),
    "numbered positions": lambda: function(lambda x: x + ops.arange(24.0)[None, :, None]),
    "every other position": lambda: function(
        lambda x: x * ops.cast(ops.arange(x.shape[1]) % 2, "float32")[None, :, None]
    ),
    "scaled by the length": lambda: function(lambda x: x / x.shape[1]),
    "batch mixed": lambda: function(lambda x: x - ops.mean(x, 0, keepdims=True)),
    "batch rolled": lambda: function(lambda x: ops.roll(x, 1, axis=0)),
    "noise": lambda: function(lambda x: x + tf.random.normal(tf.shape(x))),
    "seeded noise": SeededNoise,
    "fixed length": lambda: function(lambda x: ops.reshape(ops.reshape(x, (-1, 96)), (-1, 24, 4))),
    "mirrored ends": lambda: function(lambda x: sum3(extended("reflect")(x))),
    "mean with repeated ends": lambda: function(lambda x: sum3(extended("symmetric")(x))),
    "strided, padded": lambda: Blur(5, "same", strides=2),
    "no positions": lambda: function(lambda x: ops.max(x, 1)),
    "one position": lambda: function(lambda x: ops.max(x, 1, keepdims=True)),
    "local until 50": lambda: function(local_until_large(50.0)),
    "local until 5000": lambda: function(local_until_large(5000.0)),
    "repeated": lambda: function(lambda x: ops.repeat(x, 2, 1)),
}


def last(model: keras.Model) -> tuple[Layer, Rule | None]:
    """The model's last call, and what is inferred of it."""
    lowered = read(model)
    layer = lowered.graph[lowered.graph.outputs[0]]
    inputs = tuple(lowered.graph[name] for name in layer.inputs)
    return layer, infer(layer, inputs, lowered.variables.get(layer.owner, {}))


def on_one(layer: keras.layers.Layer, length: int = 24, *tail: int) -> keras.Model:
    x = keras.Input((length, *(tail or (4,))))
    return keras.Model(x, layer(x))


@pytest.mark.parametrize("name", FOUND)
def test_rule_that_is_found(name: str) -> None:
    make, length, want = FOUND[name]
    assert last(on_one(make(), length))[1] == want


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_is_found(name: str) -> None:
    assert last(on_one(NOTHING[name]()))[1] is None


def test_shapes_that_are_left_alone_and_that_are_not() -> None:
    assert last(on_one(function(lambda x: ops.transpose(x, (0, 2, 1))), 24, 24))[1] is None
    assert last(on_one(Pointwise(), 3))[1] is None
    assert last(on_one(Scale(), 12, 3, 2))[1] == SEE_THROUGH
    x = keras.Input((24,))
    assert last(keras.Model(x, function(lambda x: x * 2.0)(x)))[1] is None


def test_function_of_two_operands_is_an_aggregate() -> None:
    x, y = keras.Input((24, 4)), keras.Input((24, 4))
    assert last(keras.Model([x, y], function(product)(x, y)))[1] == Rule(Role.AGGREGATE)
    narrow = function(lambda x: x[..., :3])(x)
    found = last(keras.Model([x, y], function(product)(narrow, Blur(3, "same")(y))))[1]
    assert found == Rule(Role.AGGREGATE)
    assert last(keras.Model(x, function(product)(x, x)))[1] == Rule(Role.AGGREGATE)


def test_operands_that_are_not_side_by_side_are_no_aggregate() -> None:
    x, y, z = (keras.Input((length, 4)) for length in (24, 1, 24))
    assert last(keras.Model([x, y], function(product)(x, y)))[1] is None
    ahead = lambda x, y: x + ops.pad(y, [[0, 0], [0, 1], [0, 0]])[:, 1:]  # noqa: E731
    for f in (ahead, lambda x, y: x + ops.mean(y, 1, keepdims=True)):
        assert last(keras.Model([x, z], function(f)(x, z)))[1] is None


def test_calls_are_few() -> None:
    calls = []

    def counted(x: Any) -> Any:
        calls.append(x.shape[0])
        return ops.relu(x)

    assert last(on_one(function(counted), 2000))[1] == SEE_THROUGH
    assert len(calls) < 200
    assert max(rows for rows in calls if rows) <= 48


EXACT = (
    "pointwise", "crop", "valid", "valid, strided", "same, even", "same, dilated", "causal",
    "maximum padded by nothing", "softmax of 4",
)  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_inferred_rule_is_exact(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, _, _ = FOUND[name]
    x = keras.Input((31, 4))
    y, layer = keras.layers.Conv1D(4, 3, padding="same", activation="relu")(x), make()
    model = keras.Model(x, keras.layers.Conv1D(2, 3, padding="same")(layer(y)))
    for weight in layer.weights:
        weight.assign(np.random.default_rng(0).uniform(0.3, 1.2, weight.shape))
    rule = last(keras.Model(x, layer(y)))[1]
    monkeypatch.setattr("ismc.rules.base._TABLE", dict(ismc.rules.base._TABLE))
    ismc.rule(type(layer))(lambda _: rule or Rule(Role.STOP))
    data = np.random.default_rng(1).normal(size=(2, 31, 4)).astype("float32")
    sites = [*range(31), (0, 3), (14, 19), (27, 31)]
    ism = ismc.compile(model, sites=sites, verify=False)
    assert {line.title: line for line in ism.plan.lines}[type(layer).__name__].form == "slab"
    want = ismc.NaiveISM(model, sites=sites)(data, 0.7).numpy()
    np.testing.assert_allclose(ism(data, 0.7).numpy(), want, rtol=1e-4, atol=1e-5)


def test_suggestion_is_code_that_gives_the_rule() -> None:
    layer, rule = last(on_one(Blur(5, "same")))
    assert rule is not None
    assert suggestion(layer, rule) == (
        "local: @ismc.rule(Blur) -> ismc.Rule(ismc.Role.LOCAL, "
        "window=ismc.Window(size=5, pad=2), outside=0.0, trim=(2, 2))"
    )
    for _, _, want in FOUND.values():
        code = suggestion(layer, want)
        assert eval(code[code.index("ismc.Rule(") :]) == want  # noqa: S307


def test_suggestion_for_a_lambda_names_the_call() -> None:
    layer, rule = last(on_one(keras.layers.Lambda(lambda x: x * 2.0, name="twice")))
    assert rule is not None
    assert suggestion(layer, rule) == (
        'see-through: ismc.compile(model, rules={"twice": ismc.Rule(ismc.Role.SEE_THROUGH)})'
    )
