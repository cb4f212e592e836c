"""Models of open length, and the same layers and weights on inputs of fixed shapes."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any


def is_open(model: Any) -> bool:
    """Whether an input of a model has an axis of unknown size other than the batch."""
    try:
        inputs = list(model.inputs or ())
    except (AttributeError, ValueError, TypeError):
        return False
    return any(None in tuple(tensor.shape)[1:] for tensor in inputs)


def at_shapes(model: Any, shapes: Sequence[Sequence[int]]) -> Any:
    """The functional model with the same layers on inputs of these shapes.

    Args:
        model: a model of Keras 3 or `tf_keras`.
        shapes: the shape of each input, without the batch axis.
    """
    family = import_module(_family(model))
    inputs = [
        family.Input(tuple(shape), dtype=tensor.dtype, name=_name(model, i))
        for i, (tensor, shape) in enumerate(zip(model.inputs, shapes, strict=True))
    ]
    tensors: Any = inputs[0] if len(inputs) == 1 else inputs
    return family.models.clone_model(model, input_tensors=tensors, clone_function=_same)


def _same(layer: Any) -> Any:
    return layer


def _name(model: Any, index: int) -> str | None:
    names = getattr(model, "input_names", None) or []
    return names[index] if index < len(names) else None


def _family(model: Any) -> str:
    roots = {base.__module__.split(".")[0] for base in type(model).__mro__}
    return "tf_keras" if "tf_keras" in roots else "keras"
