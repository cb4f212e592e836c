"""Models whose sequence has an extra axis of length one, such as Conv2D models of sequences."""

from __future__ import annotations

from typing import Any

import keras

Shape = tuple[int, ...]


def squeeze(model: Any) -> tuple[Any, tuple[Shape, ...]]:
    """The model on ``[L, C]`` in place of ``[L, 1, C]``, ``[1, L, C]`` or ``[L, C, 1]``.

    Returns:
        The model and the shapes that its inputs had. If an input is a sequence ``[L, C]`` already,
        or no input has an extra axis, the same model and no shapes.
    """
    try:
        shapes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    except (AttributeError, ValueError, TypeError):
        return model, ()
    if any(len(shape) == 2 for shape in shapes) or not any(map(_has_one, shapes)):
        return model, ()
    inputs, values = [], []
    for tensor, shape in zip(model.inputs, shapes, strict=True):
        flat = tuple(n for n in shape if n != 1) if _has_one(shape) else shape
        name = tensor._keras_history[0].name  # noqa: SLF001  (Keras has no public way)
        x = keras.Input(flat, name=name, dtype=tensor.dtype)
        inputs.append(x)
        values.append(x if flat == shape else keras.layers.Reshape(shape)(x))
    structure = getattr(model, "_inputs_struct", None)
    structure = model.inputs[0] if structure is None else structure
    nest: Any = keras.tree.pack_sequence_as(structure, values)
    packed: Any = keras.tree.pack_sequence_as(structure, inputs)
    return keras.Model(packed, model(nest), name=model.name), tuple(shapes)


def _has_one(shape: tuple[int | None, ...]) -> bool:
    return len(shape) == 3 and shape.count(1) == 1 and None not in shape
