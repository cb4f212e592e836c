"""Promises about the graph and the rules of its layers.

Each function yields the layer and what is wrong with it, once for every fault.
"""

from __future__ import annotations

from collections.abc import Iterator

from ismc.ir.kinds import implied_shape
from ismc.ir.window import Span
from ismc.passes.decompose import parts_of
from ismc.passes.positions_first import RESTORED, with_swapped_axes
from ismc.passes.program import Program
from ismc.rules import Role

Faults = Iterator[tuple[str, str]]


def no_nested_model(program: Program) -> Faults:
    """No layer has a graph of its own."""
    for layer in program.graph.layers:
        if layer.body is not None:
            yield layer.name, "is a nested model"


def names_unique(program: Program) -> Faults:
    """No two layers have one name."""
    seen: set[str] = set()
    for layer in program.graph.layers:
        if layer.name in seen:
            yield layer.name, "is the name of two layers"
        seen.add(layer.name)


def inputs_come_before(program: Program) -> Faults:
    """Every input of a layer exists and comes before it."""
    seen: set[str] = set()
    for layer in program.graph.layers:
        for name in layer.inputs:
            if name not in seen:
                yield layer.name, f"reads {name!r}, which does not come before it"
        seen.add(layer.name)


def ends_exist(program: Program) -> Faults:
    """The sequence, the inputs and the requested outputs are layers of the graph."""
    request, names = program.request, {layer.name for layer in program.graph.layers}
    for name in (request.sequence, *program.graph.inputs, *request.outputs):
        if name not in names:
            yield name, "is requested, but no layer of the graph"


def no_composite(program: Program) -> Faults:
    """No layer is left that has parts."""
    for layer in program.graph.layers:
        if parts_of(layer, program.graph):
            yield layer.name, f"is a {layer.title}, which has parts"


def ends_are_float32(program: Program) -> Faults:
    """The inputs are float32, and so are the requested outputs that are no inputs."""
    graph = program.graph
    for name in (*graph.inputs, *program.request.outputs):
        if graph[name].dtype != "float32":
            yield name, f"has the dtype {graph[name].dtype}, expected float32"


def positions_on_axis_1(program: Program) -> Faults:
    """No layer of two dimensions reads values that were transposed back for it without need."""
    graph = program.graph
    for layer in graph.layers:
        inputs = tuple(graph[name] for name in layer.inputs)
        restored = [n for n in inputs if n.name.endswith(RESTORED) and n.inputs]
        if not restored or len(restored) < len(inputs):
            continue
        sources = tuple(graph[source.inputs[0]] for source in restored)
        if with_swapped_axes(layer, sources):
            yield layer.name, f"has the shape {list(layer.shape)}, expected positions first"


def shapes_follow(program: Program) -> Faults:
    """Every shape is the one that the layer's settings and its inputs imply."""
    graph = program.graph
    for layer in graph.layers:
        try:
            shapes = [graph[name].shape for name in layer.inputs]
            implied = implied_shape(layer.kind, layer.config, shapes)
        except (ValueError, IndexError, TypeError, KeyError) as error:
            yield layer.name, f"does not fit its inputs {', '.join(layer.inputs)}: {error}"
            continue
        if implied not in (None, layer.shape):
            yield layer.name, f"has the shape {list(layer.shape)}, expected {list(implied or ())}"


def live_values_known(program: Program) -> Faults:
    """The live values are those that the outputs depend on, in order."""
    graph, live = program.graph, program.live
    needed = graph.ancestors(program.request.outputs)
    for name in needed.symmetric_difference(live):
        yield name, "is live" if name in live else "is needed by an output, but not live"
    if list(live) != [layer.name for layer in graph if layer.name in live]:
        yield live[0], "and the other live values are not in the order of the graph"


def rules_known(program: Program) -> Faults:
    """Every live layer with inputs has a rule, and no other layer has one."""
    expected = {name for name in program.live if program.graph[name].inputs}
    for name in sorted(expected.symmetric_difference(program.rules)):
        yield name, "has no rule" if name in expected else "has a rule, but is not computed"


def stops_follow_stops(program: Program) -> Faults:
    """What reads a stop, or a layer named in ``stop_at``, is a stop."""
    varying = program.graph.descendants(program.request.sequence)
    for name, rule in program.rules.items():
        for source in program.graph[name].inputs:
            before = program.rules.get(source)
            stops = before is not None and before.role is Role.STOP and not before.lookup
            stops = source in program.request.stop_at or (stops and source in varying)
            if stops and rule.role is not Role.STOP:
                yield name, f"is {rule.role.value}, but reads the stop {source!r}"


def windows_fit(program: Program) -> Faults:
    """A window that reads nothing beyond the ends reads only positions that its input has."""
    for name, rule in program.rules.items():
        layer = program.graph[name]
        unpadded = rule.outside is None and not rule.shifts and rule.trim == (0, 0)
        if rule.role not in (Role.LOCAL, Role.POOLING) or not unpadded:
            continue
        source = program.graph[layer.inputs[0]]
        reads = rule.window.reads(Span(0, layer.length))
        if reads.start < 0 or reads.stop > source.length:
            yield name, f"reads {reads} of {source.name!r}, which has {source.length} positions"
