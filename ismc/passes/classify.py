"""Asks the rules what every call does to the changed positions.

Before: ``conv = Conv1D(x)``
After:  ``conv = Conv1D(x)  {local linear}``
Needs:  a flat graph. Sets: ``live``, ``rules``.

Layers that no requested output depends on are dead and get no rule. A layer that comes after a
stop is a stop too, and the reason names the first one.
"""

from __future__ import annotations

from dataclasses import replace

from ismc.ir import Layer
from ismc.passes.masks import masked
from ismc.passes.program import Program
from ismc.rules import Node, Role, Rule, rule_of
from ismc.rules.base import THE_LAYER, checked, stop


def classify(program: Program) -> Program:
    """The program with the rule of every live call."""
    graph, request = program.graph, program.request
    live = graph.ancestors(request.outputs)
    varying = graph.descendants(request.sequence)
    reached = masked(graph)
    rules: dict[str, Rule] = {}
    for layer in graph:
        if layer.name not in live or not layer.inputs:
            continue
        inputs = tuple(graph[name] for name in layer.inputs)
        node = Node(layer, inputs, tuple(name in varying for name in layer.inputs))
        own = request.rules.get(layer.name)
        rule = checked(own, node) if own else rule_of(node)
        if layer.name in reached and layer.title != "Item":
            rule = stop(f"a mask reaches it from {reached[layer.name]}")
        elif found := _other_dtype(layer, inputs, rule):
            own = THE_LAYER if layer.call else rule.reference
            rule = stop(f"it computes in {found}", reference=own)
        else:
            before = _stopped(layer, rules, request.stop_at, varying)
            rule = _after(before, rule) if before else rule
        rules[layer.name] = rule
    return program.knowing(live=tuple(n.name for n in graph if n.name in live), rules=rules)


def _other_dtype(layer: Layer, inputs: tuple[Layer, ...], rule: Rule) -> str:
    """A dtype that no difference is taken in; functions of single positions need none."""
    dtypes = [layer.config.get("compute_dtype", "float32"), *(i.dtype for i in (*inputs, layer))]
    alone = rule.window.pointwise and rule.role in (Role.SEE_THROUGH, Role.AGGREGATE)
    if alone and not rule.linear and layer.kind.startswith(("keras.ops.", "ismc.Cast")):
        dtypes = dtypes[:1]
    return next((dtype for dtype in dtypes if dtype != "float32"), "")


def _stopped(
    layer: Layer, rules: dict[str, Rule], stop_at: tuple[str, ...], varying: frozenset[str]
) -> str:
    """The name of the stop that an input comes from, or nothing."""
    for name in layer.inputs:
        if name in stop_at:
            return name
        rule = rules.get(name)
        if name in varying and rule and rule.role is Role.STOP and not rule.lookup:
            return name
    return ""


def _after(name: str, rule: Rule) -> Rule:
    return replace(
        stop(f"after {name}"), reference=rule.reference, wild=rule.wild, relative=rule.relative
    )
