"""Plain data that represents a value: equal in every process, and only for equal values.

Only values that Keras creates have data: constants, arrays, and objects of its own classes. A
user's own values, above all functions, have none.
"""

from __future__ import annotations

import copyreg
import hashlib
import json
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

KERAS = ("keras", "tf_keras")
SEEDS = ("SeedGenerator", "RandomGenerator")
BY_VALUE = ("DTypePolicy", "Policy")
SPECIFICATIONS = (tf.TensorShape, tf.DType, tf.TensorSpec)
SPECIAL = ("Layer", "Operation", "KerasTensor", "Metric", "Optimizer", *SEEDS)


class FingerprintError(Exception):
    """A value that may affect the program cannot be digested; the message names it."""


def root(module: str) -> str:
    """The top-level package of a module.

    >>> root("keras.src.layers")
    'keras'
    """
    return module.partition(".")[0]


def digest(data: Any) -> str:
    """The SHA-256 of canonical data, 64 hexadecimal digits."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def plain_data(value: Any) -> Any:
    """The data of constants, also in containers.

    Raises:
        FingerprintError: when a value has none.
    """
    with guarded():
        return Walk()(value)


@contextmanager
def guarded() -> Iterator[None]:
    """A context that turns any exception of a user's objects into a `FingerprintError`."""
    try:
        yield
    except FingerprintError:
        raise
    except (Exception, RecursionError) as error:
        raise FingerprintError(f"{type(error).__name__}: {error}") from error


@contextmanager
def within(place: str) -> Iterator[None]:
    """A context that adds a place to the errors raised inside."""
    try:
        yield
    except FingerprintError as error:
        raise FingerprintError(f"{place}: {error}") from error


class Walk:
    """The data of one value after another; a repeated object is represented by a number."""

    def __init__(self) -> None:
        self._met: dict[Hashable, int] = {}
        self._alive: list[Any] = []

    def __call__(self, value: Any) -> Any:
        """The data of a value.

        Raises:
            FingerprintError: when it has none.
        """
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind in (float, complex, bytes, bytearray, range):
            return [kind.__name__, value.hex() if hasattr(value, "hex") else repr(value)]
        if kind is slice:
            return ["slice", *map(self, (value.start, value.stop, value.step))]
        if value is Ellipsis or value is NotImplemented:
            return [repr(value)]
        if kind is np.ndarray or isinstance(value, np.generic):
            return self._array(np.asarray(value), "array")
        if isinstance(value, tf.Tensor):
            return self._tensor(value)
        if isinstance(value, np.dtype):
            return ["dtype", str(value)]
        data = self._container(value)
        return self._other(value) if data is None else data

    def once(self, key: Hashable, value: Any, data: Callable[[], Any]) -> Any:
        """The data of an object, or its number if it occurred before."""
        if key in self._met:
            return ["met", self._met[key]]
        self._met[key] = len(self._met)
        self._alive.append(value)  # keeps its id from being reused
        return data()

    def special(self, value: Any) -> Any:
        """The data of variables, layers and models; this base class has none."""
        raise FingerprintError(f"a {type(value).__name__} outside of the layers of the model")

    def items(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The data of named values, independent of their order."""
        data = {}
        for name in sorted(values):
            with within(name):
                data[name] = self(values[name])
        return data

    def _container(self, value: Any) -> Any:
        """The data of a list, tuple, mapping or set, including those that track layers."""
        kind = type(value)
        tracks = root(kind.__module__) in (*KERAS, "tensorflow")
        if kind in (list, tuple) or (tracks and isinstance(value, list | tuple)):
            return ["list" if isinstance(value, list) else "tuple", *map(self, value)]
        if kind in (dict, MappingProxyType) or (tracks and isinstance(value, dict)):
            return ["dict", *([self(key), self(item)] for key, item in value.items())]
        if kind in (set, frozenset) or (tracks and isinstance(value, set)):
            return ["set", *sorted((Walk()(item) for item in value), key=digest)]
        return None

    def _array(self, value: np.ndarray, title: str) -> Any:
        head = [title, str(value.dtype), list(value.shape)]
        if value.dtype.hasobject:
            return [*head, [self(item) for item in value.ravel().tolist()]]
        return [*head, hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()]

    def _tensor(self, value: Any) -> Any:
        if not hasattr(value, "numpy") or value.dtype in (tf.resource, tf.variant):
            raise FingerprintError(f"a tensor without a value, {value.dtype.name}")
        return self._array(np.asarray(value.numpy()), "tensor")

    def _other(self, value: Any) -> Any:
        """The data of a Keras class or function, or of an object of a Keras class."""
        if is_named(value):
            return ["name", value.__module__, value.__qualname__]
        if is_special(value):
            return self.special(value)
        kind = type(value)
        if isinstance(value, SPECIFICATIONS):
            return [kind.__name__, repr(value)]
        if isinstance(value, Enum) and root(kind.__module__) in (*KERAS, "ismc"):
            return ["enum", kind.__qualname__, value.name]
        if is_dataclass(value) and root(kind.__module__) == "ismc":
            parts = {field.name: getattr(value, field.name) for field in fields(value)}
            return ["object", kind.__qualname__, self.items(parts)]
        if not is_of_keras(kind):
            raise FingerprintError(_describe(value))
        if kind.__name__ in BY_VALUE:
            return self._object(value)  # sharing one between layers has no effect
        return self.once(id(value), value, lambda: self._object(value))

    def _object(self, value: Any) -> Any:
        """The data of an object of a Keras class: the class and its attributes."""
        kind = type(value)
        seeded = ".initializers." in kind.__module__  # they draw a random seed by default
        parts = value.get_config() if seeded else attributes(value)
        return ["object", kind.__module__, kind.__qualname__, self.items(parts)]


def is_named(value: Any) -> bool:
    """Whether a class or function belongs to Keras or TensorFlow, under its own name."""
    module, path = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(path, str):
        return False
    return root(module) in (*KERAS, "tensorflow") and resolve(module, path) is value


def is_of_keras(kind: type) -> bool:
    """Whether a class is Keras's own, unchanged in its module."""
    return root(kind.__module__) in KERAS and is_named(kind)


def resolve(module: str, path: str) -> Any:
    """The current value of a qualified name in a module."""
    value: Any = sys.modules.get(module)
    for name in path.split("."):
        value = getattr(value, name, None)
    return value


def attributes(value: Any) -> dict[str, Any]:
    """The attributes of an object of a Keras class."""
    slots: list[str] = copyreg._slotnames(type(value))  # noqa: SLF001  # pyright: ignore
    slot_values = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return slot_values | getattr(value, "__dict__", {})


def is_special(value: Any) -> bool:
    """Whether a value is a variable, layer or model, or has variables of its own."""
    variable = isinstance(value, keras.Variable | tf.Variable)
    return variable or not kinds_in_keras(value).isdisjoint(SPECIAL)


def kinds_in_keras(value: Any) -> set[str]:
    """The names of the Keras classes that a value is an instance of."""
    return {base.__name__ for base in type(value).__mro__ if root(base.__module__) in KERAS}


def _describe(value: Any) -> str:
    owner = value if hasattr(value, "__qualname__") else type(value)
    return f"{owner.__module__}.{owner.__qualname__}, which is not Keras's own"
