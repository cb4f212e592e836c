"""Sees in the trace of a layer whether it draws random numbers, and where.

Those that follow from a fixed seed count too: XLA makes others of the same seed than TensorFlow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ismc.ir.graph import Layer

RANDOM = re.compile("Random|Stateful.*(Normal|Uniform)|TruncatedNormal|Multinomial|^Rng|Determin")


def drawn(layer: Layer, inputs: Sequence[Layer], weights: Mapping[str, Any]) -> str | None:
    """The inner layer that draws random numbers, in words that may be none; ``None`` if none does.

    Args:
        layer: what is traced.
        inputs: what it takes.
        weights: its weights by name.
    """
    assert layer.call is not None  # noqa: S101  (only layers that can be called are in doubt)
    specs = [tf.TensorSpec((2, *value.shape), value.dtype) for value in inputs]
    call = layer.call
    try:
        traced = tf.function(lambda xs: call(xs, weights), autograph=False)
        found = traced.get_concrete_function(specs)
    except Exception:  # noqa: BLE001  (what cannot be traced is refused where it is compiled)
        return None
    for operation in _reached(found.outputs):
        if RANDOM.search(operation.type):
            return _inside(layer, operation.name)
    inner = found.graph.as_graph_def().library.function
    return "" if any(RANDOM.search(node.op) for f in inner for node in f.node_def) else None


def _reached(tensors: Sequence[Any]) -> Iterator[Any]:
    """The operations that tensors are computed from."""
    waiting, seen = [tensor.op for tensor in tensors], set()
    while waiting:
        operation = waiting.pop()
        if operation.name not in seen:
            seen.add(operation.name)
            yield operation
            waiting += [tensor.op for tensor in operation.inputs]


def _inside(layer: Layer, path: str) -> str:
    """The innermost layer on the path of an operation, if it is another one."""
    parts = getattr(layer.source, "_flatten_layers", tuple)()
    titles = {part.name: type(part).__name__ for part in parts if part is not layer.source}
    steps = [name for step in path.split("/") for name in (step, re.sub(r"_\d+$", "", step))]
    found = next((name for name in reversed(steps) if name in titles), "")
    return f", in its {titles[found]} {found!r}" if found else ""
