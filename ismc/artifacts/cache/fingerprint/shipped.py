"""Checks that Keras, TensorFlow and ismc are as shipped, and computes a digest of their code.

The configuration of a Keras layer identifies what it computes only while no Keras code has been
replaced. So this module inspects all functions, methods and constants of the modules that layers
and programs call. A function whose code is in another file is a patch, which raises an error. The
digest covers the code of all other functions, their defaults and their names. It changes if a file
was edited, or if one function is bound to the name of another.
"""

from __future__ import annotations

import marshal
import os
import sys
import sysconfig
from collections.abc import Mapping
from enum import Enum
from functools import cache, cached_property, partial
from hashlib import blake2b
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from ismc.artifacts.cache.fingerprint.values import FingerprintError, root

COMPUTING = (
    *(f"keras.{x}" for x in ("activations", "backend", "ops", "random")),
    *(f"keras.src.{x}" for x in (
        "activations", "backend", "dtype_policies", "layers", "models", "ops", "quantizers",
        "random", "tree", "utils",
    )),
    *(f"tf_keras.src.{x}" for x in ("activations", "backend", "engine", "layers", "utils")),
    *(f"tensorflow.python.framework.{x}" for x in ("constant_op", "dtypes", "ops", "tensor")),
    *(f"tensorflow.python.ops.{x}" for x in (
        "array_ops", "array_ops_stack", "clip_ops", "gen_array_ops", "gen_math_ops", "gen_nn_ops",
        "linalg_ops", "manip_ops", "math_ops", "nn_impl", "nn_ops", "resource_variable_ops",
        "special_math_ops", "tensor_math_operator_overrides", "while_loop",
    )),
    "ismc.runtime",
    *(f"ismc.scores.{x}" for x in ("formulas", "letters", "reducers")),
)  # fmt: skip
"""Modules, with their submodules, whose functions layers and programs call."""
NAMESPACES = ("tensorflow", "tensorflow._api.v2.math", "tensorflow._api.v2.nn")
"""Modules that export these functions."""
PACKAGES = ("keras", "tf_keras", "tensorflow", "ismc", "numpy", "optree", "packaging", "scipy")
SET_BY_IMPORTS = {
    "OBSERVED_NAMES", "keras", "__builtins__", "__cached__", "__doc__", "__file__", "__loader__",
    "__path__", "__spec__", "__warningregistry__",
}  # fmt: skip
"""Names in modules that imports set, or that building models changes."""
IGNORED_MEMBERS = SET_BY_IMPORTS | {
    "__abstractmethods__", "__annotations__", "__dict__", "__module__", "__slotnames__",
    "__weakref__", "_abc_impl", "_api_export_symbol_id", "_keras_api_names", "_keras_api_names_v1",
}  # fmt: skip
CONTAINERS, MAX_DEPTH = (tuple, frozenset, list, set, dict), 4
DEPENDENCIES = (
    "absl", "google", "h5py", "jax", "ml_dtypes", "opt_einsum", "pandas", "PIL",
    "pybind11_builtins", "rich", "six", "torch", "tree", "wrapt", "xla",
)  # fmt: skip
GENERATED_FILES = ("<string>", "")
"""The file names in code that `dataclasses` or `collections` generated."""


def state(family: str) -> str:
    """A digest of the code that Keras layers and ismc programs run.

    Args:
        family: ``"keras"`` or ``"tf_keras"``.

    Raises:
        FingerprintError: when some of the code was replaced; the message names it.
    """
    inspect, content = _Inspector(), blake2b(digest_size=32)
    for name in sorted(sys.modules):
        module = sys.modules[name]
        if isinstance(module, ModuleType) and _computes(name) and _is_of(family, name):
            names = object.__getattribute__(module, "__dict__")
            content.update(f"{name}\n".encode())
            content.update(inspect.names(names, name, SET_BY_IMPORTS))
    return content.hexdigest()


def is_shipped(function: Any, *packages: str) -> bool:
    """Whether a Python function was defined in a file of one of these packages."""
    folders = tuple(_folder(package) for package in packages)
    return isinstance(function, FunctionType) and function.__code__.co_filename.startswith(folders)


class _Inspector:
    """Digests of functions, classes and constants; each is inspected once."""

    def __init__(self) -> None:
        self.functions: dict[int, bytes] = {}
        self.classes: set[type] = set()
        self.folders = tuple(map(_folder, PACKAGES))
        self.library = f"{sysconfig.get_path('stdlib')}{os.sep}"

    def names(self, bindings: Mapping[str, Any], place: str, ignored: set[str]) -> bytes:
        """A digest of the values that names are bound to."""
        parts, is_tensorflow = [], root(place) == "tensorflow"
        for name in sorted(bindings.keys() - ignored):
            value = bindings[name]
            if is_tensorflow and name[0] == "_" and _is_volatile(place, value):
                continue
            digest = self.functions.get(id(value)) if type(value) is FunctionType else None
            parts += (name.encode(), digest or self(value, place, name))
        return blake2b(b"\n".join(parts), digest_size=32).digest()

    def __call__(self, value: Any, *place: str) -> bytes:
        """The identity of a value bound in a place; for objects with state, that of their class.

        Raises:
            FingerprintError: for a function that is not as shipped.
        """
        kind = type(value)
        if kind is FunctionType:
            digest = self.functions.get(id(value))
            return self._function(value, *place) if digest is None else digest
        if kind in (str, int, bool, float, bytes, type(None), complex):
            return repr(value).encode()
        if isinstance(value, type):
            return self._class(value, *place)
        if kind in CONTAINERS:
            return _plain(value)
        wrapped = _unwrap(value)
        if wrapped is not None:
            return b"\n".join([kind.__name__.encode(), *(self(item, *place) for item in wrapped)])
        if isinstance(value, ModuleType):
            return self._named(value.__name__, *place)
        if not (_is_harmless(value) if callable(value) else _is_known(kind.__module__)):
            raise FingerprintError(f"{'.'.join(place)} is a {kind.__module__}.{kind.__qualname__}")
        name = value.name if isinstance(value, Enum) else ""
        if callable(value):  # in C
            name = getattr(value, "__name__", "")
        return f"{kind.__module__}.{kind.__qualname__} {name}".encode()

    def _function(self, value: FunctionType, *place: str) -> bytes:
        code = value.__code__
        if not self._is_shipped(code.co_filename) and not _is_generated(value):
            raise FingerprintError(f"{'.'.join(place)} was replaced by code of {code.co_filename}")
        self.functions[id(value)] = b"itself"
        parts = [_code(code)]
        cells = [cell.cell_contents for cell in value.__closure__ or () if _is_set(cell)]
        values = (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values(), *cells)
        parts += [self(item, *place) for item in values]
        digest = self.functions[id(value)] = blake2b(b"\n".join(parts), digest_size=32).digest()
        return digest

    def _is_shipped(self, file: str) -> bool:
        if file.startswith(("<frozen ", *self.folders)):
            return True
        return file.startswith(self.library) and "-packages" not in file

    def _named(self, name: str, *place: str) -> bytes:
        """The identity of a module or a class: its name."""
        if not _is_known(name):
            raise FingerprintError(f"{'.'.join(place)} was replaced by {name}")
        return name.encode()

    def _class(self, value: type, *place: str) -> bytes:
        name = f"{value.__module__}.{value.__qualname__}"
        if value in self.classes or not _computes(value.__module__):
            return self._named(name, *place)
        self.classes.add(value)
        bases = " ".join(base.__qualname__ for base in value.__mro__)
        members = self.names(vars(value), ".".join(place), IGNORED_MEMBERS)
        return f"{name} {bases} ".encode() + members


def _is_volatile(place: str, value: Any) -> bool:
    """Whether a private name of TensorFlow is a cache or a remnant of imports."""
    return place == "tensorflow" or isinstance(value, (dict, list, set))


def _unwrap(value: Any) -> tuple[Any, ...] | None:
    """The functions inside a wrapper, or ``None`` if the value is not a wrapper."""
    if isinstance(value, property):
        return value.fget, value.fset, value.fdel
    if isinstance(value, (staticmethod, classmethod, MethodType)):
        return (value.__func__,)
    if isinstance(value, cached_property):
        return (value.func,)
    if isinstance(value, partial):
        return value.func, *value.args, *value.keywords.values()
    if type(value).__name__ == "_lru_cache_wrapper":
        return (value.__wrapped__,)
    if type(value).__module__.endswith("polymorphic_function.polymorphic_function"):
        return (value.python_function,)
    return None


def _plain(value: Any, depth: int = MAX_DEPTH) -> bytes:
    """The constants in a container; functions and objects in it are omitted."""
    if value is None or isinstance(value, (str, int, float, bytes, complex)):
        return repr(value).encode()
    kind = type(value)
    if not depth or kind not in CONTAINERS:
        return b"-"
    if kind is dict:
        value = list(value.items())
    items = [_plain(item, depth - 1) for item in value]
    ordered = items if kind in (tuple, list) else sorted(items)
    return b"(" + b" ".join(ordered) + b")"


def _is_known(module: str) -> bool:
    """Whether a module belongs to Python, or to a package that Keras or TensorFlow needs."""
    return root(module) in (*PACKAGES, *DEPENDENCIES) or root(module) in sys.stdlib_module_names


def _is_harmless(value: Any) -> bool:
    """Whether a callable is not a user's: it is written in C, of `typing`, or shipped."""
    kind = type(value)
    if root(kind.__module__) in ("builtins", "typing", "types", "collections"):
        return True
    names = {base.__name__ for base in kind.__mro__}
    return root(kind.__module__) in PACKAGES and names.isdisjoint(("Layer", "Operation"))


def _is_generated(value: FunctionType) -> bool:
    """Whether `dataclasses` or `collections` generated a function for a class."""
    name = value.__name__
    return (
        value.__code__.co_filename in GENERATED_FILES
        and name.startswith("__")
        and name != "__call__"
    )


def _is_set(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


@cache
def _computes(module: str) -> bool:
    inside = any(module == name or module.startswith(f"{name}.") for name in COMPUTING)
    return inside or module in NAMESPACES


def _is_of(family: str, module: str) -> bool:
    """Whether a module takes part in models of this Keras package."""
    return family == "tf_keras" or root(module) != "tf_keras"


@cache
def _code(code: CodeType) -> bytes:
    """A digest of bytecode and constants, including nested functions."""
    return blake2b(marshal.dumps(code, 0), digest_size=32).digest()  # version 0 has no references


def _folder(package: str) -> str:
    """The folder of a package, or a text that no path begins with."""
    file = getattr(sys.modules.get(package), "__file__", None)
    return f"{Path(file).parent}{os.sep}" if file else "\0"
