"""Layers whose class was changed: what is known of the class does not hold for them."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FunctionType
from typing import Any

from ismc.rules import kind_of

KERAS = ("keras", "tf_keras")
BASES = ("Layer", "Operation")  # what all layers share says nothing of one


def kind_as_shipped(layer: Any) -> str:
    """The kind of a layer; another one, without a rule, where code of Keras was replaced."""
    kind, inside = kind_of(type(layer)), getattr(layer, "_flatten_layers", None)
    parts = [layer, *(inside(include_self=False) if inside else ())]
    patched = any(_is_of_keras(part) and not is_own(part) for part in parts)
    return f"{kind} that was patched" if patched and _is_of_keras(layer) else kind


def is_own(layer: Any) -> bool:
    """Whether a layer is one of Keras's, and all its methods are Keras's own."""
    if not _is_of_keras(layer) or "call" in getattr(layer, "__dict__", ()):
        return False
    folders = tuple(_folder(name) for name in (*KERAS, "tensorflow"))
    return all(
        method.__code__.co_filename.startswith(folders)
        for kind in type(layer).__mro__
        if kind is not object and kind.__name__ not in BASES
        for method in vars(kind).values()
        if isinstance(method, FunctionType)
    )


def _is_of_keras(layer: Any) -> bool:
    return type(layer).__module__.partition(".")[0] in KERAS


def _folder(package: str) -> str:
    """Where a package lies, or what no path begins with."""
    file = getattr(sys.modules.get(package), "__file__", None)
    return str(Path(file).parent) if file else "\0"
