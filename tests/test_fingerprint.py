"""Keys of programs: equal for what gives one program, different for whatever may change it."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import ismc
from ismc import Role, Rule, Window
from ismc.environment import _sources, environment
from ismc.fingerprint import (
    Architecture,
    FingerprintError,
    architecture,
    code,
    digest,
    renamed,
    rules,
)
from ismc.frontend import read
from ismc.passes import Program, Request
from ismc.passes.flatten import flatten
from ismc.rules import base
from tests.zoo import ZOO

pytestmark = pytest.mark.filterwarnings("ignore:.*being serialized includes a `lambda`")
K = keras.layers

LAB = '''
"""A module of the user's, as it may lie anywhere."""
import functools
import keras
import numpy as np

OFFSET = 0.5
KEYS = {"alpha", "beta", "gamma", "delta"}
TABLE = np.arange(4.0)


def helper(x):
    return further(x) * 3.0


def further(x):
    return [x + y for y in (7.0,)][0]


class Base(keras.Layer):
    def finish(self, x):
        return x - 11.0


class Scale(Base):
    """Holds more than it tells Keras."""

    factor = 2.0

    def __init__(self, hidden=1.0, **kwargs):
        super().__init__(**kwargs)
        self.hidden = {"value": (hidden,), "array": np.full(3, hidden)}
        self.inner = [keras.layers.Dense(4, activation=lambda x: x + 13.0)]
        self.part = functools.partial(helper)

    def build(self, shape):
        self.inner[0].build(shape)

    def compute_output_shape(self, shape):
        return shape

    def call(self, x, power=1):
        if "alpha" in {"alpha", "beta", "gamma"} and "delta" in KEYS:
            x = self.inner[0](x) ** power
        return self.finish(self.part(x) * 5.0 + OFFSET * self.factor + self.hidden["value"][0])


def build(**options):
    x = keras.Input((12, 4))
    y = keras.layers.Lambda(lambda t, by: t * by * 17.0, arguments={"by": 2.0})(x)
    y = keras.layers.TimeDistributed(Scale(**options))(y)
    y = Scale(**options)(y)
    return keras.Model(x, y * TABLE)
'''

WORKER = """
import sys
sys.path.insert(0, sys.argv[1])
import lab
from ismc.fingerprint import architecture, code, digest
from ismc.frontend import read
print(digest(architecture(read(lab.build())).data), digest(code(lab.helper)))
"""


def key(model: Any) -> str:
    return digest(architecture(read(model)).data)


def lab(folder: Path, *changes: tuple[str, str]) -> ModuleType:
    """The module of the user's with changes, imported under its one name."""
    text = LAB
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lab.py").write_text(text)
    spec = importlib.util.spec_from_file_location("lab", folder / "lab.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["lab"] = module
    spec.loader.exec_module(module)
    return module


def chain(*layers: Any, shape: tuple[int, ...] = (12, 4), **options: Any) -> keras.Model:
    x = y = keras.Input(shape, **options)
    for layer in layers:
        y = layer(y)
    return keras.Model(x, y)


def net(**changes: Any) -> keras.Model:
    """A model without a name of its own, with one of its arguments changed."""
    options: dict[str, Any] = {"filters": 3, "kernel_size": 3, "padding": "same"} | changes
    own = {k: options.pop(k, None) for k in ("epsilon", "function", "by", "axis", "rate", "name")}
    x = keras.Input((12, 4), name=own["name"])
    y = K.Conv1D(**options)(x)
    y = K.BatchNormalization(epsilon=own["epsilon"] or 1e-3)(y)
    y = K.Lambda(own["function"] or (lambda t: t * 2.0))(y)
    y = K.Dropout(own["rate"] or 0.1)(y)
    y = keras.ops.concatenate([y, y], axis=own["axis"] or -1)
    return keras.Model(x, K.Activation(own["by"] or "relu")(y))


def times(factor: Any) -> Callable[[Any], Any]:
    return lambda t: t * factor


def two(order: tuple[int, int] = (0, 1), shared: bool = False, names: Any = (None, None)) -> Any:
    """Two inputs, two convolutions or one, and the difference."""
    inputs = [keras.Input((12, 4), name=name) for name in names]
    first = K.Conv1D(3, 3)
    values = [first(inputs[0]), (first if shared else K.Conv1D(3, 3))(inputs[1])]
    y = K.Subtract()([values[i] for i in order])
    return keras.Model(inputs, y)


def outputs(nest: Callable[[Any, Any], Any]) -> keras.Model:
    x = keras.Input((12, 4))
    y = K.Conv1D(3, 3)(x)
    return keras.Model(x, nest(K.Flatten()(y), K.Dense(3)(y)))


def nested(units: int = 3, depth: int = 2) -> keras.Model:
    inner = chain(K.Conv1D(4, 3, padding="same"), chain(K.Dense(4), K.ReLU()))
    return chain(*[inner] * depth, K.Dense(units))


class Multiplied(keras.Layer):
    """Takes an argument that its configuration does not tell."""

    def call(self, x: Any, factor: float = 1.0) -> Any:
        return x * factor


def called(factor: float) -> keras.Model:
    x = keras.Input((12, 4))
    return keras.Model(x, Multiplied()(x, factor=factor))


def adapted(scale: float) -> keras.Model:
    layer = K.Normalization()
    layer.adapt(np.arange(48.0).reshape(1, 12, 4) * scale)
    return chain(layer)


def quantity(value: Any) -> Callable[[], Any]:
    """A layer with an attribute that no configuration tells."""

    def build() -> Any:
        layer = Multiplied()
        layer.quantity = value
        return chain(layer)

    return build


def constants() -> keras.Model:
    x = keras.Input((12, 4))
    return keras.Model(x, x * np.arange(4.0, dtype="float32") + 1.0)


CHANGES: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "filters": (net, lambda: net(filters=4)),
    "kernel size": (net, lambda: net(kernel_size=5)),
    "activation": (net, lambda: net(activation="relu")),
    "activation function": (
        lambda: net(activation=lambda x: x * 2), lambda: net(activation=lambda x: x * 3)
    ),
    "padding": (net, lambda: net(padding="valid")),
    "dilation": (net, lambda: net(dilation_rate=2)),
    "bias": (net, lambda: net(use_bias=False)),
    "dtype policy": (net, lambda: net(dtype="mixed_bfloat16")),
    "epsilon": (net, lambda: net(epsilon=1e-3 + 1e-9)),
    "constant of a Lambda": (net, lambda: net(function=lambda t: t * 2.5)),
    "code of a Lambda": (net, lambda: net(function=lambda t: t + 2.0)),
    "function that is called": (
        lambda: net(function=lambda t: keras.ops.relu(t)),
        lambda: net(function=lambda t: keras.ops.elu(t)),
    ),
    "closure": (lambda: net(function=times(2.0)), lambda: net(function=times(3.0))),
    "array in a closure": (
        lambda: net(function=times(np.arange(3.0))), lambda: net(function=times(np.ones(3))),
    ),
    "tensor in a closure": (
        lambda: net(function=times(tf.ones(3))), lambda: net(function=times(tf.zeros(3))),
    ),
    "default": (
        lambda: net(function=lambda t, by=2.0: t * by),
        lambda: net(function=lambda t, by=3.0: t * by),
    ),
    "rate": (net, lambda: net(rate=0.2)),
    "axis": (net, lambda: net(axis=1)),
    "named activation": (net, lambda: net(by="elu")),
    "name of the input": (lambda: net(name="dna"), lambda: net(name="sequence")),
    "length": (lambda: chain(K.ReLU()), lambda: chain(K.ReLU(), shape=(13, 4))),
    "dtype": (lambda: chain(K.ReLU()), lambda: chain(K.ReLU(), dtype="float16")),
    "swapped operands": (two, lambda: two((1, 0))),
    "shared layer": (two, lambda: two(shared=True)),
    "same operand": (two, lambda: two((0, 0))),
    "order of outputs": (
        lambda: outputs(lambda a, b: [a, b]), lambda: outputs(lambda a, b: [b, a])
    ),
    "keys of outputs": (
        lambda: outputs(lambda a, b: {"p": a, "q": b}),
        lambda: outputs(lambda a, b: {"p": a, "r": b}),
    ),
    "nest of outputs": (
        lambda: outputs(lambda a, b: [a, b]), lambda: outputs(lambda a, b: {"0": a, "1": b})
    ),
    "nested models": (nested, lambda: nested(depth=1)),
    "argument of a call": (lambda: called(2.0), lambda: called(3.0)),
    "training": (
        lambda: chain(K.Dropout(0.5)), lambda: chain(lambda x: K.Dropout(0.5)(x, training=True))
    ),
    "what a layer was adapted to": (lambda: adapted(1.0), lambda: adapted(2.0)),
    "attribute": (quantity(1), quantity(2)),
    "type of an attribute": (quantity(1), quantity(1.0)),
    "last bit of an attribute": (quantity(0.1), quantity(np.nextafter(0.1, 1.0).item())),
    "nan": (quantity(float("nan")), quantity(0.0)),
    "list and tuple": (quantity([1, 2]), quantity((1, 2))),
    "recurrent cells": (
        lambda: chain(K.Bidirectional(K.GRU(3))),
        lambda: chain(K.Bidirectional(K.GRU(3, reset_after=False))),
    ),
    "wrapped model": (
        lambda: chain(K.TimeDistributed(chain(K.Dense(3, "relu"), shape=(4,)))),
        lambda: chain(K.TimeDistributed(chain(K.Dense(3, "elu"), shape=(4,)))),
    ),
}  # fmt: skip


def test_one_change_changes_it() -> None:
    for name, (before, after) in CHANGES.items():
        first = key(before())
        assert key(before()) == first, name
        assert key(after()) != first, name


EDITS = [
    ("3.0", "3.5"), ("5.0", "5.5"), ("7.0", "7.5"), ("11.0", "11.5"), ("13.0", "13.5"),
    ("17.0", "17.5"), ("OFFSET = 0.5", "OFFSET = 0.6"), ("factor = 2.0", "factor = 2.5"),
    ('"by": 2.0', '"by": 2.5'), ("hidden=1.0", "hidden=1.5"), ('"delta"}', '"epsilon"}'),
    ("np.arange(4.0)", "np.arange(1.0, 5.0)"), ("partial(helper)", "partial(further)"),
    ("** power", "* power"), ('"beta", "gamma"} and', '"gamma"} and'),
    ("class Scale(Base)", "class Other(Base):\n    pass\n\n\nclass Scale(Other)"),
]  # fmt: skip


def test_edits_of_the_users_code(tmp_path: Path) -> None:
    first = key(lab(tmp_path / "a").build())
    for i, edit in enumerate(EDITS):
        assert key(lab(tmp_path / str(i), edit).build()) != first, edit
    moved = lab(tmp_path / "elsewhere", ("OFFSET = 0.5", "\n\n# further down\nOFFSET = 0.5"))
    assert key(moved.build()) == first
    assert key(moved.build(hidden=2.0)) != first


def test_is_the_same_in_another_process(tmp_path: Path) -> None:
    chain(K.Conv1D(3, 3), K.Lambda(lambda t: t))  # so that names are other ones
    module = lab(tmp_path / "here")
    lab(tmp_path / "there")
    seed = "7" if os.environ.get("PYTHONHASHSEED") != "7" else "8"
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", WORKER, str(tmp_path / "there")],
        env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    sys.modules["lab"] = module
    assert done.stdout.split() == [key(module.build()), digest(code(module.helper))]


def test_weights_are_no_part_of_it() -> None:
    model = nested()
    first = key(model)
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 12, 4)), np.ones((2, 12, 3)), verbose=0)
    assert key(model) == first
    model.set_weights([w + 1 for w in model.get_weights()])
    assert key(model) == first


@pytest.mark.parametrize("name", ["basset", "danq", "attention_pool_net", "sequence_and_features"])
def test_copies_are_the_same(name: str, tmp_path: Path) -> None:
    model = ZOO[name].model(small=True)
    model.save(tmp_path / "m.keras")
    copies = (
        keras.models.clone_model(model),
        keras.Model.from_config(model.get_config()),
        keras.models.load_model(tmp_path / "m.keras"),
    )
    assert [key(copy) == key(model) for copy in copies] == [True] * 3
    own = [layer for layer in model.layers if type(layer).__module__.startswith("keras")]
    for layer in own:
        layer.trainable = not layer.trainable  # as fine-tuning does
    assert key(copies[0]) == key(model)


def test_weights_do_not_depend_on_names_of_layers() -> None:
    first, second = (read(nested()) for _ in range(2))
    assert set(first.variables).isdisjoint(second.variables)
    assert digest(architecture(first).data) == digest(architecture(second).data)


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """What a call returns, and seconds of this thread; collecting garbage may be among them."""
    begin = time.thread_time()
    return call(), time.thread_time() - begin


def test_zoo_is_all_different_and_equal_for_two_builds() -> None:
    found: dict[str, str] = {}
    for name, entry in ZOO.items():
        models = [read(entry.model(seed=i, small=True)) for i in range(2)]
        (first, a), (second, b) = (
            timed(lambda model=model: digest(architecture(model).data)) for model in models
        )
        assert min(a, b) < 0.3, name
        assert first == second, name
        found[first] = name
    assert len(found) == len(ZOO)


def test_names_are_those_of_the_flat_graph() -> None:
    def flat(found: Architecture, model: Any) -> list[str]:
        request = Request(model.graph.inputs[0], (), model.graph.outputs)
        graph = flatten(Program(model.graph, request)).graph
        return [found.layers[layer.name] for layer in graph]

    models = [read(nested()) for _ in range(2)]
    found = [architecture(model) for model in models]
    names = [flat(a, model) for a, model in zip(found, models, strict=True)]
    assert names[0] == names[1]
    assert names[0] == sorted(set(names[0]))
    assert names[0][1] == "n00001/n00001"
    assert found[0].layers.keys() != found[1].layers.keys()
    assert set(found[0].owners) == set(models[0].variables)
    assert list(found[0].owners.values()) == sorted(found[1].owners.values())


def test_weights_without_a_name_are_numbered() -> None:
    class Nameless(keras.Layer):
        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(shape=(shape[-1],))
            self.bias = self.add_weight(shape=(1,), name="bias")

        def call(self, x: Any) -> Any:
            return x * self.kernel + self.bias

    first, second = (architecture(read(chain(Nameless()))) for _ in range(2))
    assert first.data == second.data
    (weights,) = first.weights.values()
    assert list(weights.values()) == ["v00000", "bias"]


def test_attributes_tell_weights_apart() -> None:
    class Crossed(keras.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = (self.add_weight(shape=(4,), name=n) for n in "ab")

        def call(self, x: Any) -> Any:
            return x * self.pair[0] + self.pair[1]

    def crossed(step: int) -> str:
        layer = Crossed()
        layer.pair = [layer.one, layer.other][::step]
        return key(chain(layer))

    assert crossed(1) == crossed(1)
    assert crossed(1) != crossed(-1)


def test_what_rules_read_is_part_of_it() -> None:
    model = read(net())
    first = architecture(model).data
    for i, layer in enumerate(model.graph.layers):
        for change in ({"config": {**layer.config, "groups": 7}}, {"kind": "keras.Other"}):
            layers = list(model.graph.layers)
            layers[i] = replace(layer, **change)
            other = replace(model, graph=replace(model.graph, layers=tuple(layers)))
            assert architecture(other).data != first


def test_names_matter_where_code_reads_them() -> None:
    class Named(keras.Layer):
        def call(self, x: Any) -> Any:
            return x * 2 if self.name == "twice" else x

    once, twice = (chain(Named(name=name)) for name in ("once", "twice"))
    assert key(once) != key(twice)
    plain = [chain(Multiplied(name=name)) for name in ("once", "twice")]
    assert key(plain[0]) == key(plain[1])


def test_names_within_wrapped_models_are_their_own() -> None:
    def build(name: str) -> Any:
        inner = chain(K.Dense(4, name="inner"), shape=(4,))
        return chain(K.TimeDistributed(inner), K.Dense(4, name=name))

    assert key(build("inner")) == key(build("outer"))


def test_a_user_class_may_have_a_name_of_keras() -> None:
    metric = type("Metric", (Multiplied,), {})
    found = set()
    for quantity in (1, 2):
        layer = metric()
        layer.quantity = quantity
        found.add(key(chain(layer)))
    assert len(found) == 2


def test_renamed_keeps_what_passes_append() -> None:
    names = {"a": "n0", "a.activation": "n1", "tower/a": "n2/n1"}
    asked = "a a.float32 a.activation a.activation:0 tower/a/forward.states ab"
    want = "n0 n0.float32 n1 n1:0 n2/n1/forward.states ab"
    assert [renamed(name, names) for name in asked.split()] == want.split()


model_in_closure = chain(K.ReLU())
variable = tf.Variable(2.0)


class Opaque(keras.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def call(self, x: Any) -> Any:
        return x


class Secret(keras.Layer):
    """Has a layer that Keras does not know of."""

    def __init__(self) -> None:
        super().__init__()
        self.__dict__["secret"] = K.Dense(4)
        self.__dict__["secret"].build((None, 12, 4))

    def call(self, x: Any) -> Any:
        return self.secret(x)


UNKNOWN: dict[str, tuple[Callable[[], Any], str]] = {
    "model in a closure": (lambda: net(function=lambda t: chain_of(t)), "outside|weights"),
    "variable": (lambda: net(function=lambda t: t * variable), "Variable"),
    "variable in a closure": (lambda: net(function=times(tf.Variable(2.0))), "Variable"),
    "lock": (lambda: chain(Opaque()), r"layer 'opaque.*: lock: .*cannot be seen"),
    "layer unknown to Keras": (lambda: chain(Secret()), "has weights of its own"),
    "generator": (lambda: net(activation=partial(pow_, by=(i for i in "ab"))), "cannot be seen"),
    "lookup table": (lambda: chain(K.StringLookup(vocabulary=["a"]), dtype="string"), "Table"),
}  # fmt: skip


def pow_(x: Any, by: Any) -> Any:
    return x if by else -x


def chain_of(t: Any) -> Any:
    return held(t)


held = chain(K.Dense(4), shape=(12, 3))


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_what_cannot_be_digested_is_refused(name: str) -> None:
    build, reason = UNKNOWN[name]
    with pytest.raises(FingerprintError, match=reason):
        architecture(read(build()))


@pytest.mark.parametrize(
    "value",
    [np.frompyfunc(times(2.0), 1, 1), threading.Lock(), sys.modules[__name__]],
)
def test_content_that_cannot_be_seen_is_refused(value: Any) -> None:
    with pytest.raises(FingerprintError):
        code(times(value))


@pytest.mark.parametrize("value", [model_in_closure, variable, held, K.Dense(3), keras.Input((3,))])
def test_callables_hold_no_models(value: Any) -> None:
    with pytest.raises(FingerprintError, match="outside of the layers"):
        code(lambda r, m: value(m) - r)


def score(r: Any, m: Any) -> Any:
    return tf.math.log(m / r)


class Score:
    def __init__(self, base: float) -> None:
        self.base = base

    def __call__(self, r: Any, m: Any) -> Any:
        return (m - r) * self.base

    def method(self, r: Any, m: Any) -> Any:
        return self(r, m)


def decorated(by: float) -> Callable[..., Any]:
    """Bears the name of a function of Keras, and is another."""

    @functools.wraps(keras.activations.relu)
    def relu(x: Any) -> Any:
        return keras.activations.relu(x) * by

    return relu


CALLABLES: list[Callable[[], Any]] = [
    lambda: score, lambda: lambda r, m: m - r, lambda: lambda r, m: r - m,
    lambda: Score(1.0), lambda: Score(2.0), lambda: Score(1.0).method, lambda: Score(2.0).method,
    lambda: partial(Score(1.0), m=1), lambda: partial(Score(1.0), m=2),
    lambda: decorated(1.0), lambda: decorated(2.0), lambda: keras.activations.relu,
    lambda: tf.nn.relu, lambda: np.subtract, lambda: keras.losses.Huber(1.0),
    lambda: keras.losses.Huber(2.0), lambda: tf.function(score), lambda: functools.cache(score),
    lambda: times(frozenset("abcdef")), lambda: times(re.compile("a")), lambda: times(Role.STOP),
    lambda: times(Window(3)), lambda: times(Window(5)), lambda: times(slice(1, 2)),
]  # fmt: skip


def test_callables_are_told_apart() -> None:
    found = [digest(code(make())) for make in CALLABLES]
    assert found == [digest(code(make())) for make in CALLABLES]
    assert len(set(found)) == len(found)
    assert all(re.fullmatch("[0-9a-f]{64}", text) for text in found)


def test_functions_in_the_place_of_others_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, others = digest(code(keras.activations.relu)), [decorated(1.0), decorated(2.0)]
    module = sys.modules[keras.activations.relu.__module__]
    found = {plain}
    for other in others:
        monkeypatch.setattr(module, "relu", other)
        found.add(digest(code(other)))
    assert len(found) == 3


def test_a_user_function_may_refer_to_itself() -> None:
    def recursive(x: Any) -> Any:
        return x if x > 0 else recursive(x + 1)

    assert code(recursive)


def test_modules_of_the_user_are_read(tmp_path: Path) -> None:
    def use() -> Any:
        import lab

        return lambda x: lab.helper(x)

    found = []
    for name, edit in {"a": ("3.0", "3.0"), "b": ("7.0", "7.5"), "c": ("7.0", "7.0")}.items():
        lab(tmp_path / name, edit)
        found.append([digest(code(use)), digest(code(use()))])
    assert found[0] == found[2]
    assert all(a != b for a, b in zip(found[0], found[1], strict=True))


def test_registered_rules_are_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def of(width: int) -> str:
        ismc.rule(Multiplied)(lambda _: Rule(Role.LOCAL, window=Window(width)))
        return key(called(2.0))

    monkeypatch.setattr(base, "_TABLE", dict(base._TABLE))
    monkeypatch.setattr("ismc.fingerprint.layers._TABLE", base._TABLE)
    monkeypatch.setattr("ismc.fingerprint.model._TABLE", base._TABLE)
    without = key(called(2.0))
    assert len({without, of(1), of(3)}) == 3
    before = of(3)
    assert of(3) == before
    ismc.rule("keras.Dense")(lambda _: Rule(Role.STOP))
    assert key(called(2.0)) != before


def test_rules_are_told_apart() -> None:
    found = [
        rules({"a": Rule(Role.LOCAL, window=Window(size), outside=end)})
        for size in (1, 3) for end in (None, 0.0, float("-inf"))
    ]  # fmt: skip
    assert len({digest(each) for each in found}) == 6
    first, second = (
        rules({name: Rule(Role.STOP, reason=f'see "{name}"')}, {name: "n00001"})
        for name in ("lambda", "lambda_1")
    )
    assert first == second
    assert list(first) == ["n00001"]
    assert rules({"a": Rule(Role.STOP)}) != rules({"b": Rule(Role.STOP)})


def test_settings_of_keras_are_part_of_it() -> None:
    model = net()
    first, epsilon = key(model), keras.config.epsilon()
    try:
        keras.config.set_epsilon(1e-5)
        assert key(model) != first
    finally:
        keras.config.set_epsilon(epsilon)
    assert key(model) == first


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_XLA_FLAGS", raising=False)
    first = environment()
    again = [timed(environment) for _ in range(3)]
    assert all(found == first for found, _ in again)
    assert min(took for _, took in again) < 0.05
    assert json.loads(json.dumps(first)) == first
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_persistent_cache_directory=/somewhere")
    assert environment() == first
    for name in ("XLA_FLAGS", "ONEDNN_MAX_CPU_ISA", "NVIDIA_TF32_OVERRIDE", "TF_XLA_FLAGS"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "--other=1")
            assert environment() != first


def test_sources_of_ismc_are_part_of_the_environment(tmp_path: Path) -> None:
    files = {"a.py": "1", "b/c.py": "2", "b/d.jinja": "3"}
    (tmp_path / "b").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    first = _sources(tmp_path)
    (tmp_path / "note.txt").write_text("4")
    assert _sources(tmp_path) == first
    for name in files:
        (tmp_path / name).write_text("5")
        assert _sources(tmp_path) != first
        (tmp_path / name).write_text(files[name])
    (tmp_path / "a.py").rename(tmp_path / "aa.py")
    assert _sources(tmp_path) != first


def test_models_of_keras_2() -> None:
    k = pytest.importorskip("tf_keras")

    def build(constant: float = 2.0, axis: int = 1, units: int = 3) -> Any:
        x = k.Input((12, 4))
        y = k.layers.Lambda(lambda t: t * constant)(k.layers.Conv1D(3, 3, padding="same")(x))
        y = k.layers.BatchNormalization()(tf.math.cumsum(y, axis=axis))
        y = k.layers.Dense(units, activation=lambda t: t + 1.0)(k.layers.LeakyReLU(0.1)(y))
        return k.Model(x, k.Sequential([k.layers.Flatten(), k.layers.Dense(2)])(y))

    model = build()
    first = key(model)
    assert key(build()) == first
    assert len({first, key(build(constant=3.0)), key(build(axis=2)), key(build(units=4))}) == 4
    model.set_weights([w + 1 for w in model.get_weights()])
    assert key(model) == first
    assert key(chain(K.ReLU())) != key(k.Sequential([k.Input((12, 4)), k.layers.ReLU()]))


def test_all_models_of_keras_2_have_one() -> None:
    pytest.importorskip("tf_keras")
    import tf_keras

    from tests.test_keras2 import BUILDERS

    found = [key(build(tf_keras)) for build in BUILDERS]
    assert len(set(found)) == len(found)
