"""Leaves out the positions that no requested output depends on, where they lie regularly.

Before: ``y = Conv1D(x)  # [10001, 32]``, dilation 25, of which one position is needed
After:  ``y = Conv1D(x[0::25])  # [1, 32]``, dilation 1
Needs:  ``rules``. Sets: the graph and its rules anew, or nothing where all positions are needed.

A dilated convolution that answers for one position reads every 25th position, and so do all the
layers before it up to the first one of a smaller dilation. Positions needed are kept as a lattice
``start + step * k``; going backwards a window maps lattices to lattices. A value that is needed
on a coarse lattice is computed on it alone: dilation becomes denser, and where layers of different
lattices meet, a `Take` picks positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from math import gcd

from ismc.ir.graph import Graph, Layer
from ismc.ir.window import Window
from ismc.passes.classify import classify
from ismc.passes.program import Program
from ismc.plan import cost
from ismc.plan.multiply_adds import in_full
from ismc.rules import Role, Rule

WORTHWHILE = 4
MOVES = ("keras.Cropping1D", "keras.ZeroPadding1D", "keras.ops.GetItem")


@dataclass(frozen=True)
class Lattice:
    """The positions ``start + step * k`` of a value, or with step 0 ``start`` alone."""

    start: int = 0
    step: int = 1

    def __or__(self, other: Lattice) -> Lattice:
        """The finest lattice that both lie on."""
        step = gcd(self.step, other.step, abs(self.start - other.start))
        return Lattice(self.start % step if step else self.start, step)

    def count(self, length: int) -> int:
        """How many of its positions a value has."""
        return max(0, -(-(length - self.start) // self.step)) if self.step else 1

    def read_by(self, window: Window, length: int) -> Lattice:
        """What a window reads for these outputs; all, where a single one lies outside."""
        start = self.start * window.stride - window.pad
        step = gcd(self.step * window.stride, window.dilation if window.size > 1 else 0)
        if not step:
            return Lattice(start, 0) if 0 <= start < length else ALL
        return Lattice(start % step, step)


ALL = Lattice()


def prune_positions(program: Program) -> Program:
    """The program on the positions that are needed."""
    needed = _needed(program)
    coarse = [
        name
        for name, lattice in needed.items()
        if _coarse(lattice, program.graph[name]) and program.graph[name].title == "Conv1D"
    ]
    if not coarse:
        return program
    graph = _rewritten(program, needed)
    return classify(Program(graph, program.request))


def _coarse(lattice: Lattice, layer: Layer) -> bool:
    return lattice.step >= WORTHWHILE or (lattice.step == 0 and layer.length >= WORTHWHILE)


def _needed(program: Program) -> dict[str, Lattice]:
    """Backward: the lattice of each live value that someone reads."""
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
        if not _prunable(layer, rule, graph):
            lattice = ALL
        needed[name] = lattice
        for source in layer.inputs:
            demands[source].append(_read(layer, rule, lattice, graph[source]))
    return needed


def _read(layer: Layer, rule: Rule, lattice: Lattice, source: Layer) -> Lattice:
    """What a layer reads of one of its inputs for the outputs on a lattice."""
    if lattice == ALL or source.length == 1 < layer.length or rule.role is Role.STOP:
        return ALL
    return lattice.read_by(rule.window, source.length)


def _prunable(layer: Layer, rule: Rule, graph: Graph) -> bool:
    """Whether the layer can be computed on some positions, given some positions."""
    if len(layer.shape) < 2 or rule.positional or rule.shifts or rule.trim != (0, 0):
        return False
    if rule.role in (Role.SEE_THROUGH, Role.AGGREGATE):
        return rule.window.pointwise and all(
            len(graph[name].shape) == len(layer.shape) for name in layer.inputs
        )
    if layer.kind == "keras.Conv1D":
        return rule.layout == "conv"
    return layer.kind in MOVES and rule.linear and rule.difference.fn == "identity"  # pyright: ignore[reportOptionalMemberAccess]


def _rewritten(program: Program, needed: Mapping[str, Lattice]) -> Graph:
    """Forward: every layer on its lattice, with a `Take` where an input has more."""
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
            reads = _read(layer, rule, lattice, graph[name])
            inputs.append(_taken(layers, needed[name], reads, graph[name]))
        sources = tuple(graph[name] for name in layer.inputs)
        config = dict(layer.config) | {"naive": in_full(layer, sources)}
        shape = (lattice.count(layer.length), *layer.shape[1:])
        layer = replace(layer, inputs=tuple(inputs), shape=shape, config=config)
        crops = layer.kind in MOVES and rule.role is Role.LOCAL  # at the end it moves nothing
        if crops or not rule.window.pointwise:
            layer = _shifted(layer, rule.window, lattice, reads, layers[inputs[0]].length)
        layers[layer.name] = layer
    return Graph(graph.name, tuple(layers.values()), graph.inputs, graph.outputs)


def _taken(layers: dict[str, Layer], there: Lattice, wanted: Lattice, source: Layer) -> str:
    """The name of a value on a lattice; a `Take` is added where it is held on a finer one."""
    if there == wanted:
        return source.name
    name = f"{source.name}[{wanted.start}::{wanted.step}]"
    if name not in layers:
        begin = (wanted.start - there.start) // max(there.step, 1)
        stride = max(1, wanted.step // max(there.step, 1))
        shape = (wanted.count(source.length), *source.shape[1:])
        config = {"start": begin, "stride": stride, "naive": cost.Cost(0, 0.0)}
        layers[name] = Layer(name, "ismc.Take", (source.name,), shape, source.dtype, config)
    return name


def _shifted(layer: Layer, window: Window, out: Lattice, read: Lattice, length: int) -> Layer:
    """The layer with its window in units of the lattices; ``length`` is that of its input."""
    unit = max(read.step, 1)
    pad = -(out.start * window.stride - window.pad - read.start) // unit
    stride = max(1, out.step * window.stride // unit)
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
