"""Keras configurations, without the settings that do not affect inference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

TRAINING = re.compile(r".*_(initializer|regularizer|constraint)")
"""Settings with which Keras's own layers create and train weights."""
DROPPED = ("name", "trainable")


def plain_configuration(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a Keras layer, without names."""
    return {
        key: _nested(value)
        for key, value in config.items()
        if key not in DROPPED and not TRAINING.fullmatch(key)
    }


def _nested(value: Any) -> Any:
    """Part of a configuration; nested graphs are omitted, since attributes identify them."""
    if isinstance(value, Mapping) and {"class_name", "config"} <= value.keys():
        config, class_name = value["config"], value["class_name"]
        if isinstance(config, Mapping) and {"trainable", "layers"} & config.keys():
            data = None if "layers" in config else plain_configuration(config)
            return {"kind": f"{value.get('module')}.{class_name}", "config": data}
    if isinstance(value, Mapping):
        return {key: _nested(item) for key, item in value.items()}
    return type(value)(map(_nested, value)) if type(value) in (list, tuple) else value
