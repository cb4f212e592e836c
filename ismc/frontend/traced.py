"""Calls of layers on symbolic tensors, and the operations that compute their results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from ismc.frontend.masking import mask_of, with_mask
from ismc.ir.graph import Layer, Shape

BATCH = 7  # the traced batch size; no model should hold a constant mask of this many sequences


@dataclass(frozen=True)
class Kind:
    """The shape of a value, without the batch axis, and its dtype."""

    shape: Shape
    dtype: str


@contextmanager
def tracing() -> Iterator[Any]:
    """A context in which operations are added to a new TensorFlow graph."""
    graph = tf.__internal__.FuncGraph("masks")
    with graph.as_default():
        yield graph


def symbolic(kind: Kind, name: str = "value") -> Any:
    """A symbolic tensor ``[BATCH, *shape]``."""
    return tf.compat.v1.placeholder(kind.dtype, (BATCH, *kind.shape), name)


def call_layer(layer: Layer, values: Sequence[Any]) -> Any:
    """The result of a layer on symbolic tensors, with symbolic weights."""
    variables = getattr(layer.source, "variables", ()) if layer.weights else ()
    weights = {
        name: tf.compat.v1.placeholder(tf.as_dtype(v.dtype), tuple(v.shape), "weight")
        for name, v in zip(layer.weights, variables, strict=True)
    }
    assert layer.call is not None  # noqa: S101  (only inputs and items have no call)
    return layer.call(values, weights)


@dataclass(frozen=True)
class Trace:
    """The trace of one call on new symbolic tensors.

    Attributes:
        computes: for each result, the operations that compute it, in a form that compares equal
            for equal computations.
        masks: for each result, the names of the values and masks that its mask depends on.
    """

    computes: list[Any]
    masks: list[frozenset[str]]


def trace(layer: Layer, operands: Sequence[Kind], masks: Sequence[Kind | None]) -> Trace:
    """The trace of a layer's call on operands ``value_0``, .. with the masks ``mask_0``, .."""
    with tracing() as graph:
        values = [
            with_mask(symbolic(kind, f"value_{i}"), mask and symbolic(mask, f"mask_{i}"))
            for i, (kind, mask) in enumerate(zip(operands, masks, strict=True))
        ]
        results = keras.tree.flatten(call_layer(layer, values))
        return Trace(
            [_computation(result, graph) for result in results],
            [_operand_names(mask_of(result)) for result in results],
        )


def _computation(tensor: Any, graph: Any) -> Any:
    """The operations that compute a tensor; only those of operands have names.

    Copies, which exist only to carry masks, are skipped.
    """
    operations = [op for op in _ancestors(tensor) if not _is_copy(op)]
    if not operations:
        return object()
    captured = {inner.op.name: id(outer) for outer, inner in graph.captures}
    place = {op.name: i for i, op in enumerate(operations)}
    steps = []
    for op in operations:
        node = type(op.node_def)()
        node.CopyFrom(op.node_def)
        node.ClearField("name")
        node.ClearField("input")
        inputs = [(place[t.op.name], t.value_index) for t in map(_original, op.inputs)]
        control = [place[other.name] for other in op.control_inputs if not _is_copy(other)]
        source = op.name if op.type == "Placeholder" else captured.get(op.name)
        steps.append((node.SerializeToString(deterministic=True), inputs, control, source))
    tensor = _original(tensor)
    return steps, place[tensor.op.name], tensor.value_index


def _is_copy(op: Any) -> bool:
    return op.type == "Identity" and not op.control_inputs


def _original(tensor: Any) -> Any:
    """The tensor that a chain of copies starts from."""
    while _is_copy(tensor.op):
        tensor = tensor.op.inputs[0]
    return tensor


def _operand_names(tensor: Any) -> frozenset[str]:
    """The names of the operands and masks that a tensor depends on."""
    names = {op.name for op in _ancestors(tensor) if op.type == "Placeholder"}
    return frozenset(name for name in names if name.startswith(("value_", "mask_")))


def _ancestors(tensor: Any) -> list[Any]:
    """The operations that compute a tensor, in the order in which they were added."""
    if not tf.is_tensor(tensor) or not hasattr(tensor, "graph"):
        return []
    seen: dict[str, Any] = {}
    waiting = [tensor.op]
    while waiting:
        op = waiting.pop()
        if op.name not in seen:
            seen[op.name] = op
            waiting += [t.op for t in op.inputs] + list(op.control_inputs)
    return [op for op in tensor.graph.get_operations() if op.name in seen]
