"""The cache never answers for other code: many ways to change what a layer of the user's does.

Each way gives a function that multiplies by a number, with bytecode and closures that say nothing
of the number. Both numbers share one cache; each must get the answers of its own model.
"""

from __future__ import annotations

import builtins
import contextvars
import enum
import functools
import importlib
import json
import math
import os
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import ismc
from tests.artifacts.test_artifacts import one_hot, pytestmark

__all__ = ["pytestmark"]

K = keras.layers
Function = Callable[[Any], Any]
Way = Callable[[float, "At"], Any]
TABLE: dict[str, Any] = {}
CONTEXT: contextvars.ContextVar[float] = contextvars.ContextVar("scale")
LOCAL = threading.local()
WAYS: dict[str, Way] = {}


@dataclass(frozen=True)
class At:
    """Where a way may leave something, until the next one."""

    folder: Path
    patch: pytest.MonkeyPatch


class Custom(keras.Layer):
    """Calls a function."""

    def __init__(self, function: Function, **options: Any) -> None:
        super().__init__(**options)
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


def way(function: Way) -> Way:
    WAYS[function.__name__] = function
    return function


@way
def environment(k: float, at: At) -> Any:
    at.patch.setenv("SCALE", str(k))
    return lambda x: x * float(os.environ["SCALE"])


@way
def file(k: float, at: At) -> Any:
    (at.folder / "scale.txt").write_text(str(k))
    return lambda x: x * float((at.folder / "scale.txt").read_text())


@way
def json_file(k: float, at: At) -> Any:
    (at.folder / "scale.json").write_text(json.dumps({"scale": k}))
    return lambda x: x * json.loads((at.folder / "scale.json").read_text())["scale"]


@way
def array_file(k: float, at: At) -> Any:
    np.save(at.folder / "scale.npy", np.float32(k))
    return lambda x: x * np.load(at.folder / "scale.npy")


@way
def global_dictionary(k: float, _: At) -> Any:
    TABLE["scale"] = k
    return lambda x: x * TABLE["scale"]


@way
def globals_by_name(k: float, at: At) -> Any:
    at.patch.setitem(globals(), "SCALE", k)
    return lambda x: x * globals()["SC" + "ALE"]


@way
def module_attribute(k: float, at: At) -> Any:
    at.patch.setattr(math, "scale", k, raising=False)
    return lambda x: x * math.scale  # pyright: ignore[reportAttributeAccessIssue]


@way
def attribute_by_name(k: float, at: At) -> Any:
    at.patch.setattr(math, "scale", k, raising=False)
    return lambda x: x * getattr(math, "".join(("sc", "ale")))


@way
def builtin(k: float, at: At) -> Any:
    at.patch.setattr(builtins, "scale", k, raising=False)
    return lambda x: x * builtins.scale  # pyright: ignore[reportAttributeAccessIssue]


@way
def helper_in_a_package(k: float, at: At) -> Any:
    site = at.folder / "site-packages"
    (site / "helpers").mkdir(parents=True, exist_ok=True)
    (site / "helpers" / "__init__.py").write_text(f"def scale(x):\n    return x * {k}\n")
    (site / "helpers-1.0.dist-info").mkdir(exist_ok=True)
    (site / "helpers-1.0.dist-info" / "METADATA").write_text("Name: helpers\nVersion: 1.0\n")
    at.patch.syspath_prepend(site)
    sys.modules.pop("helpers", None)
    importlib.invalidate_caches()
    at.patch.setattr(sys, "dont_write_bytecode", True)
    return importlib.import_module("helpers").scale


@way
def import_inside(k: float, at: At) -> Any:
    module = types.ModuleType("scales")
    module.__dict__["scale"] = k
    at.patch.setitem(sys.modules, "scales", module)
    return lambda x: x * importlib.import_module("scales").scale


@way
def patched_function(k: float, at: At) -> Any:
    plain: Any = keras.ops.tanh
    at.patch.setattr(keras.ops, "tanh", lambda x: plain(x) * k)
    return lambda x: keras.ops.tanh(x)


@way
def patched_function_of_the_backend(k: float, at: At) -> Any:
    backend: Any = sys.modules["keras.src.backend"]
    plain = backend.numpy.tanh
    at.patch.setattr(backend.numpy, "tanh", lambda x: plain(x) * k)
    return lambda x: keras.ops.tanh(x)


@way
def patched_function_of_tensorflow(k: float, at: At) -> Any:
    plain = tf.tanh
    at.patch.setattr(tf, "tanh", lambda x: plain(x) * k)
    return lambda x: tf.tanh(x)


@way
def patched_class(k: float, at: At) -> Any:
    plain: Any = K.ReLU.call
    at.patch.setattr(K.ReLU, "call", lambda self, x: plain(self, x) * k)
    return K.ReLU()


@way
def patched_layer(k: float, _: At) -> Any:
    layer = K.ReLU()
    plain: Any = layer.call
    layer.call = lambda x: plain(x) * k  # pyright: ignore[reportAttributeAccessIssue]
    return layer


@way
def patched_with_a_partial(k: float, at: At) -> Any:
    at.patch.setattr(keras.ops, "tanh", functools.partial(keras.ops.multiply, k))
    return lambda x: keras.ops.tanh(x)


@way
def replaced_code(k: float, _: At) -> Any:
    def scale(x: Any) -> Any:
        return x * 1.0

    constants = tuple(k if item == 1.0 else item for item in scale.__code__.co_consts)
    scale.__code__ = scale.__code__.replace(co_consts=constants)
    return scale


@way
def closure_over_a_list(k: float, _: At) -> Any:
    held = [1.0]
    held[0] = k
    return lambda x: x * held[0]


@way
def closure_over_an_object(k: float, _: At) -> Any:
    held = types.SimpleNamespace(scale=k)
    return lambda x: x * held.scale


@way
def closure_over_an_array(k: float, _: At) -> Any:
    held = np.ones(3, "float32") * np.float32(k)
    return lambda x: x * held


@way
def closure_over_a_tensor(k: float, _: At) -> Any:
    held = tf.constant(k)
    return lambda x: x * held


@way
def iterator(k: float, _: At) -> Any:
    def endless() -> Iterator[float]:
        while True:
            yield k

    values = endless()
    return lambda x: x * next(values)


@way
def defaults(k: float, _: At) -> Any:
    def scale(x: Any, by: float = 1.0) -> Any:
        return x * by

    scale.__defaults__ = (k,)
    return lambda x: scale(x)


@way
def keyword_defaults(k: float, _: At) -> Any:
    def scale(x: Any, *, by: float = 1.0) -> Any:
        return x * by

    scale.__kwdefaults__ = {"by": k}
    return scale


@way
def partial_(k: float, _: At) -> Any:
    return functools.partial(lambda by, x: x * by, k)


@way
def partial_that_is_changed(k: float, _: At) -> Any:
    function = functools.partial(lambda x, by: x * by, by=1.0)
    function.keywords["by"] = k
    return function


@way
def decorated(k: float, _: At) -> Any:
    def scaled(function: Function) -> Function:
        @functools.wraps(function)
        def wrapper(x: Any) -> Any:
            return function(x) * k

        return wrapper

    return scaled(lambda x: x)


@way
def cached_function(k: float, _: At) -> Any:
    @functools.lru_cache
    def scale() -> float:
        return k

    return lambda x: x * scale()


@way
def class_attribute(k: float, at: At) -> Any:
    at.patch.setattr(Custom, "scale", k, raising=False)
    return lambda x: x * Custom.scale  # pyright: ignore[reportAttributeAccessIssue]


@way
def attribute_of_a_class_of_keras(k: float, at: At) -> Any:
    at.patch.setattr(K.ReLU, "scale", k, raising=False)
    return lambda x: x * K.ReLU.scale  # pyright: ignore[reportAttributeAccessIssue]


@way
def property_(k: float, at: At) -> Any:
    at.patch.setattr(Custom, "scale", property(lambda _: k), raising=False)
    layer = Custom(lambda x: x * layer.scale)  # pyright: ignore[reportAttributeAccessIssue]
    return layer


@way
def attributes_made_up(k: float, _: At) -> Any:
    class MadeUp:
        def __getattr__(self, name: str) -> float:
            return k

    held = MadeUp()
    return lambda x: x * held.scale


@way
def object_that_is_called(k: float, _: At) -> Any:
    class Scale:
        by = 1.0

        def __call__(self, x: Any) -> Any:
            return x * self.by

    scale = Scale()
    scale.by = k
    return scale


@way
def bound_method(k: float, _: At) -> Any:
    return types.MethodType(lambda by, x: x * by, k)


@way
def metaclass(k: float, _: At) -> Any:
    class Meta(type):
        @property
        def scale(cls) -> float:
            return k

    held = Meta("Held", (), {})
    return lambda x: x * held.scale


@way
def enumeration(k: float, _: At) -> Any:
    held = enum.Enum("Held", {"SCALE": k})
    return lambda x: x * held["SCALE"].value


@way
def evaluated(k: float, _: At) -> Any:
    return eval(f"lambda x: x * {k}")  # noqa: S307


@way
def function_from_code(k: float, _: At) -> Any:
    return types.FunctionType((lambda x: x * SCALE).__code__, {"SCALE": k})  # noqa: F821  # pyright: ignore


@way
def context(k: float, _: At) -> Any:
    CONTEXT.set(k)
    return lambda x: x * CONTEXT.get()


@way
def of_the_thread(k: float, _: At) -> Any:
    LOCAL.scale = k
    return lambda x: x * LOCAL.scale


@way
def seed(k: float, _: At) -> Any:
    TABLE["seed"] = int(k)
    return lambda x: x * float(np.random.default_rng(TABLE["seed"]).uniform())


@way
def clock(k: float, at: At) -> Any:
    at.patch.setattr(time, "localtime", lambda: types.SimpleNamespace(tm_hour=k))
    return lambda x: x * time.localtime().tm_hour


@way
def switch(k: float, at: At) -> Any:
    (at.folder / "on").touch() if k > 1 else None
    return lambda x: x * (2.0 if (at.folder / "on").exists() else 1.0)


@way
def overridden_method(k: float, _: At) -> Any:
    class Dense(K.Dense):
        def call(self, inputs: Any, training: Any = None) -> Any:
            return super().call(inputs, training) * TABLE["dense"]

    TABLE["dense"] = k
    return Dense(3)


@way
def activation(k: float, _: At) -> Any:
    def scaled(x: Any) -> Any:
        return x * TABLE["activation"]

    TABLE["activation"] = k
    return K.Dense(3, activation=scaled)


@way
def registered_activation(k: float, _: At) -> Any:
    TABLE["registered"] = k

    @keras.saving.register_keras_serializable("cache")
    def scaled(x: Any) -> Any:
        return x * TABLE["registered"]

    return K.Activation(keras.saving.get_registered_object("cache>scaled"))


@way
def lambda_layer(k: float, _: At) -> Any:
    TABLE["lambda"] = k
    return K.Lambda(lambda x: x * TABLE["lambda"])


@way
def arguments_of_a_lambda(k: float, _: At) -> Any:
    layer = K.Lambda(lambda x, by: x * by, arguments={"by": 1.0})
    layer.arguments["by"] = k
    return layer


@way
def inside_of_a_model(k: float, _: At) -> Any:
    TABLE["inner"] = k
    x = keras.Input((10, 3))
    return keras.Model(x, Custom(lambda t: t * TABLE["inner"])(K.ReLU()(x)))


@way
def inside_of_a_wrapper(k: float, _: At) -> Any:
    TABLE["wrapped"] = k
    return K.TimeDistributed(Custom(lambda x: x * TABLE["wrapped"]))


@way
def class_with_a_name_of_keras(k: float, _: At) -> Any:
    class Dense(K.Dense):
        def call(self, inputs: Any, training: Any = None) -> Any:
            return super().call(inputs, training) * TABLE["named"]

    TABLE["named"] = k
    return K.TimeDistributed(Dense(3))


@way
def patched_class_in_a_wrapper(k: float, at: At) -> Any:
    plain: Any = K.Dense.call
    at.patch.setattr(K.Dense, "call", lambda self, x, **_: plain(self, x) * k)
    return K.TimeDistributed(K.Dense(3))


@way
def cell_of_the_users(k: float, _: At) -> Any:
    class Cell(K.SimpleRNNCell):
        def call(self, sequence: Any, states: Any, training: bool = False) -> Any:
            y, states = super().call(sequence, states, training)
            return y * TABLE["cell"], states

    TABLE["cell"] = k
    return K.RNN(Cell(3), return_sequences=True)


def network(function: Any, seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    x = keras.Input((12, 4), name="x")
    y = K.Conv1D(3, 3, name="conv")(x)
    layer = function if isinstance(function, keras.Layer) else Custom(function, name="custom")
    return keras.Model(x, K.Dense(1, name="head")(K.Flatten(name="flat")(layer(y))), name="model")


def both(model: keras.Model, cache: Path, **options: Any) -> tuple[Any, Any]:
    """What the compiled program says, and what the model itself does."""
    x, kept_ = one_hot(1)[:, :12], {key: options[key] for key in ("score",) if key in options}
    got = ismc.compile(model, cache=cache, **{"verify": False, **options}).saturate(x)
    return np.asarray(got), np.asarray(ismc.NaiveISM(model, **kept_).saturate(x))


@pytest.mark.parametrize("name", WAYS)
def test_other_code_gets_its_own_program(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for k in (1.0, 3.0):
        with monkeypatch.context() as patch:
            model = network(WAYS[name](k, At(tmp_path, patch)))
            found.append(both(model, tmp_path / "cache"))
    for got, want in found:
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * np.abs(want).max())
    difference = np.abs(found[0][1] - found[1][1]).max()
    assert difference > 1e-2 * np.abs(found[0][1]).max(), "the two do not differ"


def test_other_scores_get_their_own_program(tmp_path: Path) -> None:
    found = []
    for k in (1.0, 3.0):
        TABLE["score"] = k
        for score in (
            lambda r, m: (m - r) * TABLE["score"],
            ismc.scores.register("scaled", lambda r, m: (m - r) * TABLE["score"], "k d"),
        ):
            found.append(both(network(lambda x: x), tmp_path, score=score))
    for got, want in found:
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * np.abs(want).max())
    np.testing.assert_allclose(found[2][1], 3 * found[0][1], rtol=1e-5)


def test_other_rules_get_their_own_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ismc.rules import base

    monkeypatch.setattr(base, "_TABLE", table := dict(base._TABLE))
    monkeypatch.setattr("ismc.artifacts.cache.fingerprint.layers._TABLE", table)

    class Moved(K.ReLU):
        """Computed by the rule of the user's, which may say more or less of it."""

    for rule in (
        ismc.Rule(ismc.Role.STOP, reason="unknown"),
        ismc.Rule(ismc.Role.LOCAL, window=ismc.Window(1)),
    ):
        ismc.rule(Moved)(lambda _, rule=rule: rule)
        got, want = both(network(Moved()), tmp_path)
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * np.abs(want).max())


SECOND = """
import sys, warnings
warnings.simplefilter("ignore")
import ismc
from ismc.artifacts.cache import executables
from tests.artifacts.test_cache_code import Custom, K, both, network, np
laid, lay_out = [], executables.lay_out
executables.lay_out = lambda files: (laid.extend(files), lay_out(files))[1]
for _ in range(int(sys.argv[2])):
    K.Dense(1)(np.zeros((1, 2)))  # so that names that Keras makes up are other ones
got, want = both(network(Custom(lambda x: x * 2.0), seed=int(sys.argv[2])), sys.argv[1])
print("laid", len(laid), "compiled", len(executables.executable_names() - set(laid)))
print("right" if np.abs(got - want).max() < 1e-5 * np.abs(want).max() else "wrong")
"""


def test_code_that_is_the_same_is_not_compiled_again(tmp_path: Path) -> None:
    found = [
        subprocess.run(  # noqa: S603
            [sys.executable, "-c", SECOND, str(tmp_path), str(i)],
            capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
            env=os.environ | {"ISMC_CACHE": "on"},
        ).stdout.split("\n")
        for i in range(2)
    ]  # fmt: skip
    assert found[0][:2] == ["laid 0 compiled 1", "right"]
    assert found[1][:2] == ["laid 1 compiled 0", "right"]
