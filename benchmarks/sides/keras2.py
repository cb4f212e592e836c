"""A described model built with tf_keras, for the predecessor."""

# pyright: reportMissingImports=false, reportMissingTypeStubs=false
from __future__ import annotations

import inspect
from typing import Any

import tf_keras

from benchmarks.sides.description import weights_of
from benchmarks.sides.serving import Record

FOREIGN = ("dtype", "trainable", "name")
ENDINGS = ("_initializer", "_regularizer", "_constraint")


def keras2_model(description: Record, weights: Any) -> Any:
    """The model in Keras 2, with its weights.

    Raises:
        ValueError: when Keras 2 has no layer of that name.
    """
    values: dict[str, Any] = {}
    inputs, made = [], {}
    for layer in description["layers"]:
        name, kind, config = layer["name"], layer["kind"], layer["config"]
        if kind == "InputLayer":
            values[name] = tf_keras.Input(config["batch_shape"][1:], name=name)
            inputs.append(values[name])
            continue
        made[name] = _layer(kind, config, name)
        read = [values[source] for source in layer["inputs"]]
        values[name] = made[name](read if len(read) > 1 else read[0])
    outputs = [values[name] for name in description["outputs"]]
    model = tf_keras.Model(inputs[0], outputs if len(outputs) > 1 else outputs[0])
    for name, layer in made.items():
        if found := weights_of(name, weights):
            layer.set_weights(found)
    return model


def _layer(kind: str, config: Record, name: str) -> Any:
    cls = getattr(tf_keras.layers, kind, None)
    if cls is None:
        raise ValueError(f"The layer {kind!r} is none of Keras 2, and is not built here.")
    options = {key: value for key, value in config.items() if _kept(cls, key)}
    if isinstance(inner := options.get("layer"), dict):
        options["layer"] = _layer(inner["class_name"], inner["config"], f"{name}_inner")
    options.pop("backward_layer", None)
    return cls(**options, name=name)


def _kept(cls: type, key: str) -> bool:
    if key in FOREIGN or key.endswith(ENDINGS):
        return False
    return any(key in inspect.signature(base.__init__).parameters for base in cls.__mro__[:-1])
