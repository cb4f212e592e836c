"""Finds in the trace of a layer whether it draws random numbers, and which inner layer does.

Random numbers with a fixed seed count too: XLA draws other numbers from a seed than TensorFlow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ismc.ir.graph import Layer

RANDOM = re.compile("Random|Stateful.*(Normal|Uniform)|TruncatedNormal|Multinomial|^Rng|Determin")


def find_random_layer(
    layer: Layer, inputs: Sequence[Layer], weights: Mapping[str, Any]
) -> str | None:
    """A phrase that names the inner layer that draws random numbers; ``None`` if none does.

    The phrase is empty if the layer itself draws them, or no inner layer can be named.

    Args:
        layer: the layer to trace.
        inputs: the layers whose values it takes.
        weights: its weights by name.
    """
    assert layer.call is not None  # noqa: S101  (callers pass only layers that can be called)
    specs = [tf.TensorSpec((2, *value.shape), value.dtype) for value in inputs]
    call = layer.call
    try:
        traced = tf.function(lambda xs: call(xs, weights), autograph=False)
        concrete = traced.get_concrete_function(specs)
    except Exception:  # noqa: BLE001  (compiling a layer that cannot be traced raises the error)
        return None
    for operation in _ancestors(concrete.outputs):
        if RANDOM.search(operation.type):
            return _inner_layer(layer, operation.name)
    inner = concrete.graph.as_graph_def().library.function
    return "" if any(RANDOM.search(node.op) for f in inner for node in f.node_def) else None


def _ancestors(tensors: Sequence[Any]) -> Iterator[Any]:
    """The operations that the tensors are computed from."""
    waiting, seen = [tensor.op for tensor in tensors], set()
    while waiting:
        operation = waiting.pop()
        if operation.name not in seen:
            seen.add(operation.name)
            yield operation
            waiting += [tensor.op for tensor in operation.inputs]


def _inner_layer(layer: Layer, path: str) -> str:
    """A phrase that names the innermost layer on an operation's path; empty if it is ``layer``."""
    parts = getattr(layer.source, "_flatten_layers", tuple)()
    titles = {part.name: type(part).__name__ for part in parts if part is not layer.source}
    steps = [name for step in path.split("/") for name in (step, re.sub(r"_\d+$", "", step))]
    label = next((name for name in reversed(steps) if name in titles), "")
    return f", in its {titles[label]} {label!r}" if label else ""
