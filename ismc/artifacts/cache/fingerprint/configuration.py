"""Configurations as Keras writes them, without what does not matter for inference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

TRAINING = re.compile(r".*_(initializer|regularizer|constraint)")
"""What Keras's own layers use to make weights and to train them."""
DROPPED = ("name", "trainable")


def plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a layer of Keras, without names."""
    return {
        key: _nested(value)
        for key, value in config.items()
        if key not in DROPPED and not TRAINING.fullmatch(key)
    }


def _nested(value: Any) -> Any:
    """A part of a configuration; graphs in it are told by the attributes."""
    if isinstance(value, Mapping) and {"class_name", "config"} <= value.keys():
        config, title = value["config"], value["class_name"]
        if isinstance(config, Mapping) and {"trainable", "layers"} & config.keys():
            own = None if "layers" in config else plain(config)
            return {"kind": f"{value.get('module')}.{title}", "config": own}
    if isinstance(value, Mapping):
        return {key: _nested(item) for key, item in value.items()}
    return type(value)(map(_nested, value)) if type(value) in (list, tuple) else value
