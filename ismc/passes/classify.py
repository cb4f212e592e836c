"""Asks the rules what every call does to the changed positions.

Before: ``conv = Conv1D(x)``
After:  ``conv = Conv1D(x)  {local linear}``
Needs:  a flat graph. Sets: ``live``, ``judged``, ``rules``.

Layers that no requested output depends on are dead and get no rule. A layer that comes after a
stop is a stop too, and the reason names the first one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ismc.ir.graph import WITH_A_MASK, Graph, Layer
from ismc.passes.program import Program
from ismc.rules import Node, Role, Rule, rule_of
from ismc.rules.base import THE_LAYER, check_rule, stop

OF_A_SHAPE = ("OnesLike", "ZerosLike")  # functions whose operand's numbers do not matter


def classify(program: Program) -> Program:
    """The program with the rule of every live call."""
    graph, request = program.graph, program.request
    live = graph.ancestors(request.outputs)
    varying = graph.descendants(request.sequence)
    judged = _judged(graph, live)
    rules: dict[str, Rule] = {}
    for layer in graph:
        if layer.name not in live or not layer.inputs:
            continue
        inputs = tuple(graph[name] for name in layer.inputs)
        node = Node(layer, inputs, tuple(name in varying for name in layer.inputs))
        own = request.rules.get(layer.name)
        rule = check_rule(own, node) if own else rule_of(node)
        if layer.kind.endswith(WITH_A_MASK):
            rule = stop("it looks at a mask")
        elif layer.kind == "ismc.Mask":
            rule = stop("a mask")
        elif layer.name in judged:
            own = THE_LAYER if layer.call else rule.reference
            rule = stop("a mask is taken from it", reference=own)
        elif found := _other_dtype(layer, inputs, rule):
            own = THE_LAYER if layer.call else rule.reference
            rule = stop(f"it computes in {found}", reference=own)
        else:
            before = _stopped(layer, rules, request.stop_at, varying)
            rule = _after(before, rule) if before else rule
        rules[layer.name] = rule
    ordered = tuple(n.name for n in graph if n.name in live)
    return program.knowing(live=ordered, judged=judged, rules=rules)


def _judged(graph: Graph, live: frozenset[str]) -> frozenset[str]:
    """The values that decide on a mask: rounding would turn it on or off.

    A position is masked that equals a number. What is added to a reference is not exact.
    """
    found: set[str] = set()
    waiting = [layer.name for layer in graph if layer.name in live and _compares(layer)]
    for layer in graph:
        if layer.name in live and layer.kind.endswith(WITH_A_MASK):
            taken = (graph[name] for name in layer.inputs)
            waiting += [n.name for n in taken if n.dtype == "bool" or n.kind == "ismc.Mask"]
    while waiting:
        name = waiting.pop()
        if name not in found and graph[name].title not in OF_A_SHAPE:
            found.add(name)
            waiting += graph[name].inputs
    return frozenset(found)


def _compares(layer: Layer) -> bool:
    """Whether a Masking layer overwrites a number other than zero, which shows in its value."""
    value = layer.config.get("mask_value")
    return layer.kind == "keras.Masking" and not (np.isscalar(value) and value == 0)


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
