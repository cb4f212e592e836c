"""Reads a model object into a graph, by the frontend of its Keras."""

from __future__ import annotations

from typing import Any

from ismc.frontend import keras3
from ismc.frontend.model import Model


def read(model: Any) -> Model:
    """Reads a model of Keras 3 or of `tf_keras` (Keras 2).

    Raises:
        UnsupportedModelError: when the object is not a Keras model, or was never built.
    """
    if any(base.__module__.split(".")[0] == "tf_keras" for base in type(model).__mro__):
        from ismc.frontend import keras2

        return keras2.read(model)
    return keras3.read(model)
