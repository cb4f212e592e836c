"""Plain data that stands for a value: equal in every process, and for equal values alone."""

from __future__ import annotations

import copyreg
import hashlib
import json
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import partial
from types import CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ismc.fingerprint import functions
from ismc.fingerprint.functions import FingerprintError
from ismc.fingerprint.packages import KERAS, found_at, is_known, named, root

BASES: tuple[Any, ...] = (int, float, complex, str, bytes, list, tuple, dict, set, frozenset)
SEEDS = ("SeedGenerator", "RandomGenerator")
STATELESS = ("PythonAPIDispatcher",)
BY_VALUE = ("DTypePolicy", "Policy")
SPECIFICATIONS = ("TensorShape", "DType", "TensorSpec", "Dimension")
SPECIAL = ("Layer", "Operation", "KerasTensor", "Metric", "Optimizer", *SEEDS)
WORD, MANAGED = object.__basicsize__ // 2, 1 << 4  # the flag of objects with a dict before them


def digest(data: Any) -> str:
    """The 64 hexadecimal digits of canonical data."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def code(function: Callable[..., Any]) -> Any:
    """The data of a callable: its code, what that refers to, and the values it holds.

    Raises:
        FingerprintError: where it refers to a variable, a model, or what has no data.
    """
    with guarded():
        return Walk()(function)


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
    """The data of one value after another; objects that were met before are numbers.

    Attributes:
        attributes: the names that the code met so far refers to.
    """

    def __init__(self) -> None:
        self.attributes: set[str] = set()
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
        if isinstance(value, CodeType):
            return functions.body(value, self)
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
        name = named(value)
        if name is not None:
            return ["name", *name]
        if is_special(value):
            return self.special(value)
        if type(value).__name__ in BY_VALUE and root(type(value).__module__) in KERAS:
            return self._known(value)  # whether layers share one makes no difference
        return self.once(id(value), value, lambda: self._object(value))

    def _object(self, value: Any) -> Any:
        kind = type(value)
        if isinstance(value, type):
            return functions.class_(value, self)
        if isinstance(value, FunctionType):
            return functions.function(value, self)
        if isinstance(value, ModuleType):
            return functions.module(value, frozenset(), self)
        if isinstance(value, MethodType):
            return ["method", self(value.__func__), self(value.__self__)]
        if isinstance(value, partial):
            parts = (value.func, value.args, value.keywords, vars(value))
            return ["partial", self(kind), *map(self, parts)]
        if isinstance(value, Enum):
            return ["enum", self(kind), value.name]
        found = functions.wrapped(value, self)
        if found is not None:
            return found
        return self._known(value) if is_known(kind) else self._own(value)

    def _known(self, value: Any) -> Any:
        """An object of a class whose code the environment tells."""
        kind, package = type(value), root(type(value).__module__)
        if package == "ismc" and is_dataclass(value):
            parts = {field.name: getattr(value, field.name) for field in fields(value)}
            return ["object", self(kind), self.items(parts)]
        if package in KERAS:
            drawn = ".initializers." in kind.__module__  # they draw a seed where none is given
            parts = value.get_config() if drawn else attributes(value)
            return ["object", self(kind), self.items(parts)]
        if kind.__name__ in STATELESS:
            return ["object", self(kind)]
        if package == "tensorflow" and kind.__name__ not in SPECIFICATIONS:
            raise FingerprintError(f"a {kind.__module__}.{kind.__name__}")
        reduced = copyreg.dispatch_table.get(kind, lambda value: value.__reduce_ex__(2))(value)
        if isinstance(reduced, str):  # the name that it has in its module, or should have
            if found_at(kind.__module__, reduced) is not value:
                raise FingerprintError(f"the {kind.__qualname__} {reduced}")
            return ["object", self(kind), reduced]
        return ["object", self(kind), *(self(_listed(part)) for part in reduced)]

    def _own(self, value: Any) -> Any:
        """An object of the user's own class: that, its attributes, and its content."""
        kind, content = type(value), next((b for b in BASES if isinstance(value, b)), None)
        held = None if content is None else self(content(value))
        return ["object", self(kind), self.items(attributes(value, content)), held]


def attributes(value: Any, content: type | None = None) -> dict[str, Any]:
    """The attributes of an object.

    Raises:
        FingerprintError: where it holds more, beside its ``content``, as objects in C do.
    """
    kind, base = type(value), content or object
    slots: list[str] = copyreg._slotnames(kind)  # noqa: SLF001  # pyright: ignore
    known = len(slots) + (kind.__dictoffset__ != 0 and not kind.__flags__ & MANAGED)
    known += kind.__weakrefoffset__ > 0
    if (
        kind.__basicsize__ > base.__basicsize__ + WORD * known
        or kind.__itemsize__ > base.__itemsize__
    ):
        raise FingerprintError(f"a {kind.__qualname__}, whose content cannot be seen")
    found = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return found | getattr(value, "__dict__", {})


def is_special(value: Any) -> bool:
    """Whether a value is a variable, a layer or a model, or has variables of its own."""
    variable = isinstance(value, keras.Variable | tf.Variable)
    return variable or not kinds_in_keras(value).isdisjoint(SPECIAL)


def kinds_in_keras(value: Any) -> set[str]:
    """The names of the classes of Keras that a value is of."""
    return {base.__name__ for base in type(value).__mro__ if root(base.__module__) in KERAS}


def _listed(part: Any) -> Any:
    return list(part) if isinstance(part, Iterator) else part
