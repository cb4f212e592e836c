"""Moves the positions of values ``[1, L, C]`` to the first axis.

Before: ``y: Conv2D(x, 300, (1, 19)) -> [1, 1000, 300]``
After:  ``y: Conv2D(x, 300, (19, 1)) -> [1000, 1, 300]``, its kernel transposed
Needs:  a flat graph. Sets: the graph; clears every fact.

Models that write a Conv1D as a Conv2D put the axis of length one before or after the positions.
Only the second order has the positions on axis 1. Transposing such a value moves no element:
Reshape and Flatten are unchanged, pointwise layers compute the same, and two-dimensional layers get
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
TWO_DIMENSIONAL = tuple(
    f"keras.{title}"
    for title in (
        "Conv2D", "MaxPooling2D", "AveragePooling2D", "ZeroPadding2D", "Cropping2D",
        "Conv2DTranspose",
    )
)  # fmt: skip
RESTORED = ".transposed"  # suffix of the name of a value in its original order of axes
ORDER_PRESERVING = ("Reshape", "Flatten", "ExpandDims", "Squeeze")
GLOBAL = ("GlobalAveragePooling2D", "GlobalMaxPooling2D")


def positions_first(program: Program) -> Program:
    """The program with positions on axis 1, where an axis of length one preceded them."""
    graph = program.graph
    if not any(_is_flat(layer) for layer in graph):
        return program
    layers: dict[str, Layer] = {}
    transposed: set[str] = set()
    for layer in graph:
        result = _transpose(layer, graph, layers, transposed)
        if result is not None:
            transposed.add(layer.name)
        elif layer.title not in (*ORDER_PRESERVING, *GLOBAL):
            layer = replace(
                layer, inputs=tuple(_original(n, graph, layers, transposed) for n in layer.inputs)
            )
        layers[layer.name] = result or layer
    if not transposed:
        return program
    outputs = tuple(_original(name, graph, layers, transposed) for name in program.request.outputs)
    graph = Graph(graph.name, tuple(layers.values()), graph.inputs, graph.outputs)
    return Program(graph, replace(program.request, outputs=outputs))


def _is_flat(layer: Layer) -> bool:
    """Whether the value is ``[1, L, C]`` with several positions."""
    return len(layer.shape) == 3 and layer.shape[0] == 1 and layer.shape[1] > 1


def _transpose(
    layer: Layer, graph: Graph, layers: Mapping[str, Layer], transposed: set[str]
) -> Layer | None:
    """The layer with a transposed value, or ``None`` if it must stay as it is."""
    shape = (layer.shape[1], layer.shape[0], *layer.shape[2:]) if len(layer.shape) == 3 else ()
    sources = tuple(graph[name] for name in layer.inputs)
    if not sources or len(layer.shape) != 3 or layer.shape[0] != 1:
        return None
    if layer.title in ORDER_PRESERVING:
        target = {"target_shape": shape} if layer.title == "Reshape" else {}
        config = {**layer.config, **target}
        return replace(layer, shape=shape, config=config, call=None) if _is_flat(layer) else None
    if not all(name in transposed for name in layer.inputs):
        return None
    if layer.kind in TWO_DIMENSIONAL:
        return with_swapped_axes(layer, tuple(layers[name] for name in layer.inputs))
    rule = rule_of(Node(layer, sources, (True,) * len(sources)))
    last = layer.config.get("axis", -1) in (-1, 3, [-1], [3])
    pointwise = rule.role in (Role.SEE_THROUGH, Role.AGGREGATE) and not rule.positional and last
    return replace(layer, shape=shape) if pointwise and not _has_array_arguments(layer) else None


def with_swapped_axes(layer: Layer, inputs: tuple[Layer, ...]) -> Layer | None:
    """A layer of two dimensions on transposed inputs; ``None`` if it would be a stop on them."""
    plain = layer.config.get("compute_dtype", "float32") == "float32"
    if layer.kind not in TWO_DIMENSIONAL or len(layer.shape) != 3 or not plain:
        return None
    shape = (layer.shape[1], layer.shape[0], *layer.shape[2:])
    result = replace(layer, shape=shape, config=_swap_axes(layer.config), call=None)
    return None if rule_of(Node(result, inputs, (True,))).role is Role.STOP else result


def _has_array_arguments(layer: Layer) -> bool:
    """Whether an array among the arguments could have an axis along the positions."""
    return any(len(getattr(value, "shape", ())) > 1 for value in layer.config.get("args", ()))


def _swap_axes(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with the axes of positions and columns exchanged."""
    swapped = {
        key: value[::-1] if key in SIZES and isinstance(value, tuple | list) else value
        for key, value in config.items()
    }
    return swapped | {"transposed": True}


def _original(name: str, graph: Graph, layers: dict[str, Layer], transposed: set[str]) -> str:
    """The name of a value in its original shape; adds a layer that restores it if necessary."""
    if name not in transposed:
        return name
    back = f"{name}{RESTORED}"
    if back not in layers:
        layer = graph[name]
        config = {"target_shape": layer.shape}
        layers[back] = Layer(back, "keras.Reshape", (name,), layer.shape, layer.dtype, config)
    return back
