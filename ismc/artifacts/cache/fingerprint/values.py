"""Plain data that stands for a value: equal in every process, and for equal values alone.

Only what Keras itself makes has data: constants, arrays, and objects of its own classes. Whatever
is of the user's own, above all functions, has none.
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
    """Something that may determine the program cannot be digested; the text says what."""


def root(module: str) -> str:
    """The package that a module is in.

    >>> root("keras.src.layers")
    'keras'
    """
    return module.partition(".")[0]


def digest(data: Any) -> str:
    """The 64 hexadecimal digits of canonical data."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def plain_data(value: Any) -> Any:
    """The data of constants, in containers or not.

    Raises:
        FingerprintError: where a value has none.
    """
    with guarded():
        return Walk()(value)


@contextmanager
def guarded() -> Iterator[None]:
    """Whatever objects of the user raise inside is a `FingerprintError`."""
    try:
        yield
    except FingerprintError:
        raise
    except (Exception, RecursionError) as error:
        raise FingerprintError(f"{type(error).__name__}: {error}") from error


@contextmanager
def within(place: str) -> Iterator[None]:
    """Errors inside tell the place."""
    try:
        yield
    except FingerprintError as error:
        raise FingerprintError(f"{place}: {error}") from error


class Walk:
    """The data of one value after another; objects that were met before are numbers."""

    def __init__(self) -> None:
        self._met: dict[Hashable, int] = {}
        self._kept: list[Any] = []

    def __call__(self, value: Any) -> Any:
        """The data of a value.

        Raises:
            FingerprintError: where it has none.
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
        found = self._container(value)
        return self._other(value) if found is None else found

    def once(self, key: Hashable, value: Any, data: Callable[[], Any]) -> Any:
        """The data of an object, or its number where it was met before."""
        if key in self._met:
            return ["met", self._met[key]]
        self._met[key] = len(self._met)
        self._kept.append(value)  # or another object might get its id
        return data()

    def special(self, value: Any) -> Any:
        """The data of variables, layers and models: here they have none."""
        raise FingerprintError(f"a {type(value).__name__} outside of the layers of the model")

    def items(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """The data of named values; the order of the names is no part of it."""
        data = {}
        for name in sorted(found):
            with within(name):
                data[name] = self(found[name])
        return data

    def _container(self, value: Any) -> Any:
        """The data of a list, tuple, mapping or set, also of those that track their layers."""
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
        about = [title, str(value.dtype), list(value.shape)]
        if value.dtype.hasobject:
            return [*about, [self(item) for item in value.ravel().tolist()]]
        return [*about, hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()]

    def _tensor(self, value: Any) -> Any:
        if not hasattr(value, "numpy") or value.dtype in (tf.resource, tf.variant):
            raise FingerprintError(f"a tensor without a value, {value.dtype.name}")
        return self._array(np.asarray(value.numpy()), "tensor")

    def _other(self, value: Any) -> Any:
        """The data of a class or a function of Keras, or of an object of one of its classes."""
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
            raise FingerprintError(_described(value))
        if kind.__name__ in BY_VALUE:
            return self._object(value)  # whether layers share one makes no difference
        return self.once(id(value), value, lambda: self._object(value))

    def _object(self, value: Any) -> Any:
        """An object of a class of Keras: that, and its attributes."""
        kind = type(value)
        drawn = ".initializers." in kind.__module__  # they draw a seed where none is given
        parts = value.get_config() if drawn else attributes(value)
        return ["object", kind.__module__, kind.__qualname__, self.items(parts)]


def is_named(value: Any) -> bool:
    """Whether a class or a function is Keras's or TensorFlow's own, under its own name."""
    module, path = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(path, str):
        return False
    return root(module) in (*KERAS, "tensorflow") and found_at(module, path) is value


def is_of_keras(kind: type) -> bool:
    """Whether a class is one of Keras's own, as it stands in its module."""
    return root(kind.__module__) in KERAS and is_named(kind)


def found_at(module: str, path: str) -> Any:
    """What is under a name in a module, now."""
    found: Any = sys.modules.get(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def attributes(value: Any) -> dict[str, Any]:
    """The attributes of an object of a class of Keras."""
    slots: list[str] = copyreg._slotnames(type(value))  # noqa: SLF001  # pyright: ignore
    found = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return found | getattr(value, "__dict__", {})


def is_special(value: Any) -> bool:
    """Whether a value is a variable, a layer or a model, or has variables of its own."""
    variable = isinstance(value, keras.Variable | tf.Variable)
    return variable or not kinds_in_keras(value).isdisjoint(SPECIAL)


def kinds_in_keras(value: Any) -> set[str]:
    """The names of the classes of Keras that a value is of."""
    return {base.__name__ for base in type(value).__mro__ if root(base.__module__) in KERAS}


def _described(value: Any) -> str:
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}, which is not Keras's own"
