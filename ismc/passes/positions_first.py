"""Puts the positions of values ``[1, L, C]`` on the first axis.

Before: ``y = Conv2D(x)  # [1, 1000, 300]``, kernel (1, 19)
After:  ``y = Conv2D(x)  # [1000, 1, 300]``, kernel transposed
Needs:  a flat graph. Sets: the graph; clears every fact.

Models that write a Conv1D as a Conv2D put the axis of length one before or after the positions;
only the latter has positions on axis 1. Turning such a value moves no element, so Reshape and
Flatten stay what they are, layers of single elements do not notice, and layers over columns have
their sizes swapped. Before any other layer the value is transposed back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ismc.ir.graph import Graph, Layer
from ismc.passes.program import Program
from ismc.rules import Node, Role, rule_of

SIZES = ("kernel_size", "strides", "dilation_rate", "pool_size", "padding", "cropping")
OVER_COLUMNS = (
    "Conv2D", "MaxPooling2D", "AveragePooling2D", "ZeroPadding2D", "Cropping2D", "Conv2DTranspose",
)  # fmt: skip
SAME_ORDER = ("Reshape", "Flatten", "ExpandDims", "Squeeze")
GLOBAL = ("GlobalAveragePooling2D", "GlobalMaxPooling2D")


def positions_first(program: Program) -> Program:
    """The program with positions on axis 1, where an axis of length one was before them."""
    graph = program.graph
    if not any(_flat(layer) for layer in graph):
        return program
    layers: dict[str, Layer] = {}
    transposed: set[str] = set()
    for layer in graph:
        found = _transposed(layer, graph, layers, transposed)
        if found is not None:
            transposed.add(layer.name)
        elif layer.title not in (*SAME_ORDER, *GLOBAL):
            layer = replace(
                layer, inputs=tuple(_back(n, graph, layers, transposed) for n in layer.inputs)
            )
        layers[layer.name] = found or layer
    if not transposed:
        return program
    outputs = tuple(_back(name, graph, layers, transposed) for name in program.request.outputs)
    graph = Graph(graph.name, tuple(layers.values()), graph.inputs, graph.outputs)
    return Program(graph, replace(program.request, outputs=outputs))


def _flat(layer: Layer) -> bool:
    """Whether the value is ``[1, L, C]`` with several positions."""
    return len(layer.shape) == 3 and layer.shape[0] == 1 and layer.shape[1] > 1


def _transposed(
    layer: Layer, graph: Graph, layers: Mapping[str, Layer], transposed: set[str]
) -> Layer | None:
    """The layer with a transposed value, or nothing where it has to stay."""
    shape = (layer.shape[1], layer.shape[0], *layer.shape[2:]) if len(layer.shape) == 3 else ()
    sources = tuple(graph[name] for name in layer.inputs)
    if not sources or len(layer.shape) != 3 or layer.shape[0] != 1:
        return None
    if layer.title in SAME_ORDER:
        return replace(layer, shape=shape, call=None) if _flat(layer) else None
    if not all(name in transposed for name in layer.inputs):
        return None
    if layer.kind in (f"keras.{title}" for title in OVER_COLUMNS):
        found = replace(layer, shape=shape, config=_swapped(layer.config), call=None)
        node = Node(found, tuple(layers[name] for name in layer.inputs), (True,))
        plain = layer.config.get("compute_dtype", "float32") == "float32"
        return found if plain and rule_of(node).role is not Role.STOP else None
    rule = rule_of(Node(layer, sources, (True,) * len(sources)))
    last = layer.config.get("axis", -1) in (-1, 3, [-1], [3])
    alone = rule.role in (Role.SEE_THROUGH, Role.AGGREGATE) and not rule.positional and last
    return replace(layer, shape=shape) if alone and not _constants(layer) else None


def _constants(layer: Layer) -> bool:
    """Whether an array among the arguments could be laid out along the positions."""
    return any(len(getattr(value, "shape", ())) > 1 for value in layer.config.get("args", ()))


def _swapped(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with the two axes of positions and columns exchanged."""
    swapped = {
        key: value[::-1] if key in SIZES and isinstance(value, tuple | list) else value
        for key, value in config.items()
    }
    return swapped | {"transposed": True}


def _back(name: str, graph: Graph, layers: dict[str, Layer], transposed: set[str]) -> str:
    """The name of a value in its own shape."""
    if name not in transposed:
        return name
    back = f"{name}.transposed"
    if back not in layers:
        layer = graph[name]
        layers[back] = Layer(back, "keras.Reshape", (name,), layer.shape, layer.dtype)
    return back
