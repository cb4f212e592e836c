"""Where functions and classes come from: of a package whose version tells their code, or not."""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any

KNOWN = ("keras", "tf_keras", "tensorflow", "numpy", "ml_dtypes", "ismc")
"""Packages that `environment` tells the versions of, as it does of Python."""
KERAS = ("keras", "tf_keras")


def root(module: str) -> str:
    """The package that a module is in.

    >>> root("keras.src.layers")
    'keras'
    """
    return module.partition(".")[0]


@cache
def version(module: str) -> str | None:
    """What tells the code of a module: nothing more where the environment does, or ``None``.

    A package that is installed tells its version, and a digest of the module's own file.
    """
    package = root(module)
    if package in KNOWN:
        return ""
    file = _file(package)
    if package in sys.stdlib_module_names:
        return "" if file is None or Path(file).is_relative_to(_library()) else None
    installed = not {"site-packages", "dist-packages"}.isdisjoint(Path(file or "").parts)
    if file is None or not installed or package == "__main__":
        return None
    try:
        found = metadata.version(package)
    except metadata.PackageNotFoundError:
        found = getattr(sys.modules.get(package), "__version__", None)
    if not isinstance(found, str):
        return None
    own = getattr(sys.modules.get(module), "__file__", None) or file
    return f"{found} {hashlib.sha256(Path(own).read_bytes()).hexdigest()}"


def is_known(value: Any) -> bool:
    """Whether a class or a function is one of the packages that the environment tells."""
    found = named(value)
    return found is not None and found[-1] == ""


def named(value: Any) -> list[str] | None:
    """Module, name and version of a class or function that these stand for, or nothing.

    A function must have been defined there, not only bear the name, as wrappers do; classes of
    layers and models outside Keras are never named, for they are what a model computes.
    """
    module, path = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if (
        not isinstance(module, str)
        or not isinstance(path, str)
        or found_at(module, path) is not value
    ):
        return None
    home = value.__globals__.get("__name__") if isinstance(value, FunctionType) else module
    versions = version(module), version(home) if isinstance(home, str) else None
    if None in versions or (root(module) not in KERAS and _computes(value)):
        return None
    return [module, path, "".join(map(str, versions))]


def _computes(value: Any) -> bool:
    return isinstance(value, type) and any(root(base.__module__) in KERAS for base in value.__mro__)


def found_at(module: str, path: str) -> Any:
    """What is under a name in a module, now."""
    found: Any = sys.modules.get(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def _file(package: str) -> str | None:
    """Where a package is or would be imported from."""
    if package in sys.modules:
        return getattr(sys.modules[package], "__file__", None)
    spec = find_spec(package)
    return spec.origin if spec and spec.has_location else None


@cache
def _library() -> str:
    return sysconfig.get_path("stdlib")
