"""Functions, classes and modules as data: bytecode, and everything that it refers to.

Files, lines, addresses and the order of sets are no part of it.
"""

from __future__ import annotations

import builtins
import dis
import hashlib
import sys
from collections.abc import Callable, Hashable, Iterator
from functools import cached_property
from importlib.util import find_spec, resolve_name
from pathlib import Path
from types import CodeType, FunctionType, GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import Any, Protocol

from ismc.fingerprint.packages import KNOWN, root, version

UNIMPORTANT = {
    "__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "__abstractmethods__",
    "_abc_impl", "__dataclass_fields__", "__dataclass_params__", "__parameters__",
    "__orig_bases__", "__firstlineno__", "__static_attributes__", "__annotate__",
    "__annotate_func__", "__annotations_cache__", "__slotnames__",
}  # fmt: skip


DESCRIPTORS = ("method_descriptor", "wrapper_descriptor", "classmethod_descriptor")


class FingerprintError(Exception):
    """Something that may determine the program cannot be digested; the text says what."""


class Digests(Protocol):
    """What gives the data of values; see `ismc.fingerprint.values.Walk`."""

    attributes: set[str]

    def __call__(self, value: Any) -> Any:
        """The data of a value."""
        ...

    def once(self, key: Hashable, value: Any, data: Callable[[], Any]) -> Any:
        """The data of an object, or its number where it was met before."""
        ...

    def items(self, found: dict[str, Any]) -> dict[str, Any]:
        """The data of named values."""
        ...


def function(value: FunctionType, walk: Digests) -> Any:
    """The data of a function of Python."""
    own = root(value.__globals__.get("__name__", "")) not in KNOWN
    names = frozenset(name for part in _parts(value.__code__) for name in part.co_names)
    return {
        "name": value.__name__,
        "code": body(value.__code__, walk),
        "defaults": walk(value.__defaults__),
        "keywords": walk(value.__kwdefaults__),
        "closure": _taken(closure(value), names, walk),
        "globals": _globals(value, names, walk),
        "attributes": walk.items(vars(value)) if own else {},
    }


def closure(value: Any) -> dict[str, Any]:
    """The values that a function closes over, by name; those that are not set yet are missing."""
    found = {}
    for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue
    return found


def body(code: CodeType, walk: Digests) -> Any:
    """The data of bytecode."""
    walk.attributes.update(code.co_names)
    return {
        "bytes": code.co_code.hex(),
        "exceptions": getattr(code, "co_exceptiontable", b"").hex(),
        "flags": code.co_flags,
        "counts": [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount],
        "names": list(code.co_names),
        "variables": [list(code.co_varnames), list(code.co_freevars), list(code.co_cellvars)],
        "constants": [walk(constant) for constant in code.co_consts],
    }


def class_(value: type, walk: Digests) -> Any:
    """The data of a class: its bases and what it defines; one in C is told by its version.

    Raises:
        FingerprintError: where that is unknown.
    """
    if any(getattr(item, "__objclass__", None) is value for item in _in_c(value)):
        found = version(value.__module__)
        if found is None:
            raise FingerprintError(f"the class {value.__qualname__} of {value.__module__}")
        return {"class": value.__qualname__, "module": [value.__module__, found]}
    members = {name: item for name, item in vars(value).items() if name not in UNIMPORTANT}
    return {
        "class": value.__qualname__,
        "type": walk(type(value)),
        "bases": [walk(base) for base in value.__bases__],
        "members": walk.items(members),
    }


def _in_c(value: type) -> list[Any]:
    """The functions in C of a class, those that it shares with others among them."""
    return [item for item in vars(value).values() if type(item).__name__ in DESCRIPTORS]


def wrapped(value: Any, walk: Digests) -> Any:
    """The data of what stands around functions, and of functions in C; of others nothing."""
    title = type(value).__name__
    if isinstance(value, MemberDescriptorType | GetSetDescriptorType):
        return ["slot", value.__name__]
    if isinstance(value, property):
        return ["property", *map(walk, (value.fget, value.fset, value.fdel))]
    if isinstance(value, staticmethod | classmethod):
        return [title, walk(value.__func__)]
    if isinstance(value, cached_property):
        return [title, walk(value.func)]
    if title == "_lru_cache_wrapper":
        return [title, walk(value.__wrapped__)]
    if type(value).__module__.startswith("tensorflow.") and hasattr(value, "python_function"):
        return ["tf.function", walk(value.python_function)]
    if title in DESCRIPTORS:
        return [title, walk(value.__objclass__), value.__name__]
    if title in ("builtin_function_or_method", "method-wrapper"):
        return [title, value.__name__, walk(value.__self__)]
    return None


def module(value: ModuleType, names: frozenset[str], walk: Digests) -> Any:
    """A module by its version, or by its file and what code with these names may take of it."""
    found = version(value.__name__)
    if found is not None:
        return ["module", value.__name__, found]
    if not names:
        raise FingerprintError(f"the module {value.__name__}")

    def contents() -> Any:
        file = getattr(value, "__file__", None)
        text = hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else None
        taken = {name: item for name, item in vars(value).items() if name in names}
        return ["module", value.__name__, text, _taken(taken, names, walk)]

    return walk.once((id(value), names), value, contents)


def _globals(value: FunctionType, names: frozenset[str], walk: Digests) -> Any:
    """What the code of a function takes from its module, and what it imports by itself."""
    home, parts = value.__globals__, list(_parts(value.__code__))
    loaded = {name for part in parts for name in _loaded(part)}
    taken = {name: home[name] for name in loaded if name in home}
    unset = sorted(name for name in loaded if name not in home and not hasattr(builtins, name))
    imported = {}
    for name in {name for part in parts for name in _imported(part, home)}:
        here = name in sys.modules or find_spec(root(name)) is None
        if not here and version(name) is None:
            raise FingerprintError(f"the module {name}, which is imported later")
        imported[name] = sys.modules.get(name, version(name))
    return [_taken(taken, names, walk), unset, _taken(imported, names, walk)]


def _taken(found: dict[str, Any], names: frozenset[str], walk: Digests) -> Any:
    """The data of named values; of modules, what code with these names may take."""
    modules = {name: item for name, item in found.items() if isinstance(item, ModuleType)}
    values = walk.items({name: item for name, item in found.items() if name not in modules})
    return values | {name: module(modules[name], names, walk) for name in sorted(modules)}


def _parts(code: CodeType) -> Iterator[CodeType]:
    """The code, and that of the functions and classes within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _parts(constant)


def _loaded(code: CodeType) -> Iterator[str]:
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield step.argval


def _imported(code: CodeType, home: dict[str, Any]) -> Iterator[str]:
    """The modules that code imports; the level of an import is loaded two steps before it."""
    steps = [step for step in dis.get_instructions(code) if step.opname != "EXTENDED_ARG"]
    for i, step in enumerate(steps):
        if step.opname == "IMPORT_NAME":
            name = "." * int(steps[i - 2].argval) + step.argval
            yield resolve_name(name, home.get("__package__") or "")
