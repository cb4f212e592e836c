"""Drops positions that no requested output depends on, if the needed ones are evenly spaced.

Before: ``y: Conv1D(x, 32, 5, dilation_rate=25) -> [10001, 32]``, of which one position is needed
After:  ``y: Conv1D("x[0::25]", 32, 5) -> [1, 32]``
Needs:  ``rules``. Sets: the graph and new rules; no change if all positions are needed.

If one position of a convolution with dilation 25 is needed, it reads every 25th position of its
input, and so do all layers before it up to the first with a smaller dilation. The needed positions
form a lattice ``start + step * k``; backward, a window maps lattices to lattices. A value that is
needed on a coarse lattice is only computed there: dilations shrink, and where layers of different
lattices meet, a `Take` selects positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from math import gcd

from ismc.ir.graph import Graph, Layer
from ismc.ir.window import Window
from ismc.passes.classify import describe_layers
from ismc.passes.program import Program
from ismc.plan import cost
from ismc.plan.multiply_adds import in_full
from ismc.rules import Role, Rule

MIN_STEP = 4  # of a lattice that is worth pruning to
SHIFTING_KINDS = ("keras.Cropping1D", "keras.ZeroPadding1D", "keras.ops.GetItem")


@dataclass(frozen=True)
class Lattice:
    """The positions ``start + step * k`` of a value, or only ``start`` if the step is 0."""

    start: int = 0
    step: int = 1

    def __or__(self, other: Lattice) -> Lattice:
        """The finest lattice that contains both."""
        step = gcd(self.step, other.step, abs(self.start - other.start))
        return Lattice(self.start % step if step else self.start, step)

    def count(self, length: int) -> int:
        """The number of its positions in a value of this length."""
        return max(0, -(-(length - self.start) // self.step)) if self.step else 1

    def read_by(self, window: Window, length: int) -> Lattice:
        """What a window reads for these outputs; `ALL` if it is a single position outside."""
        start = self.start * window.stride - window.pad
        step = gcd(self.step * window.stride, window.dilation if window.size > 1 else 0)
        if not step:
            return Lattice(start, 0) if 0 <= start < length else ALL
        return Lattice(start % step, step)


ALL = Lattice()


def prune_positions(program: Program) -> Program:
    """The program restricted to the needed positions."""
    needed = _needed_lattices(program)
    coarse = [
        name
        for name, lattice in needed.items()
        if _is_coarse(lattice, program.graph[name]) and program.graph[name].title == "Conv1D"
    ]
    if not coarse:
        return program
    graph, request = _rewrite(program, needed), program.request
    return Program(graph, request).knowing(**describe_layers(graph, request))


def _is_coarse(lattice: Lattice, layer: Layer) -> bool:
    return lattice.step >= MIN_STEP or (lattice.step == 0 and layer.length >= MIN_STEP)


def _needed_lattices(program: Program) -> dict[str, Lattice]:
    """Backward: the lattice of each live value that its readers need."""
    graph, demands = program.graph, {name: [] for name in program.live}
    for name in program.request.outputs:
        demands[name].append(ALL)
    needed = {}
    for name in reversed(program.live):
        layer, rule = graph[name], program.rules.get(name)
        lattice = reduce(Lattice.__or__, demands[name]) if demands[name] else ALL
        if rule is None or not layer.inputs:
            needed[name] = ALL
            continue
        if layer.length == 1 and lattice == ALL:
            lattice = Lattice(0, 0)
        if not _can_prune(layer, rule, graph):
            lattice = ALL
        needed[name] = lattice
        for source in layer.inputs:
            demands[source].append(_lattice_read(layer, rule, lattice, graph[source]))
    return needed


def _lattice_read(layer: Layer, rule: Rule, lattice: Lattice, source: Layer) -> Lattice:
    """The lattice of an input that a layer reads for the outputs on a lattice."""
    if lattice == ALL or source.length == 1 < layer.length or rule.role is Role.STOP:
        return ALL
    return lattice.read_by(rule.window, source.length)


def _can_prune(layer: Layer, rule: Rule, graph: Graph) -> bool:
    """Whether the layer can be computed on a lattice of positions, from a lattice of its inputs."""
    if len(layer.shape) < 2 or rule.positional or rule.shifts or rule.trim != (0, 0):
        return False
    if rule.role in (Role.SEE_THROUGH, Role.AGGREGATE):
        return rule.window.pointwise and all(
            len(graph[name].shape) == len(layer.shape) for name in layer.inputs
        )
    if layer.kind == "keras.Conv1D":
        return rule.layout == "conv"
    return layer.kind in SHIFTING_KINDS and rule.linear and rule.difference.fn == "identity"  # pyright: ignore[reportOptionalMemberAccess]


def _rewrite(program: Program, needed: Mapping[str, Lattice]) -> Graph:
    """Forward: every layer on its lattice, with a `Take` where an input has more positions."""
    graph = program.graph
    layers: dict[str, Layer] = {}
    for layer in graph:
        lattice = needed.get(layer.name, ALL)
        rule = program.rules.get(layer.name)
        if layer.name not in needed or rule is None or lattice == ALL:
            layers[layer.name] = layer
            continue
        inputs, reads = [], ALL
        for name in layer.inputs:
            reads = _lattice_read(layer, rule, lattice, graph[name])
            inputs.append(_take(layers, needed[name], reads, graph[name]))
        sources = tuple(graph[name] for name in layer.inputs)
        config = dict(layer.config) | {"naive": in_full(program.request.target, layer, sources)}
        shape = (lattice.count(layer.length), *layer.shape[1:])
        layer = replace(layer, inputs=tuple(inputs), shape=shape, config=config)
        crops = layer.kind in SHIFTING_KINDS and rule.role is Role.LOCAL
        if crops or not rule.window.pointwise:  # a crop of the end alone has a pointwise window
            layer = _rescale_window(layer, rule.window, lattice, reads, layers[inputs[0]].length)
        layers[layer.name] = layer
    return Graph(graph.name, tuple(layers.values()), graph.inputs, graph.outputs)


def _take(layers: dict[str, Layer], lattice: Lattice, reads: Lattice, source: Layer) -> str:
    """The name of a value on a lattice; adds a `Take` if the value is on a finer one."""
    if lattice == reads:
        return source.name
    name = f"{source.name}[{reads.start}::{reads.step}]"
    if name not in layers:
        start = (reads.start - lattice.start) // max(lattice.step, 1)
        stride = max(1, reads.step // max(lattice.step, 1))
        shape = (reads.count(source.length), *source.shape[1:])
        config = {"start": start, "stride": stride, "naive": cost.Cost(0, 0.0)}
        layers[name] = Layer(name, "ismc.Take", (source.name,), shape, source.dtype, config)
    return name


def _rescale_window(
    layer: Layer, window: Window, outputs: Lattice, reads: Lattice, length: int
) -> Layer:
    """The layer with its window in units of the lattices; ``length`` is that of its input."""
    unit = max(reads.step, 1)
    pad = -(outputs.start * window.stride - window.pad - reads.start) // unit
    stride = max(1, outputs.step * window.stride // unit)
    dilation = max(1, window.dilation // unit) if window.size > 1 else 1
    config = dict(layer.config)
    if layer.kind != "keras.Conv1D":
        config |= {"left": pad}
        return replace(layer, kind="ismc.Shift", config=config, call=None)
    last = (layer.length - 1) * stride - pad + (window.size - 1) * dilation
    config |= {
        "strides": (stride,),
        "dilation_rate": (dilation,),
        "padding": (pad, last + 1 - length),
    }
    return replace(layer, config=config, call=None)
