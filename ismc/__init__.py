"""Exact in-silico saturation mutagenesis of Keras models, compiled into one XLA program."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ismc._version import __version__


def _prepare() -> None:
    """Sets up XLA's cache, before TensorFlow runs anything and without importing it."""
    from ismc.artifacts.cache.executables import prepare

    prepare()


_prepare()

_PUBLIC = {
    "CompiledISM": "ismc.ism.compiled",
    "IsmcError": "ismc.errors",
    "UnsupportedModelError": "ismc.errors",
    "InputError": "ismc.errors",
    "ArtifactError": "ismc.errors",
    "VerificationError": "ismc.errors",
    "InternalError": "ismc.errors",
    "NaiveISM": "ismc.ism.naive",
    "OpenISM": "ismc.ism.open_length",
    "load_model": "ismc.frontend.load_model",
    "Role": "ismc.rules",
    "Rule": "ismc.rules",
    "Window": "ismc.ir.window",
    "compile": "ismc.api",
    "convert": "ismc.io.convert",
    "ensemble": "ismc.api",
    "load": "ismc.ism.loaded",
    "LoadedISM": "ismc.ism.loaded",
    "open_scores": "ismc.io.stores.store",
    "rule": "ismc.rules",
    "score": "ismc.jobs.score",
}
_MODULES = ("plot", "scores", "toolkits")

if TYPE_CHECKING:
    from ismc import plot, scores, toolkits
    from ismc.api import compile, ensemble  # noqa: A004
    from ismc.errors import (
        ArtifactError,
        InputError,
        InternalError,
        IsmcError,
        UnsupportedModelError,
        VerificationError,
    )
    from ismc.frontend.load_model import load_model
    from ismc.io.convert import convert
    from ismc.io.stores.store import open_scores
    from ismc.ir.window import Window
    from ismc.ism.compiled import CompiledISM
    from ismc.ism.loaded import LoadedISM, load
    from ismc.ism.naive import NaiveISM
    from ismc.ism.open_length import OpenISM
    from ismc.jobs.score import score
    from ismc.rules import Role, Rule, rule


def __getattr__(name: str) -> Any:
    """The public object of that name, imported at its first use so that ``import ismc`` is fast."""
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
