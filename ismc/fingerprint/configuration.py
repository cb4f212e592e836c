"""Configurations as Keras writes them, without what does not matter for inference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ismc.fingerprint.packages import KERAS, root

TRAINING = re.compile(r".*_(initializer|regularizer|constraint)")
"""What Keras's own layers use to make weights and to train them."""
LAMBDA = ("function", "output_shape", "mask")
"""What tells a Lambda, with paths of files in it; its attributes tell it better."""


def plain(title: str, kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a layer of a class, without names."""
    ours = root(kind) in KERAS
    dropped = ("name", *(LAMBDA if title == "Lambda" else ()))
    return {
        key: _nested(value)
        for key, value in config.items()
        if key not in dropped and not (ours and (key == "trainable" or TRAINING.fullmatch(key)))
    }


def _nested(value: Any) -> Any:
    """A part of a configuration; functions and graphs in it are told by the attributes."""
    if isinstance(value, Mapping) and value.get("class_name") == "__lambda__":
        return "lambda"
    if isinstance(value, Mapping) and {"class_name", "config"} <= value.keys():
        config, title = value["config"], value["class_name"]
        if isinstance(config, Mapping) and {"trainable", "layers"} & config.keys():
            kind = f"{value.get('module')}.{title}"
            own = None if "layers" in config else plain(title, kind, config)
            return {"kind": kind, "as": value.get("registered_name"), "config": own}
    if isinstance(value, Mapping):
        return {key: _nested(item) for key, item in value.items()}
    return type(value)(map(_nested, value)) if type(value) in (list, tuple) else value
