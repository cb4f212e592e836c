"""Layers of which less is known than of their class: changed code, and no configuration."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import FunctionType
from typing import Any

from ismc.rules import kind_of

KERAS = ("keras", "tf_keras")
BASES = ("Layer", "Operation")  # what all layers share says nothing of one
FOR_TRAINING = ("initializer", "regularizer", "constraint")


def kind_as_shipped(layer: Any, known: Mapping[str, Any] | None) -> str:
    """The kind of a layer; another one, without a rule, where less is known than of its class.

    That is where code of Keras was replaced, and where a layer of Keras has no configuration.

    Args:
        layer: of Keras or of the user's.
        known: its `configuration`.
    """
    kind, inside = kind_of(type(layer)), getattr(layer, "_flatten_layers", None)
    parts = [layer, *(inside(include_self=False) if inside else ())]
    patched = any(_is_of_keras(part) and not is_own(part) for part in parts)
    if not _is_of_keras(layer):
        return kind
    if patched:
        return f"{kind} that was patched"
    return f"{kind}, unconfigured" if known is None else kind


def configuration(layer: Any) -> dict[str, Any] | None:
    """What a layer tells of itself, if it can; a function tells nothing.

    Where an initializer, a regularizer or a constraint of the user's has no configuration, theirs
    are left out: they matter in training alone.
    """
    if not _is_layer(layer):
        return {}
    for known in (layer, _for_inference(layer)):
        try:
            return dict(known.get_config())
        except Exception:  # noqa: BLE001, S112  (code of the user's may raise anything)
            continue
    return None


def _for_inference(layer: Any) -> Any:
    """The same layer, and those inside of it, without what matters in training alone."""
    same = object.__new__(type(layer))
    for name, value in vars(layer).items():
        if name.endswith(FOR_TRAINING):
            value = None
        elif _is_layer(value):
            value = _for_inference(value)
        vars(same)[name] = value
    return same


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


def _is_layer(value: Any) -> bool:
    kinds = [kind for kind in type(value).__mro__ if kind.__name__ == "Layer"]
    return any(kind.__module__.partition(".")[0] in KERAS for kind in kinds)


def _is_of_keras(layer: Any) -> bool:
    return type(layer).__module__.partition(".")[0] in KERAS


def _folder(package: str) -> str:
    """Where a package lies, or what no path begins with."""
    file = getattr(sys.modules.get(package), "__file__", None)
    return str(Path(file).parent) if file else "\0"
