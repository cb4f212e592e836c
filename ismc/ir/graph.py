"""The graph that the passes rewrite: one node per call of a layer, and its printed form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from textwrap import indent
from typing import Any

import networkx as nx

from ismc.ir.kinds import layer_kind
from ismc.ir.text import Operand, kind_text, name_text, settings_text, shape_text

__all__ = ["WITH_A_MASK", "Graph", "Layer", "OpaqueCall", "Operand", "Shape"]

Shape = tuple[int, ...]
OpaqueCall = Callable[[Sequence[Any], Mapping[str, Any]], Any]
WITH_A_MASK = " with a mask"  # suffix of the kind of a layer that uses a mask


@dataclass(frozen=True)
class Layer:
    """One call of a layer.

    Attributes:
        name: the name of the call, unique in the graph.
        kind: ``keras.Conv1D`` for Keras classes, ``module.Class`` for others.
        inputs: the names of the values it takes, in order; a name may occur more than once.
        shape: the shape of its value without the batch axis, ``[L, C]`` for a sequence.
        dtype: the dtype of its value.
        config: the layer's configuration, as plain data.
        weights: the names of its weights.
        owner: the key of its weights; all calls of one layer share it.
        renamed: for a part of a decomposed layer, pairs of the part's and the layer's name of a
            weight.
        call: runs the original layer on tensors ``[B, *shape]`` and weights.
        source: the original layer object, for users' rules.
        body: the graph of a nested model, until the flatten pass inlines it.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    shape: Shape
    dtype: str = "float32"
    config: Mapping[str, Any] = field(default_factory=dict, compare=False)
    weights: tuple[str, ...] = ()
    owner: str = ""
    renamed: tuple[tuple[str, str], ...] = ()
    call: OpaqueCall | None = field(default=None, compare=False, repr=False)
    source: Any = field(default=None, compare=False, repr=False)
    body: Graph | None = field(default=None, repr=False)

    @property
    def length(self) -> int:
        """The number of positions, axis 1 of the value."""
        return self.shape[0] if self.shape else 1

    @property
    def title(self) -> str:
        """The class name without its module."""
        return self.kind.rsplit(".", 1)[-1]

    def __str__(self) -> str:
        shape = shape_text(self.shape, self.dtype)
        if not self.inputs and self.kind == "keras.InputLayer":
            return f"{name_text(self.name)}: input {shape}"
        inputs = ", ".join(map(name_text, self.inputs))
        config = {} if self.body else self.config
        settings = settings_text(self.kind, config, len(self.inputs))
        arguments = inputs + settings if inputs else settings.removeprefix(", ")
        text = f"{name_text(self.name)}: {kind_text(self.kind)}({arguments}) -> {shape}"
        return (
            text
            + self._weights_text()
            + (f" {{\n{indent(str(self.body), '  ')}\n}}" if self.body else "")
        )

    def _weights_text(self) -> str:
        """The names and the owner of the weights, if they are not those of the kind."""
        text = ""
        if (self.owner, self.weights) != implied_weights(self.name, self.kind, self.config):
            names = ", ".join(map(name_text, self.weights))
            text = f" weights {name_text(self.owner or self.name)}({names})"
        if self.renamed:
            pairs = (f"{name_text(part)}={name_text(name)}" for part, name in self.renamed)
            text += f" renamed({', '.join(pairs)})"
        return text


def implied_weights(name: str, kind: str, config: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The owner and the names of a layer's weights, as its kind and settings imply them."""
    entry = layer_kind(kind)
    weights = entry.weights(entry.filled(config))
    return (name if weights else ""), weights


@dataclass(frozen=True)
class Graph:
    """An immutable graph of layer calls; the ``inputs`` of the layers define its edges.

    Attributes:
        name: the name of the model.
        layers: the calls.
        inputs: the names of the model's inputs, in order.
        outputs: the names of the values that the model returns, in order.
        run: the names of the calls in the order in which Keras runs them, as frontends set it for
            the search for masks; it is no part of the text.
    """

    name: str
    layers: tuple[Layer, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    run: tuple[str, ...] = field(default=(), compare=False)

    @cached_property
    def network(self) -> nx.DiGraph:
        """The networkx graph: an edge from every value to every call that takes it."""
        network = nx.DiGraph()
        for position, layer in enumerate(self.layers):
            network.add_node(layer.name, layer=layer, position=position)
        for layer in self.layers:
            network.add_edges_from((name, layer.name) for name in layer.inputs)
        return network

    @cached_property
    def order(self) -> tuple[Layer, ...]:
        """The layers in topological order; the order is deterministic."""
        nodes = self.network.nodes
        names = nx.lexicographical_topological_sort(self.network, lambda n: nodes[n]["position"])
        return tuple(nodes[name]["layer"] for name in names)

    def __getitem__(self, name: str) -> Layer:
        return self.network.nodes[name]["layer"]

    def __contains__(self, name: object) -> bool:
        return name in self.network

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.order)

    def consumers(self, name: str) -> tuple[Layer, ...]:
        """The calls that take the value ``name``, in topological order."""
        users = self.network.successors(name)
        return tuple(sorted((self[u] for u in users), key=lambda layer: self.rank[layer.name]))

    @cached_property
    def rank(self) -> Mapping[str, int]:
        """The index of every layer in ``order``, by name."""
        return {layer.name: rank for rank, layer in enumerate(self.order)}

    def descendants(self, name: str) -> frozenset[str]:
        """The values that change when ``name`` changes, including itself."""
        return frozenset(nx.descendants(self.network, name)) | {name}

    def ancestors(self, names: Sequence[str]) -> frozenset[str]:
        """The values that ``names`` are computed from, including themselves."""
        ancestors = set(names)
        for name in names:
            ancestors |= nx.ancestors(self.network, name)
        return frozenset(ancestors)

    def __str__(self) -> str:
        return self.text({}, self.outputs)

    def text(self, facts: Mapping[str, str], outputs: Sequence[str]) -> str:
        """The graph as text that `ismc.ir.parse` reads back, with facts of layers as comments."""
        inputs = ", ".join(map(name_text, self.inputs))
        lines = [f"graph {name_text(self.name)}({inputs})"]
        for layer in self.layers:
            fact = facts.get(layer.name)
            lines += f"{layer}{f'  # {fact}' if fact else ''}".splitlines()
        lines.append(f"return {', '.join(map(name_text, outputs))}")
        return "\n  ".join(lines)
