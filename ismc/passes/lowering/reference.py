"""Emits the reference program: the activations of the unmutated sequence that a tile looks up."""

from __future__ import annotations

from collections.abc import Collection

from ismc.passes.lowering.builder import StepBuilder, reference_name
from ismc.passes.program import Program
from ismc.plan.plan import Name, Step
from ismc.rules.base import THE_LAYER


def reference_steps(program: Program, names: Collection[str]) -> tuple[Step, ...]:
    """Assignments of the requested reference values, and of all values they depend on."""
    graph = program.graph
    closure = graph.ancestors(tuple(names))
    builder, steps = StepBuilder(program, {}), []
    values: dict[str, Name] = {}
    for name in program.live:
        layer = graph[name]
        if name not in closure:
            continue
        target = values[name] = reference_name(program, name)
        if not layer.inputs:
            continue
        rule = program.rules[name]
        if rule.reference.fn == "identity":
            steps.append(Step(target.name, values[layer.inputs[0]], ("B", *layer.shape), name))
            continue
        operands = [values[source] for source in layer.inputs]
        term = builder.apply(layer, rule.reference or THE_LAYER, list(operands))
        steps.append(Step(target.name, term, ("B", *layer.shape), name))
    return tuple(steps)
