"""Keys of programs of Keras's own layers: equal for what gives one program, and for that alone."""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np
import pytest
import tensorflow as tf

from ismc import Role, Rule, Window
from ismc.artifacts.cache.environment import _sources, environment
from ismc.artifacts.cache.fingerprint import (
    Architecture,
    FingerprintError,
    architecture,
    digest,
    renamed,
    rules,
    state,
)
from ismc.frontend.read import read
from ismc.passes import Program, Request
from ismc.passes.flatten import flatten
from ismc.rules import base
from ismc.scores import formulas
from tests.zoo import ZOO

K = keras.layers


def key(model: Any) -> str:
    return digest(architecture(read(model)).data)


def chain(*layers: Any, shape: tuple[int, ...] = (12, 4), **options: Any) -> keras.Model:
    x = y = keras.Input(shape, **options)
    for layer in layers:
        y = layer(y)
    return keras.Model(x, y)


def net(**changes: Any) -> keras.Model:
    """A model without a name of its own, with one of its arguments changed."""
    options: dict[str, Any] = {"filters": 3, "kernel_size": 3, "padding": "same"} | changes
    own = {k: options.pop(k, None) for k in ("epsilon", "by", "axis", "rate", "name")}
    x = keras.Input((12, 4), name=own["name"])
    y = K.Conv1D(**options)(x)
    y = K.BatchNormalization(epsilon=own["epsilon"] or 1e-3)(y)
    y = K.Dropout(own["rate"] or 0.1)(y)
    y = keras.ops.concatenate([y, y], axis=own["axis"] or -1)
    return keras.Model(x, K.Activation(own["by"] or "relu")(y))


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


def adapted(scale: float) -> keras.Model:
    layer = K.Normalization()
    layer.adapt(np.arange(48.0).reshape(1, 12, 4) * scale)
    return chain(layer)


def quantity(value: Any) -> Callable[[], Any]:
    """A layer with an attribute that no configuration tells."""

    def build() -> Any:
        layer: Any = K.ReLU()
        layer.quantity = value
        return chain(layer)

    return build


CHANGES: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "filters": (net, lambda: net(filters=4)),
    "kernel size": (net, lambda: net(kernel_size=5)),
    "activation": (net, lambda: net(activation="relu")),
    "padding": (net, lambda: net(padding="valid")),
    "dilation": (net, lambda: net(dilation_rate=2)),
    "bias": (net, lambda: net(use_bias=False)),
    "dtype policy": (net, lambda: net(dtype="mixed_bfloat16")),
    "epsilon": (net, lambda: net(epsilon=1e-3 + 1e-9)),
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


OWN = {
    "a layer": lambda: chain(type("Scaled", (K.ReLU,), {})()),
    "a method": lambda: chain(bound(K.ReLU())),
    "an activation": lambda: net(activation=lambda x: x),
    "a Lambda": lambda: chain(K.Lambda(lambda x: x)),
    "a layer inside of a model": lambda: chain(chain(type("Scaled", (K.ReLU,), {})())),
    "a layer inside of a wrapper": lambda: chain(K.TimeDistributed(K.Lambda(lambda x: x))),
    "a cell": lambda: chain(K.RNN(type("Cell", (K.GRUCell,), {})(3))),
    "an attribute": quantity(lambda x: x),
    "a partial": quantity(functools.partial(max, 1)),
    "an object": quantity(np.random.default_rng(0)),
    "a variable": quantity(tf.Variable(tf.constant(1.0))),
}  # fmt: skip


def bound(layer: Any) -> Any:
    layer.call = lambda x: x
    return layer


@pytest.mark.filterwarnings("ignore:.*being serialized includes a `lambda`")
@pytest.mark.parametrize("name", OWN)
def test_what_is_not_kerass_own_is_not_told(name: str) -> None:
    with pytest.raises(FingerprintError):
        key(OWN[name]())


def swapped(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(keras.ops, "tanh", keras.ops.sigmoid)


def of_the_backend(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sys.modules["keras.src.backend"].nn, "relu", lambda x: x)


def method(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(K.ReLU, "call", lambda _, x: x)


def descriptor(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(K.ReLU, "call", functools.partialmethod(lambda _, by, x: x * by, 3))


def base_class(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(keras.Layer, "compute_mask", lambda *_: None)


def static(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(K.ReLU, "call", staticmethod(lambda x: x))


def code(patch: pytest.MonkeyPatch) -> None:
    call = K.ReLU.call
    patch.setattr(call, "__code__", call.__code__.replace(co_consts=(None, 2.0)))


def defaults(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sys.modules["keras.src.ops"].nn.leaky_relu, "__defaults__", (0.9,))


def constant(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sys.modules["keras.src.backend.common.dtypes"], "FLOAT_TYPES", ("float32",))


def module(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sys.modules["keras.src.layers.activations.relu"], "Layer", object())


def partial(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(keras.ops, "tanh", functools.partial(keras.ops.multiply, 3.0))


def another_partial(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(keras.ops, "tanh", functools.partial(keras.ops.multiply, 2.0))


def layer_in_the_place_of_a_function(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(keras.ops, "tanh", K.ReLU(max_value=1.0))


def in_c(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(keras.ops, "tanh", abs)


def of_tensorflow(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tf, "tanh", lambda x: x)


def in_tensorflow(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sys.modules["tensorflow.python.ops.nn_ops"], "softmax_v2", lambda x: x)


def operator(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tf.Tensor, "__add__", lambda x, _: x)


def of_ismc(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(formulas, "l2", lambda _, m: m)


PATCHES = [
    swapped, of_the_backend, method, descriptor, base_class, static, code, defaults, constant,
    module, partial, another_partial, layer_in_the_place_of_a_function, in_c, of_tensorflow,
    in_tensorflow, operator, of_ismc,
]  # fmt: skip


def test_patches_of_keras_and_tensorflow_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    first, found = state("keras"), set[str]()
    for patch in PATCHES:
        with monkeypatch.context() as context:
            patch(context)
            try:
                other = state("keras")
            except FingerprintError:
                continue
            assert other != first, patch.__name__
            assert other not in found, patch.__name__
            found.add(other)
    assert state("keras") == first


def test_what_training_and_saving_leave_is_no_patch(tmp_path: Path) -> None:
    first, model = state("keras"), cast("Any", nested())
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.ones((2, 12, 4)), np.ones((2, 12, 3)), verbose=0)
    model.save(tmp_path / "m.keras")
    loaded: Any = keras.saving.load_model(tmp_path / "m.keras")
    loaded.predict(np.ones((2, 12, 4)), verbose=0)
    tf.function(lambda x: keras.ops.tanh(x), jit_compile=True)(tf.ones(3))
    assert state("keras") == first


def test_weights_are_no_part_of_it() -> None:
    model: Any = nested()
    first = key(model)
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 12, 4)), np.ones((2, 12, 3)), verbose=0)
    assert key(model) == first
    model.set_weights([w + 1 for w in model.get_weights()])
    assert key(model) == first


@pytest.mark.parametrize("name", ["basset", "danq", "enformer_ops", "sequence_and_features"])
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
    own = set[str]()
    for name, entry in ZOO.items():
        models = [read(entry.model(seed=i, small=True)) for i in range(2)]
        try:
            (first, a), (second, b) = (
                timed(lambda model=model: digest(architecture(model).data)) for model in models
            )
        except FingerprintError:
            own.add(name)
            continue
        assert min(a, b) < 0.6, name
        assert first == second, name
        found[first] = name
    assert own == {"attention_pool_net", "basenji", "chrombpnet", "enformer", "mtsplice"}
    assert len(found) == len(ZOO) - len(own)


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


def test_what_rules_read_is_part_of_it() -> None:
    model = read(net())
    first = architecture(model).data
    for i, layer in enumerate(model.graph.layers):
        for change in ({"config": {**layer.config, "groups": 7}}, {"kind": "keras.Other"}):
            layers = list(model.graph.layers)
            layers[i] = replace(layer, **change)
            other = replace(model, graph=replace(model.graph, layers=tuple(layers)))
            assert architecture(other).data != first


def test_names_within_wrapped_models_are_their_own() -> None:
    def build(name: str) -> Any:
        inner = chain(K.Dense(4, name="inner"), shape=(4,))
        return chain(K.TimeDistributed(inner), K.Dense(4, name=name))

    assert key(build("inner")) == key(build("outer"))


def test_renamed_keeps_what_passes_append() -> None:
    names = {"a": "n0", "a.activation": "n1", "tower/a": "n2/n1"}
    asked = "a a.float32 a.activation a.activation:0 tower/a/forward.states ab"
    want = "n0 n0.float32 n1 n1:0 n2/n1/forward.states ab"
    assert [renamed(name, names) for name in asked.split()] == want.split()


def test_registered_rules_of_the_users_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_TABLE", table := dict(base._TABLE))
    monkeypatch.setattr("ismc.artifacts.cache.fingerprint.layers._TABLE", table)
    key(net())
    base.rule("keras.Conv1D")(lambda _: Rule(Role.STOP))
    with pytest.raises(FingerprintError, match=r"a rule of the user's for keras\.Conv1D"):
        key(net())


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

    def build(units: int = 3, dilation: int = 1) -> Any:
        x = k.Input((12, 4))
        y = k.layers.Conv1D(3, 3, padding="same", dilation_rate=dilation)(x)
        y = k.layers.Dense(units)(k.layers.LeakyReLU(0.1)(k.layers.BatchNormalization()(y)))
        return k.Model(x, k.Sequential([k.layers.Flatten(), k.layers.Dense(2)])(y))

    model = build()
    first = key(model)
    assert key(build()) == first
    assert len({first, key(build(dilation=2)), key(build(units=4))}) == 3
    model.set_weights([w + 1 for w in model.get_weights()])
    assert key(model) == first
    assert key(chain(K.ReLU())) != key(k.Sequential([k.Input((12, 4)), k.layers.ReLU()]))
