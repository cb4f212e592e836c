"""Turns masks into values of the graph, for the layers that use them.

Before: ``y: Masking(x); h: Dense(y, 8); z: LSTM(h, 3)``
After:  ``y: Masking(x); y.mask: ismc.Mask(x); h: Dense(y, 8)``,
        ``z: "keras.LSTM with a mask"(h, y.mask)``
Needs:  a flat graph.

Keras attaches masks to tensors; layers read, replace and remove them. To find out which mask each
layer reads, this pass calls the layers on symbolic tensors, in the order in which Keras runs them.
A layer uses a mask if it computes something else with it than without it. All other layers are
unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras

from ismc.errors import UnsupportedModelError
from ismc.frontend.masking import mask_of, masks_as_operands, with_none
from ismc.frontend.masking_nodes import mask_layer
from ismc.frontend.traced import BATCH, Kind, call_layer, symbolic, trace, tracing
from ismc.ir.graph import WITH_A_MASK, Graph, Layer
from ismc.rules.base import known_kinds

MAKERS = ("Masking", "Embedding", "ReversibleEmbedding", "Lambda")


def with_masks(graph: Graph, outputs: Sequence[str]) -> Graph:
    """The graph with each used mask as a value; the same graph if no layer uses a mask.

    Args:
        graph: a flat graph, as a frontend reads it.
        outputs: the names of the values to compute.

    Raises:
        UnsupportedModelError: when no layer of the graph makes a mask, or a layer fails.
    """
    if not any(_may_make_mask(layer) for layer in graph):
        return graph
    trial = _Trial(graph, graph.ancestors(outputs))
    with tracing():
        for name in graph.run or [layer.name for layer in graph]:
            trial.add(graph[name])
    used = {
        name: masks
        for name, masks in trial.masks.items()
        if name in trial.live and trial.uses_masks(name)
    }
    sources = trial.mask_layers({mask for masks in used.values() for mask in masks if mask})
    layers = []
    for layer in graph:
        if layer.name in trial.ran:
            layer = trial.drop_unused_masks(_with_operands(layer, used.get(layer.name, ())))
        layers.append(layer)
        layers += sources.get(layer.name, [])
    return replace(graph, layers=tuple(layers), run=())


def _may_make_mask(layer: Layer) -> bool:
    """Whether a layer may attach a mask to its result although no operand has one."""
    if not layer.inputs or layer.title == "Item" or layer.kind.startswith(("keras.ops.", "tf.")):
        return False
    if layer.title in MAKERS or layer.kind not in known_kinds():
        return True
    is_function = layer.title == "Activation"
    function = getattr(layer.source, "activation", layer.source if is_function else None)
    module = (getattr(function, "__module__", None) or "").split(".")[0]
    maskless = module in ("keras", "tf_keras") and not hasattr(function, "compute_mask")
    return function is not None and not maskless


def _with_operands(layer: Layer, masks: Sequence[str]) -> Layer:
    """The layer with the masks of its operands as further operands."""
    assert layer.call is not None  # noqa: S101  (it was called)
    places = [i for i, name in enumerate(masks) if name]
    call = masks_as_operands(layer.call, places)
    if not places:
        return replace(layer, call=call)
    kind = layer.kind.removesuffix(WITH_A_MASK) + WITH_A_MASK
    inputs = (*layer.inputs, *(masks[i] for i in places))
    return replace(layer, kind=kind, inputs=inputs, call=call)


@dataclass
class _Trial:
    """The masks that layers read and make when they are called on symbolic tensors.

    Attributes:
        graph: the graph.
        live: the names of the layers that the outputs need.
        masks: for each layer that reads a mask, the name of each operand's mask, or ``""``.
        origins: for each mask, the name of the layer that makes it and the index of its result.
        kinds: the shape and dtype of each mask.
        ran: the names of the layers that were called.
    """

    graph: Graph
    live: frozenset[str]
    masks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    origins: dict[str, tuple[str, int]] = field(default_factory=dict)
    kinds: dict[str, Kind] = field(default_factory=dict)
    ran: set[str] = field(default_factory=set)
    _values: dict[str, Any] = field(default_factory=dict)
    _names: dict[int, str] = field(default_factory=dict)
    _alive: list[Any] = field(default_factory=list)  # so that no ``id`` is reused

    def add(self, layer: Layer) -> None:
        """Calls a layer if it reads a mask or may make one, and records its result."""
        if layer.title == "Item":
            results = self._values[layer.inputs[0]]
            value = None if results is None else results[layer.config["index"]]
            self._values[layer.name] = self._blank(layer) if value is None else value
            return
        self._values[layer.name] = self._blank(layer)
        operands = [self._values[name] for name in layer.inputs]
        masks = tuple(self._name(layer, value) for value in operands)
        matters = any(masks) or _may_make_mask(layer)
        if not matters and not layer.kind.startswith("tf."):
            return  # a blank will do, unless a TensorFlow function changes the batch axis
        try:
            value = call_layer(layer, operands)
        except Exception as error:
            if not matters or layer.name not in self.live:
                return  # no output needs it
            raise UnsupportedModelError(
                f"Layer {layer.name!r} fails when it is called on {BATCH} sequences: {error}",
                hint=f"Call the model on {BATCH} sequences; it should fail there too.",
            ) from error
        self._values[layer.name] = value
        if matters:
            self.ran.add(layer.name)
        if any(masks):
            self.masks[layer.name] = masks
        for i, result in enumerate(keras.tree.flatten(value)):
            self._record(layer, i, result)

    def _blank(self, layer: Layer) -> Any:
        """A symbolic tensor without a mask; ``None`` for a layer with several results."""
        items = [reader for reader in self.graph.consumers(layer.name) if reader.title == "Item"]
        if items and layer.title != "Item":
            return None
        value = symbolic(Kind(layer.shape, layer.dtype))
        self._names[id(value)] = layer.name
        self._alive.append(value)
        return value

    def _name(self, layer: Layer, value: Any) -> str:
        """The name of the mask of an operand, or ``""`` if it has none."""
        mask = mask_of(value)
        if mask is None:
            return ""
        if id(mask) not in self._names:
            raise UnsupportedModelError(
                f"Layer {layer.name!r} reads a mask that no layer of the model makes.",
                hint="Pass masks to layers with mask=, or return them from a layer's compute_mask.",
            )
        return self._names[id(mask)]

    def _record(self, layer: Layer, index: int, result: Any) -> None:
        """Names a result and its mask, unless they have a name already."""
        items = [r.name for r in self.graph.consumers(layer.name) if r.title == "Item"]
        label = f"{layer.name}:{index}" if items else layer.name
        self._names.setdefault(id(result), label)
        mask = mask_of(result)
        self._alive += [result, mask]
        if mask is None or id(mask) in self._names:
            return
        if mask.shape[0] not in (1, BATCH):
            raise UnsupportedModelError(
                f"Layer {layer.name!r} returns a mask of shape {tuple(mask.shape)}, expected "
                f"one row per sequence.",
                hint="Return a tensor whose first axis is the batch from its compute_mask.",
            )
        name = f"{label}.mask"
        while name in self.graph or name in self.origins:
            name += "_"
        self._names[id(mask)] = name
        self.origins[name] = layer.name, index
        self.kinds[name] = Kind(tuple(mask.shape[1:]), mask.dtype.name)

    def _kind(self, name: str) -> Kind:
        return self.kinds.get(name) or Kind(self.graph[name].shape, self.graph[name].dtype)

    def _kinds_of(self, layer: Layer) -> tuple[list[Kind], list[Kind | None]]:
        """The kinds of a layer's operands and of their masks."""
        masks = self.masks.get(layer.name, ("",) * len(layer.inputs))
        return [self._kind(n) for n in layer.inputs], [self._kind(n) if n else None for n in masks]

    def uses_masks(self, name: str) -> bool:
        """Whether a layer computes something else with the masks that it reads."""
        layer = self.graph[name]
        operands, masks = self._kinds_of(layer)
        bare: list[Kind | None] = [None] * len(masks)
        try:
            unmasked = trace(layer, operands, bare).computes
        except Exception:  # noqa: BLE001  (a user's layer may require its mask)
            return True
        return trace(layer, operands, masks).computes != unmasked

    def drop_unused_masks(self, layer: Layer) -> Layer:
        """The layer without its mask operands, if it computes the same without them.

        Applies only to Keras layers with a rule, which may be called on some of the positions.
        """
        kind = layer.kind.removesuffix(WITH_A_MASK)
        if kind == layer.kind or kind not in known_kinds() or not kind.startswith("keras."):
            return layer
        kinds = [self._kind(name) for name in layer.inputs]
        places = [i for i, operand in enumerate(kinds) if operand.dtype != "bool"]
        if layer.call is None or len(places) in (0, len(kinds)):
            return layer
        call, inputs = with_none(layer.call, places, len(kinds)), (layer.inputs[i] for i in places)
        bare = replace(layer, kind=kind, inputs=tuple(inputs), call=call)
        masked, unmasked = (
            trace(variant, operands, [None] * len(operands)).computes
            for variant, operands in ((layer, kinds), (bare, [kinds[i] for i in places]))
        )
        return bare if unmasked == masked else layer

    def mask_layers(self, names: set[str]) -> dict[str, list[Layer]]:
        """The layers that compute these masks and the masks they need, by the layer they follow."""
        nodes: dict[str, list[Layer]] = {}
        waiting, done = sorted(names), set[str]()
        while waiting:
            name = waiting.pop()
            if name in done or name not in self.origins:
                continue
            done.add(name)
            source, index = self.origins[name]
            layer = self.graph[source]
            operands, masks = self._kinds_of(layer)
            needed = trace(layer, operands, masks).masks[index]
            node = mask_layer(
                name, self.kinds[name], layer, index, operands, masks,
                self.masks.get(source, ()), needed,
            )  # fmt: skip
            nodes.setdefault(source, []).append(node)
            waiting += node.inputs
        return nodes
