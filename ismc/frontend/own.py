"""Layers that may differ from what their class says: patched code, or no configuration."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import FunctionType
from typing import Any

from ismc.rules import kind_of

KERAS = ("keras", "tf_keras")
BASES = ("Layer", "Operation")  # all layers share their methods
FOR_TRAINING = ("initializer", "regularizer", "constraint")


def kind_as_shipped(layer: Any, config: Mapping[str, Any] | None) -> str:
    """The kind of a layer, with a suffix that matches no rule if its class does not describe it.

    That is the case for a Keras layer whose code was replaced, in it or in a layer inside it, and
    for a Keras layer without a configuration.

    Args:
        layer: a layer of Keras or of the user.
        config: its `configuration`.
    """
    kind, flatten = kind_of(type(layer)), getattr(layer, "_flatten_layers", None)
    parts = [layer, *(flatten(include_self=False) if flatten else ())]
    patched = any(_is_keras(part) and not is_own(part) for part in parts)
    if not _is_keras(layer):
        return kind
    if patched:
        return f"{kind} that was patched"
    return f"{kind}, unconfigured" if config is None else kind


def configuration(layer: Any) -> dict[str, Any] | None:
    """The configuration of a layer, or ``None`` if it has none; empty for a function.

    If a user's initializer, regularizer or constraint has no configuration, these entries are
    omitted; they matter only in training.
    """
    if not _is_layer(layer):
        return {}
    for variant in (layer, _for_inference(layer)):
        try:
            return dict(variant.get_config())
        except Exception:  # noqa: BLE001, S112  (a user's code may raise anything)
            continue
    return None


def _for_inference(layer: Any) -> Any:
    """A copy of the layer and of the layers inside it, without what matters only in training."""
    copy = object.__new__(type(layer))
    for name, value in vars(layer).items():
        if name.endswith(FOR_TRAINING):
            value = None
        elif _is_layer(value):
            value = _for_inference(value)
        vars(copy)[name] = value
    return copy


def is_own(layer: Any) -> bool:
    """Whether a layer is a Keras layer, and all its methods are the original ones."""
    if not _is_keras(layer) or "call" in getattr(layer, "__dict__", ()):
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


def _is_keras(layer: Any) -> bool:
    return type(layer).__module__.partition(".")[0] in KERAS


def _folder(package: str) -> str:
    """The directory of an imported package, or a string that no path starts with."""
    file = getattr(sys.modules.get(package), "__file__", None)
    return str(Path(file).parent) if file else "\0"
