"""Makes masks values of the graph, for the layers that look at them.

Before: ``y = Masking(x)  h = Dense(y)  z = LSTM(h)``
After:  ``y = Masking(x)  y.mask = Mask(x)  h = Dense(y)  z = LSTM with a mask(h, y.mask)``
Needs:  a flat graph.

Keras hangs masks on tensors, where layers find, replace and remove them. Which layer finds which
mask is asked of the layers themselves: they are called on symbolic tensors, in Keras's order. A
layer looks at a mask if it computes something else with it; all others stay what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras

from ismc.errors import UnsupportedModelError
from ismc.frontend.masking import carrying, mask_of, without
from ismc.frontend.masking_nodes import mask_layer
from ismc.frontend.traced import BATCH, Kind, called, symbolic, traced, tracing
from ismc.ir.graph import WITH_A_MASK, Graph, Layer
from ismc.rules.base import known_kinds

MAKERS = ("Masking", "Embedding", "ReversibleEmbedding", "Lambda")


def with_masks(graph: Graph, outputs: Sequence[str]) -> Graph:
    """The graph with the masks that layers look at as values; the same one if there are none.

    Args:
        graph: a flat graph, as a frontend reads it.
        outputs: the values that are asked for.

    Raises:
        UnsupportedModelError: when a mask comes from nowhere in the graph, or a layer fails.
    """
    if not any(_may_make(layer) for layer in graph):
        return graph
    found = _Found(graph, graph.ancestors(outputs))
    with tracing():
        for name in graph.run or [layer.name for layer in graph]:
            found.add(graph[name])
    takes = {
        name: masks
        for name, masks in found.masks.items()
        if name in found.live and found.looks(name)
    }
    made = found.wanted({mask for masks in takes.values() for mask in masks if mask})
    layers = []
    for layer in graph:
        if layer.name in found.ran:
            layer = found.without_unread(_given_masks(layer, takes.get(layer.name, ())))
        layers.append(layer)
        layers += made.get(layer.name, [])
    return replace(graph, layers=tuple(layers), run=())


def _may_make(layer: Layer) -> bool:
    """Whether a layer may give a mask to its result where no operand has one."""
    if not layer.inputs or layer.title == "Item" or layer.kind.startswith(("keras.ops.", "tf.")):
        return False
    if layer.title in MAKERS or layer.kind not in known_kinds():
        return True
    is_function = layer.title == "Activation"
    function = getattr(layer.source, "activation", layer.source if is_function else None)
    module = (getattr(function, "__module__", None) or "").split(".")[0]
    own = module in ("keras", "tf_keras") and not hasattr(function, "compute_mask")
    return function is not None and not own


def _given_masks(layer: Layer, masks: Sequence[str]) -> Layer:
    """The layer whose call takes the masks of its operands as further operands."""
    assert layer.call is not None  # noqa: S101  (it was called)
    places = [i for i, name in enumerate(masks) if name]
    call = carrying(layer.call, places)
    if not places:
        return replace(layer, call=call)
    kind = layer.kind.removesuffix(WITH_A_MASK) + WITH_A_MASK
    inputs = (*layer.inputs, *(masks[i] for i in places))
    return replace(layer, kind=kind, inputs=inputs, call=call)


@dataclass
class _Found:
    """What calls on symbolic tensors tell, one by one.

    Attributes:
        graph: the layers.
        live: those whose values are asked for.
        masks: for each layer that finds a mask, the names of its operands' masks, or ``""``.
        makes: the layers and the results that masks come from, by the names of the masks.
        kinds: the kinds of those masks.
        ran: the layers that were called.
    """

    graph: Graph
    live: frozenset[str]
    masks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    makes: dict[str, tuple[str, int]] = field(default_factory=dict)
    kinds: dict[str, Kind] = field(default_factory=dict)
    ran: set[str] = field(default_factory=set)
    _values: dict[str, Any] = field(default_factory=dict)
    _names: dict[int, str] = field(default_factory=dict)
    _kept: list[Any] = field(default_factory=list)

    def add(self, layer: Layer) -> None:
        """Calls a layer, if it finds a mask or may make one."""
        if layer.title == "Item":
            results = self._values[layer.inputs[0]]
            value = None if results is None else results[layer.config["index"]]
            self._values[layer.name] = self._blank(layer) if value is None else value
            return
        self._values[layer.name] = self._blank(layer)
        operands = [self._values[name] for name in layer.inputs]
        masks = tuple(self._name(layer, value) for value in operands)
        matters = any(masks) or _may_make(layer)
        if not matters and not layer.kind.startswith("tf."):
            return  # what functions of TensorFlow give need not have the batch for its first axis
        try:
            value = called(layer, operands)
        except Exception as error:
            if not matters or layer.name not in self.live:
                return  # nobody asks for it
            raise UnsupportedModelError(
                f"Layer {layer.name!r} fails when it is called on {BATCH} sequences: {error}",
                hint=f"Call the model itself on {BATCH} sequences; it fails there too.",
            ) from error
        self._values[layer.name] = value
        if matters:
            self.ran.add(layer.name)
        if any(masks):
            self.masks[layer.name] = masks
        for i, result in enumerate(keras.tree.flatten(value)):
            self._know(layer, i, result)

    def _blank(self, layer: Layer) -> Any:
        """A tensor without a mask; nothing for a layer of several results."""
        items = [reader for reader in self.graph.consumers(layer.name) if reader.title == "Item"]
        if items and layer.title != "Item":
            return None
        value = symbolic(Kind(layer.shape, layer.dtype))
        self._names[id(value)] = layer.name
        self._kept.append(value)
        return value

    def _name(self, layer: Layer, value: Any) -> str:
        mask = mask_of(value)
        if mask is None:
            return ""
        if id(mask) not in self._names:
            raise UnsupportedModelError(
                f"Layer {layer.name!r} finds a mask that no layer of the model has made.",
                hint="Give masks to layers with mask=, or let a layer's compute_mask make them.",
            )
        return self._names[id(mask)]

    def _know(self, layer: Layer, index: int, result: Any) -> None:
        """Names a result and its mask; either may be one that is known already."""
        items = [r.name for r in self.graph.consumers(layer.name) if r.title == "Item"]
        own = f"{layer.name}:{index}" if items else layer.name
        self._names.setdefault(id(result), own)
        mask = mask_of(result)
        self._kept += [result, mask]
        if mask is None or id(mask) in self._names:
            return
        if mask.shape[0] not in (1, BATCH):
            raise UnsupportedModelError(
                f"Layer {layer.name!r} gives a mask of the shape {tuple(mask.shape)}, expected "
                f"one row for each sequence.",
                hint="Let its compute_mask return a tensor whose first axis is the batch.",
            )
        name = f"{own}.mask"
        while name in self.graph or name in self.makes:
            name += "_"
        self._names[id(mask)] = name
        self.makes[name] = layer.name, index
        self.kinds[name] = Kind(tuple(mask.shape[1:]), mask.dtype.name)

    def _kind(self, name: str) -> Kind:
        return self.kinds.get(name) or Kind(self.graph[name].shape, self.graph[name].dtype)

    def _of(self, layer: Layer) -> tuple[list[Kind], list[Kind | None]]:
        masks = self.masks.get(layer.name, ("",) * len(layer.inputs))
        return [self._kind(n) for n in layer.inputs], [self._kind(n) if n else None for n in masks]

    def looks(self, name: str) -> bool:
        """Whether a layer computes something else with the masks that it finds."""
        layer = self.graph[name]
        operands, masks = self._of(layer)
        bare: list[Kind | None] = [None] * len(masks)
        try:
            without = traced(layer, operands, bare).computes
        except Exception:  # noqa: BLE001  (a layer of the user's may need its mask)
            return True
        return traced(layer, operands, masks).computes != without

    def without_unread(self, layer: Layer) -> Layer:
        """The layer without the masks that it is given, if it computes the same without them.

        Only for Keras's own layers: they have a rule, and may be called on a part of the positions.
        """
        kind = layer.kind.removesuffix(WITH_A_MASK)
        if kind == layer.kind or kind not in known_kinds() or not kind.startswith("keras."):
            return layer
        kinds = [self._kind(name) for name in layer.inputs]
        there = [i for i, operand in enumerate(kinds) if operand.dtype != "bool"]
        if layer.call is None or len(there) in (0, len(kinds)):
            return layer
        call, inputs = without(layer.call, there, len(kinds)), (layer.inputs[i] for i in there)
        bare = replace(layer, kind=kind, inputs=tuple(inputs), call=call)
        given, kept = (
            traced(one, operands, [None] * len(operands)).computes
            for one, operands in ((layer, kinds), (bare, [kinds[i] for i in there]))
        )
        return bare if kept == given else layer

    def wanted(self, names: set[str]) -> dict[str, list[Layer]]:
        """The layers that give these masks, and all that those need, by whom they come from."""
        made: dict[str, list[Layer]] = {}
        waiting, done = sorted(names), set[str]()
        while waiting:
            name = waiting.pop()
            if name in done or name not in self.makes:
                continue
            done.add(name)
            source, index = self.makes[name]
            layer = self.graph[source]
            operands, masks = self._of(layer)
            needed = traced(layer, operands, masks).masks[index]
            node = mask_layer(
                name, self.kinds[name], layer, index, operands, masks,
                self.masks.get(source, ()), needed,
            )  # fmt: skip
            made.setdefault(source, []).append(node)
            waiting += node.inputs
        return made
