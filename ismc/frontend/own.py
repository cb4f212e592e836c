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
    """The kind of a layer of Keras; another one, without a rule, where its code was replaced."""
    kind = kind_of(type(layer))
    return f"{kind} that was patched" if is_patched(layer) else kind


def is_patched(layer: Any) -> bool:
    """Whether a method of a layer of Keras is not Keras's own."""
    kinds = type(layer).__mro__
    if type(layer).__module__.partition(".")[0] not in KERAS:
        return False
    if "call" in getattr(layer, "__dict__", ()):
        return True
    folders = tuple(_folder(name) for name in (*KERAS, "tensorflow"))
    return any(
        isinstance(method, FunctionType) and not method.__code__.co_filename.startswith(folders)
        for kind in kinds
        if kind is not object and kind.__name__ not in BASES
        for method in vars(kind).values()
    )


def _folder(package: str) -> str:
    """Where a package lies, or what no path begins with."""
    file = getattr(sys.modules.get(package), "__file__", None)
    return str(Path(file).parent) if file else "\0"
