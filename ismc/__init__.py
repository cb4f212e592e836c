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
    "convert": "ismc.io.convert",
    "ensemble": "ismc.averaging",
    "load": "ismc.artifacts.loaded",
    "LoadedISM": "ismc.artifacts.loaded",
    "open_scores": "ismc.io.store",
    "rule": "ismc.rules",
    "score": "ismc.notebook",
}
_MODULES = ("plot", "scores", "toolkits")

if TYPE_CHECKING:
    from ismc import plot, scores, toolkits
    from ismc.api import compile  # noqa: A004
    from ismc.artifacts.loaded import LoadedISM, load
    from ismc.averaging import ensemble
    from ismc.compiled import CompiledISM
    from ismc.errors import (
        ArtifactError,
        InputError,
        InternalError,
        IsmcError,
        UnsupportedModelError,
        VerificationError,
    )
    from ismc.io.convert import convert
    from ismc.io.models import load_model
    from ismc.io.store import open_scores
    from ismc.lengths import OpenISM
    from ismc.notebook import score
    from ismc.oracle import NaiveISM
    from ismc.rules import Role, Rule, rule
    from ismc.window import Window


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used, so that ``import ismc`` is light."""
    if name in _MODULES:
        return import_module(f"ismc.{name}")
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
    "convert",
    "ensemble",
    "load",
    "load_model",
    "open_scores",
    "plot",
    "rule",
    "score",
    "scores",
    "toolkits",
]
