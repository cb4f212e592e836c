"""Determines what each call does to the positions that a mutation changes.

Before: ``conv: Conv1D(x, 8, 5)``
After:  ``conv: Conv1D(x, 8, 5)  # local linear``
Needs:  a flat graph. Sets: ``live``, ``judged``, ``rules``.

Layers that no requested output depends on are dead and get no rule. A layer that comes after a
stop is a stop too, and its reason names the first stop.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ismc.ir.graph import WITH_A_MASK, Graph, Layer
from ismc.passes.program import Program, Request
from ismc.rules import Node, Role, Rule, rule_of
from ismc.rules.base import THE_LAYER, check_rule, stop

SHAPE_ONLY = ("OnesLike", "ZerosLike")  # functions that ignore the numbers of their operand


def classify(program: Program) -> Program:
    """The program with the rule of every live call."""
    return program.knowing(**describe_layers(program.graph, program.request))


def describe_layers(graph: Graph, request: Request) -> dict[str, object]:
    """What `classify` finds of a graph, by the names of the fields of `Program`."""
    live = graph.ancestors(request.outputs)
    varying = graph.descendants(request.sequence)
    judged = _mask_sources(graph, live)
    rules: dict[str, Rule] = {}
    for layer in graph:
        if layer.name not in live or not layer.inputs:
            continue
        inputs = tuple(graph[name] for name in layer.inputs)
        node = Node(layer, inputs, tuple(name in varying for name in layer.inputs))
        user_rule = request.rules.get(layer.name)
        rule = check_rule(user_rule, node) if user_rule else rule_of(node)
        if layer.kind.endswith(WITH_A_MASK):
            rule = stop("it looks at a mask")
        elif layer.kind == "ismc.Mask":
            rule = stop("a mask")
        elif layer.name in judged:
            reference = THE_LAYER if layer.call else rule.reference
            rule = stop("a mask is taken from it", reference=reference)
        elif dtype := _other_dtype(layer, inputs, rule):
            reference = THE_LAYER if layer.call else rule.reference
            rule = stop(f"it computes in {dtype}", reference=reference)
        else:
            before = _stop_before(layer, rules, request.stop_at, varying)
            rule = _after(before, rule) if before else rule
        rules[layer.name] = rule
    ordered = tuple(n.name for n in graph if n.name in live)
    return {"live": ordered, "judged": judged, "rules": rules}


def _mask_sources(graph: Graph, live: frozenset[str]) -> frozenset[str]:
    """The values that determine a mask: rounding could mask or unmask a position.

    A position is masked if it equals a given number, and the sum of a reference and a difference
    is not exact.
    """
    names: set[str] = set()
    pending = [layer.name for layer in graph if layer.name in live and _compares(layer)]
    for layer in graph:
        if layer.name in live and layer.kind.endswith(WITH_A_MASK):
            operands = (graph[name] for name in layer.inputs)
            pending += [n.name for n in operands if n.dtype == "bool" or n.kind == "ismc.Mask"]
    while pending:
        name = pending.pop()
        if name not in names and graph[name].title not in SHAPE_ONLY:
            names.add(name)
            pending += graph[name].inputs
    return frozenset(names)


def _compares(layer: Layer) -> bool:
    """Whether a Masking layer overwrites a number other than zero, which changes its value."""
    value = layer.config.get("mask_value")
    return layer.kind == "keras.Masking" and not (np.isscalar(value) and value == 0)


def _other_dtype(layer: Layer, inputs: tuple[Layer, ...], rule: Rule) -> str:
    """A dtype other than float32 that rules out differences, or ``""``.

    Pointwise functions take no difference, so the dtypes of their operands do not matter.
    """
    dtypes = [layer.config.get("compute_dtype", "float32"), *(i.dtype for i in (*inputs, layer))]
    pointwise = rule.window.pointwise and rule.role in (Role.SEE_THROUGH, Role.AGGREGATE)
    if pointwise and not rule.linear and layer.kind.startswith(("keras.ops.", "ismc.Cast")):
        dtypes = dtypes[:1]
    return next((dtype for dtype in dtypes if dtype != "float32"), "")


def _stop_before(
    layer: Layer, rules: dict[str, Rule], stop_at: tuple[str, ...], varying: frozenset[str]
) -> str:
    """The name of the stop that an input comes from, or ``""``."""
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
