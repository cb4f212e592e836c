"""Exact in-silico saturation mutagenesis of Keras models, compiled into one XLA program."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"


def _prepare() -> None:
    """XLA's cache must be set up before TensorFlow runs anything; this imports nothing heavy."""
    from ismc.artifacts.executables import prepare

    prepare()


_prepare()

_PUBLIC = {
    "CompiledISM": "ismc.compiled",
    "IsmcError": "ismc.errors",
    "UnsupportedModelError": "ismc.errors",
    "InputError": "ismc.errors",
    "ArtifactError": "ismc.errors",
    "VerificationError": "ismc.errors",
    "InternalError": "ismc.errors",
    "NaiveISM": "ismc.oracle",
    "OpenISM": "ismc.lengths",
    "load_model": "ismc.io.models",
    "Role": "ismc.rules",
    "Rule": "ismc.rules",
    "Window": "ismc.window",
    "compile": "ismc.api",
    "load": "ismc.artifacts.loaded",
    "LoadedISM": "ismc.artifacts.loaded",
    "rule": "ismc.rules",
}

if TYPE_CHECKING:
    from ismc.api import compile  # noqa: A004
    from ismc.artifacts.loaded import LoadedISM, load
    from ismc.compiled import CompiledISM
    from ismc.errors import (
        ArtifactError,
        InputError,
        InternalError,
        IsmcError,
        UnsupportedModelError,
        VerificationError,
    )
    from ismc.io.models import load_model
    from ismc.lengths import OpenISM
    from ismc.oracle import NaiveISM
    from ismc.rules import Role, Rule, rule
    from ismc.window import Window


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used, so that ``import ismc`` is light."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'ismc' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


__all__ = [
    "ArtifactError",
    "CompiledISM",
    "InputError",
    "InternalError",
    "IsmcError",
    "LoadedISM",
    "NaiveISM",
    "OpenISM",
    "Role",
    "Rule",
    "UnsupportedModelError",
    "VerificationError",
    "Window",
    "__version__",
    "compile",
    "load",
    "load_model",
    "rule",
]
