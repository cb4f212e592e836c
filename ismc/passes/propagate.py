"""Finds the positions of each value that a mutation changes, per site, and those that are needed.

Before: ``pool: ...  # slab``
After:  ``pool: ...  # slab, width 7 of 333, need [0, 333)``
Needs:  ``rules``, ``forms``. Sets: ``need``, ``spans``, ``extents``.

Forward, a window maps a span to the outputs that read it. Backward, a window maps the positions
needed of an output to the inputs that they read. A span wider than the need is replaced by the
need. Spans may hang over the ends of the sequence, so that all sites have one width; positions
beyond the ends are masked where a layer would read them. The extent of a slab covers everything
that its readers read.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_

from ismc.ir.graph import Layer
from ismc.ir.window import Span, Spans
from ismc.passes.program import Form, Program
from ismc.rules import Rule


def propagate(program: Program) -> Program:
    """The program with need, spans and extents of every live value."""
    return program.knowing(**locate_values(program))


def locate_values(program: Program) -> dict[str, object]:
    """What `propagate` finds of a program with forms, by the names of the fields of `Program`."""
    need = needed_positions(program)
    spans = _spans(program, need)
    return {"need": need, "spans": spans, "extents": _extents(program, spans)}


def needed_positions(program: Program) -> dict[str, Span]:
    """Backward: the positions of each value that some requested output depends on."""
    graph = program.graph
    need = {name: Span(0, 0) for name in program.live}
    for name in program.request.outputs:
        need[name] = Span(0, graph[name].length)
    for name in reversed(program.live):
        layer, rule = graph[name], program.rules.get(name)
        for i, source in enumerate(layer.inputs):
            every = Span(0, graph[source].length)
            if rule is None or program.forms[name] in (Form.FULL, Form.REFERENCE):
                need[source] |= (rule.needs if rule else None) or every
            else:
                need[source] |= rule.window.reads(_translated(need[name], -_shift(rule, i))) & every
    return {name: span if span.width else Span(0, 1) for name, span in need.items()}


def _spans(program: Program, need: Mapping[str, Span]) -> dict[str, Spans]:
    """Forward: the changed positions of each value that is held locally, within its need."""
    sequence, spans = program.request.sequence, {}
    if sequence in program.live:
        spans[sequence] = Spans.hull(program.request.sites)
    for name in program.live:
        layer, form = program.graph[name], program.forms[name]
        if name in spans or form not in (Form.DIFFERENCE, Form.SLAB):
            continue
        rule = program.rules[name]
        spans[name] = reached(layer, rule, spans).within(need[name])
    return spans


def reached(layer: Layer, rule: Rule, spans: dict[str, Spans]) -> Spans:
    """The hull of the positions that the layer's changed operands reach."""
    operands = []
    for i, source in enumerate(layer.inputs):
        if source in spans:
            outputs = spans[source].through(rule.window)
            starts = tuple(start + _shift(rule, i) for start in outputs.starts)
            operands.append(Spans(starts, outputs.width))
    return reduce(or_, operands)


def _extents(program: Program, spans: Mapping[str, Spans]) -> dict[str, Spans]:
    """Backward: the positions that each slab must cover for the layers that read it."""
    extents: dict[str, Spans] = {}
    for name in reversed(program.live):
        if program.forms[name] is not Form.SLAB:
            continue
        demands = [spans[name]] if name in program.request.outputs else []
        for reader in program.graph.consumers(name):
            if reader.name not in program.forms:
                continue
            if reader.name in extents:
                demands.append(extents[reader.name].read_by(program.rules[reader.name].window))
            else:
                demands.append(spans[name])
        extents[name] = reduce(or_, demands)
    return extents


def _shift(rule: Rule, operand: int) -> int:
    return rule.shifts[operand] if rule.shifts else 0


def _translated(span: Span, by: int) -> Span:
    return Span(span.start + by, span.stop + by) if span.width else span
