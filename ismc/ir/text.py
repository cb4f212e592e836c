"""Names and settings of layers as text, so that `ismc.ir.parse` reads back what they were."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ismc.ir.kinds import KINDS, REQUIRED, is_printed, layer_kind

BARE = re.compile(r"[A-Za-z_][\w./-]*")
KIND = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
RESERVED = ("True", "False", "None", "Ellipsis", "inf", "nan")
FUNCTIONS, LAYERS = "keras.ops.", "keras."
WRAPPED = {"module", "class_name", "config"}


@dataclass(frozen=True)
class Operand:
    """A placeholder for the layer's input ``index`` among the arguments of a function."""

    index: int


@dataclass(frozen=True)
class Constant:
    """An array of a layer's settings that a text names by its type: its numbers are not printed."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Opaque:
    """An object of a layer's settings that a text names by its class alone."""

    title: str


def name_text(name: str) -> str:
    """A name, in quotes unless it is a word.

    >>> print(name_text("inner/conv"), name_text("heads:0"))
    inner/conv "heads:0"
    """
    bare = BARE.fullmatch(name) and "->" not in name and name not in RESERVED
    return name if bare else json.dumps(name)


def kind_text(kind: str) -> str:
    """A kind, without the package if it is one of Keras, and in quotes if it is no path.

    >>> print(kind_text("keras.Conv1D"), kind_text("keras.ops.Exp"), kind_text("ismc.Take"))
    Conv1D ops.Exp ismc.Take
    """
    for prefix, short in ((FUNCTIONS, "ops."), (LAYERS, "")):
        title = kind.removeprefix(prefix)
        if title != kind and title.isidentifier():
            return short + title
    path = KIND.fullmatch(kind) and "." in kind and not kind.startswith("ops.")
    return kind if path else json.dumps(kind)


def kind_from_text(text: str) -> str:
    """The kind that `kind_text` wrote without quotes."""
    return text if "." in text and not text.startswith("ops.") else f"keras.{text}"


def shape_text(shape: tuple[int, ...], dtype: str) -> str:
    """A shape without the batch axis; the dtype stands before it unless it is float32."""
    return ("" if dtype == "float32" else f"{dtype} ") + f"[{', '.join(map(str, shape))}]"


def settings_text(kind: str, config: Mapping[str, Any], inputs: int, nested: bool = False) -> str:
    """The settings that differ from the defaults of the kind, each as ``, key=value``.

    Args:
        kind: the kind of the layer.
        config: its settings.
        inputs: how many inputs it takes; a function that takes only these has no ``args``.
        nested: whether it is the layer of a wrapper, whose activation is no layer of its own.
    """
    entry, parts = layer_kind(kind), []
    filled = entry.filled({})
    operands = tuple(map(Operand, range(inputs)))
    for key in dict.fromkeys((*entry.defaults, *config)):
        value, default = config.get(key), filled.get(key, REQUIRED)
        if key == "args":
            default = operands
        elif key == "strides" and "pool_size" in entry.defaults:
            default = config.get("pool_size", filled["pool_size"])
        is_default = default is not REQUIRED and value_text(value) == value_text(default)
        is_default |= key == "dtype" and kind in KINDS  # the compute dtype says it
        is_default |= key == "activation" and entry.fused and not nested
        if key in config and is_printed(key, value) and not is_default:
            parts.append(
                f", {name_text(key)}={value_text(_shortened(value, entry.sizes.get(key)))}"
            )
    return "".join(parts)


def _shortened(value: Any, count: int | None) -> Any:
    """One size in place of equal sizes along all axes."""
    equal = count and isinstance(value, tuple) and len(value) == count and len(set(value)) == 1
    return value[0] if equal else value


def value_text(value: Any) -> str:
    """A setting: a number, a word, a nest of them, or the name of what it is."""
    if isinstance(value, str):
        return name_text(value)
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return repr(int(value))
    if isinstance(value, Operand):
        return f"${value.index}"
    if isinstance(value, tuple):
        return f"({', '.join(map(value_text, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, Mapping):
        return _mapping_text(value)
    if isinstance(value, slice):
        return f"slice({', '.join(map(value_text, (value.start, value.stop, value.step)))})"
    if value is Ellipsis:
        return "Ellipsis"
    return _object_text(value)


def _mapping_text(value: Mapping[str, Any]) -> str:
    """A mapping; the layer in a wrapper, as Keras records it, looks like a call."""
    module = str(value.get("module")).partition(".")[0]
    own = module == "keras" and not value.get("registered_name")
    if value.keys() >= WRAPPED and own and isinstance(value["config"], Mapping):
        settings = settings_text(f"keras.{value['class_name']}", value["config"], 1, nested=True)
        return f"{value['class_name']}({settings.removeprefix(', ')})"
    if not all(isinstance(key, str) for key in value):
        return f"object({name_text(type(value).__name__)})"
    items = (f"{name_text(k)}: {value_text(v)}" for k, v in value.items() if is_printed(k, v))
    return "{" + ", ".join(items) + "}"


def _object_text(value: Any) -> str:
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape == () and hasattr(value, "item"):
        return value_text(value.item())  # a number of NumPy
    if isinstance(shape, tuple) and dtype is not None:
        dtype = getattr(dtype, "name", dtype)
        return f"constant({dtype}, [{', '.join(map(str, shape))}])"
    title = value.title if isinstance(value, Opaque) else type(value).__name__
    return f"object({name_text(title)})"
