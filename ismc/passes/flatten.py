"""Inlines nested models.

Before: ``y: ismc.Model(x) { i: input [9, 4]; c: Conv1D(i, 8, 3); return c }``
After:  ``y/c: Conv1D(x, 8, 3)``, and users of ``y`` take ``y/c``
Needs:  no fact. Sets: the graph; clears every fact.

A model called inside a model is a node that contains a graph. The pass inlines one level at a time
until no such node remains, so nested, Sequential and functional forms of a network give the same
plan.
"""

from __future__ import annotations

from dataclasses import replace

from ismc.ir.graph import Graph, Layer
from ismc.passes.program import Program


def flatten(program: Program) -> Program:
    """The program without nested models."""
    graph = program.graph
    while any(layer.body for layer in graph.layers):
        graph = _inline_one_level(graph)
    if graph is program.graph:
        return program
    renamed = dict(zip(program.graph.outputs, graph.outputs, strict=True))
    outputs = tuple(renamed[name] for name in program.request.outputs)
    return Program(graph, replace(program.request, outputs=outputs))


def _inline_one_level(graph: Graph) -> Graph:
    layers: list[Layer] = []
    renamed: dict[str, str] = {}
    steps_of: dict[str, tuple[str, ...]] = {}
    for layer in graph:
        inputs = tuple(renamed.get(name, name) for name in layer.inputs)
        if layer.body is None:
            layers.append(replace(layer, inputs=inputs))
            continue
        inner = dict(zip(layer.body.inputs, inputs, strict=True))
        for step in layer.body:
            if step.name in inner:
                continue
            inner[step.name] = f"{layer.name}/{step.name}"
            step_inputs = tuple(inner[name] for name in step.inputs)
            layers.append(replace(step, name=inner[step.name], inputs=step_inputs))
        steps_of[layer.name] = tuple(inner[name] for name in layer.body.run)
        results = [inner[name] for name in layer.body.outputs]
        renamed[layer.name] = results[0]
        for i, result in enumerate(results):
            renamed[f"{layer.name}:{i}"] = result
    inlined = tuple(layer for layer in layers if layer.name not in renamed)
    outputs = tuple(renamed.get(name, name) for name in graph.outputs)
    names = {layer.name for layer in inlined}
    run = [step for name in graph.run for step in steps_of.get(name, (name,)) if step in names]
    return Graph(graph.name, inlined, graph.inputs, outputs, tuple(run))
