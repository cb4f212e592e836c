"""Whether Keras, TensorFlow and ismc are as they were shipped, and a digest of what they are.

What a layer of Keras computes is told by its configuration only while nothing of Keras has been
replaced. So all functions, methods and constants of the modules that layers and programs call are
looked at. A function whose code lies elsewhere is a patch, and nothing is told. The code of all
others, their defaults, and the names that they are bound to make up the digest: a file that was
edited, or one function under the name of another, gives another digest.
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
"""Modules, with those inside of them, whose functions layers and programs call."""
NAMESPACES = ("tensorflow", "tensorflow._api.v2.math", "tensorflow._api.v2.nn")
"""Modules under whose names these functions are called."""
PACKAGES = ("keras", "tf_keras", "tensorflow", "ismc", "numpy", "optree", "packaging", "scipy")
IMPORTED = {
    "OBSERVED_NAMES", "keras", "__builtins__", "__cached__", "__doc__", "__file__", "__loader__",
    "__path__", "__spec__", "__warningregistry__",
}  # fmt: skip
"""Names in modules that imports set, or that building models changes."""
UNIMPORTANT = IMPORTED | {
    "__abstractmethods__", "__annotations__", "__dict__", "__module__", "__slotnames__",
    "__weakref__", "_abc_impl", "_api_export_symbol_id", "_keras_api_names", "_keras_api_names_v1",
}  # fmt: skip
CONTAINERS, DEPTH = (tuple, frozenset, list, set, dict), 4
NEEDED = (
    "absl", "google", "h5py", "jax", "ml_dtypes", "opt_einsum", "pandas", "PIL",
    "pybind11_builtins", "rich", "six", "torch", "tree", "wrapt", "xla",
)  # fmt: skip
MADE = ("<string>", "")
"""What code says its file is where `dataclasses` or `collections` have made it."""


def state(family: str) -> str:
    """A digest of the code that layers of Keras and the programs of ismc run.

    Args:
        family: ``"keras"`` or ``"tf_keras"``.

    Raises:
        FingerprintError: where a part of it has been replaced; the text says which.
    """
    look, found = _Look(), blake2b(digest_size=32)
    for name in sorted(sys.modules):
        module = sys.modules[name]
        if isinstance(module, ModuleType) and _computes(name) and _is_of(family, name):
            names = object.__getattribute__(module, "__dict__")
            found.update(f"{name}\n".encode())
            found.update(look.names(names, name, IMPORTED))
    return found.hexdigest()


def is_own(function: Any, *packages: str) -> bool:
    """Whether a function is one of Python's that was defined in a file of these packages."""
    own = tuple(_folder(package) for package in packages)
    return isinstance(function, FunctionType) and function.__code__.co_filename.startswith(own)


class _Look:
    """What functions, classes and constants are; each is looked at once."""

    def __init__(self) -> None:
        self.functions: dict[int, bytes] = {}
        self.classes: set[type] = set()
        self.own = tuple(map(_folder, PACKAGES))
        self.library = f"{sysconfig.get_path('stdlib')}{os.sep}"

    def names(self, found: Mapping[str, Any], place: str, without: set[str]) -> bytes:
        """A digest of what names stand for."""
        parts, is_tensorflow = [], root(place) == "tensorflow"
        for name in sorted(found.keys() - without):
            value = found[name]
            if is_tensorflow and name[0] == "_" and _changes(place, value):
                continue
            known = self.functions.get(id(value)) if type(value) is FunctionType else None
            parts += (name.encode(), known or self(value, place, name))
        return blake2b(b"\n".join(parts), digest_size=32).digest()

    def __call__(self, value: Any, *place: str) -> bytes:
        """What tells a value that is bound in a place; of objects that hold state, their class.

        Raises:
            FingerprintError: for a function that is not as it was shipped.
        """
        kind = type(value)
        if kind is FunctionType:
            known = self.functions.get(id(value))
            return self._function(value, *place) if known is None else known
        if kind in (str, int, bool, float, bytes, type(None), complex):
            return repr(value).encode()
        if isinstance(value, type):
            return self._class(value, *place)
        if kind in CONTAINERS:
            return _plain(value)
        within = _inside(value)
        if within is not None:
            return b"\n".join([kind.__name__.encode(), *(self(item, *place) for item in within)])
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
        if not self._is_shipped(code.co_filename) and not _is_made(value):
            raise FingerprintError(f"{'.'.join(place)} was replaced by code of {code.co_filename}")
        self.functions[id(value)] = b"itself"
        parts = [_code(code)]
        cells = [cell.cell_contents for cell in value.__closure__ or () if _is_set(cell)]
        kept = (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values(), *cells)
        parts += [self(item, *place) for item in kept]
        told = self.functions[id(value)] = blake2b(b"\n".join(parts), digest_size=32).digest()
        return told

    def _is_shipped(self, file: str) -> bool:
        if file.startswith(("<frozen ", *self.own)):
            return True
        return file.startswith(self.library) and "-packages" not in file

    def _named(self, name: str, *place: str) -> bytes:
        """A module, or a class, by its name."""
        if not _is_known(name):
            raise FingerprintError(f"{'.'.join(place)} was replaced by {name}")
        return name.encode()

    def _class(self, value: type, *place: str) -> bytes:
        name = f"{value.__module__}.{value.__qualname__}"
        if value in self.classes or not _computes(value.__module__):
            return self._named(name, *place)
        self.classes.add(value)
        bases = " ".join(base.__qualname__ for base in value.__mro__)
        members = self.names(vars(value), ".".join(place), UNIMPORTANT)
        return f"{name} {bases} ".encode() + members


def _changes(place: str, value: Any) -> bool:
    """Whether a private name of TensorFlow's is a cache, or what an import has left over."""
    return place == "tensorflow" or isinstance(value, (dict, list, set))


def _inside(value: Any) -> tuple[Any, ...] | None:
    """What a wrapper of functions stands around, or nothing."""
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


def _plain(value: Any, depth: int = DEPTH) -> bytes:
    """The constants in a container; functions and objects in it are no part of it."""
    if value is None or isinstance(value, (str, int, float, bytes, complex)):
        return repr(value).encode()
    kind = type(value)
    if not depth or kind not in CONTAINERS:
        return b"-"
    if kind is dict:
        value = list(value.items())
    inside = [_plain(item, depth - 1) for item in value]
    ordered = inside if kind in (tuple, list) else sorted(inside)
    return b"(" + b" ".join(ordered) + b")"


def _is_known(module: str) -> bool:
    """Whether a module is one of Python's, or of the packages that Keras and TensorFlow need."""
    return root(module) in (*PACKAGES, *NEEDED) or root(module) in sys.stdlib_module_names


def _is_harmless(value: Any) -> bool:
    """Whether what can be called is none of the user's: it is in C, of `typing`, or shipped."""
    kind = type(value)
    if root(kind.__module__) in ("builtins", "typing", "types", "collections"):
        return True
    names = {base.__name__ for base in kind.__mro__}
    return root(kind.__module__) in PACKAGES and names.isdisjoint(("Layer", "Operation"))


def _is_made(value: FunctionType) -> bool:
    """Whether a function is one that `dataclasses` or `collections` make for a class."""
    name = value.__name__
    return value.__code__.co_filename in MADE and name.startswith("__") and name != "__call__"


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
    """Whether a module takes part in models of one Keras or the other."""
    return family == "tf_keras" or root(module) != "tf_keras"


@cache
def _code(code: CodeType) -> bytes:
    """Bytecode and constants, those of functions inside included."""
    return blake2b(marshal.dumps(code, 0), digest_size=32).digest()  # 0: without references


def _folder(package: str) -> str:
    """Where a package lies, or a text that no path begins with."""
    file = getattr(sys.modules.get(package), "__file__", None)
    return f"{Path(file).parent}{os.sep}" if file else "\0"
