"""Calls of layers on symbolic tensors, and what their results are computed from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from ismc.frontend.masking import mask_of, with_mask
from ismc.ir.graph import Layer, Shape

BATCH = 7  # of what is traced; no mask is a constant of so many sequences


@dataclass(frozen=True)
class Kind:
    """The shape of a value, without the batch axis, and its dtype."""

    shape: Shape
    dtype: str


@contextmanager
def tracing() -> Iterator[Any]:
    """Inside, operations are added to a new graph of TensorFlow's."""
    graph = tf.__internal__.FuncGraph("masks")
    with graph.as_default():
        yield graph


def symbolic(kind: Kind, name: str = "value") -> Any:
    """A tensor ``[BATCH, *shape]`` without a value."""
    return tf.compat.v1.placeholder(kind.dtype, (BATCH, *kind.shape), name)


def called(layer: Layer, values: Sequence[Any]) -> Any:
    """What a layer makes of symbolic tensors, with symbolic weights."""
    variables = getattr(layer.source, "variables", ()) if layer.weights else ()
    weights = {
        name: tf.compat.v1.placeholder(tf.as_dtype(v.dtype), tuple(v.shape), "weight")
        for name, v in zip(layer.weights, variables, strict=True)
    }
    assert layer.call is not None  # noqa: S101  (what has no call is an input or an item)
    return layer.call(values, weights)


@dataclass(frozen=True)
class Traced:
    """A call on symbolic tensors of its own.

    Attributes:
        computes: what its results are computed by, comparable.
        masks: for each result, the names of the operands that its mask depends on.
    """

    computes: list[Any]
    masks: list[frozenset[str]]


def traced(layer: Layer, operands: Sequence[Kind], masks: Sequence[Kind | None]) -> Traced:
    """One call; operands are named ``value_0`` and so on, their masks ``mask_0``."""
    with tracing() as graph:
        values = [
            with_mask(symbolic(kind, f"value_{i}"), mask and symbolic(mask, f"mask_{i}"))
            for i, (kind, mask) in enumerate(zip(operands, masks, strict=True))
        ]
        results = keras.tree.flatten(called(layer, values))
        return Traced(
            [_computed(result, graph) for result in results],
            [_named(mask_of(result)) for result in results],
        )


def _computed(tensor: Any, graph: Any) -> Any:
    """The operations behind a tensor, without their names but for those of operands.

    Copies, which masks are hung on, do not count.
    """
    found = [op for op in _behind(tensor) if not _copies(op)]
    if not found:
        return object()
    captured = {inner.op.name: id(outer) for outer, inner in graph.captures}
    place = {op.name: i for i, op in enumerate(found)}
    steps = []
    for op in found:
        node = type(op.node_def)()
        node.CopyFrom(op.node_def)
        node.ClearField("name")
        node.ClearField("input")
        inputs = [(place[t.op.name], t.value_index) for t in map(_copied, op.inputs)]
        after = [place[other.name] for other in op.control_inputs if not _copies(other)]
        known = op.name if op.type == "Placeholder" else captured.get(op.name)
        steps.append((node.SerializeToString(deterministic=True), inputs, after, known))
    tensor = _copied(tensor)
    return steps, place[tensor.op.name], tensor.value_index


def _copies(op: Any) -> bool:
    return op.type == "Identity" and not op.control_inputs


def _copied(tensor: Any) -> Any:
    """What a tensor is a copy of."""
    while _copies(tensor.op):
        tensor = tensor.op.inputs[0]
    return tensor


def _named(tensor: Any) -> frozenset[str]:
    names = {op.name for op in _behind(tensor) if op.type == "Placeholder"}
    return frozenset(name for name in names if name.startswith(("value_", "mask_")))


def _behind(tensor: Any) -> list[Any]:
    """The operations that a tensor is computed by, in the order in which they were added."""
    if not tf.is_tensor(tensor) or not hasattr(tensor, "graph"):
        return []
    found: dict[str, Any] = {}
    waiting = [tensor.op]
    while waiting:
        op = waiting.pop()
        if op.name not in found:
            found[op.name] = op
            waiting += [t.op for t in op.inputs] + list(op.control_inputs)
    return [op for op in tensor.graph.get_operations() if op.name in found]
