"""Emits the steps of a layer, by the traits of its rule: merge, shift, window, pointwise, stop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ismc.ir.graph import Layer
from ismc.ir.window import Spans
from ismc.passes.costs import convolution
from ismc.passes.lowering.builder import N, StepBuilder, weights_of
from ismc.passes.program import Form
from ismc.passes.propagate import reached
from ismc.plan.plan import Apply, Band, Name, Offset, Size, Term
from ismc.rules import Expr, Role, Rule
from ismc.rules.base import IDENTITY
from ismc.strategies import STRATEGIES


def emit(builder: StepBuilder, layer: Layer) -> None:
    """Adds the steps that compute the mutants' value of a layer."""
    program = builder.program
    if layer.name == program.request.sequence:
        _substitution(builder, layer)
        return
    form = program.forms[layer.name]
    if form is Form.REFERENCE:
        return
    rule = program.rules[layer.name]
    if program.looked_up(layer.name):
        return
    if form is Form.FULL:
        _stop(builder, layer, rule)
    elif rule.role is Role.AGGREGATE:
        (_sum if form is Form.DIFFERENCE else _merge)(builder, layer, rule)
    elif form is Form.SLAB:
        _on_slab(builder, layer, rule)
    else:
        _on_difference(builder, layer, rule)


def _substitution(builder: StepBuilder, layer: Layer) -> None:
    builder.define(
        layer, builder.substitution_term("substitution"), builder.program.spans[layer.name]
    )


def _on_difference(builder: StepBuilder, layer: Layer, rule: Rule) -> None:
    """A linear layer of one operand: no reference is read."""
    (source,), spans = layer.inputs, builder.program.spans[layer.name]
    source_spans = builder.program.spans[source]
    d, raw = builder.difference(source), reached(layer, rule, {source: source_spans})
    strategy = STRATEGIES.get(builder.strategies[layer.name]) if rule.layout == "conv" else None
    expr = rule.difference or IDENTITY
    reads_flanks = strategy.reads_flanks if strategy else rule.window.stride > 1
    if reads_flanks or rule.layout in ("pool", "flanks"):
        raw, reads = spans, spans.read_by(rule.window)
        d = builder.align(d, source_spans, reads)
        tail = builder.program.graph[source].shape[1:]
        d = builder.bind(layer.name, "d", d, (reads.width, *tail))
    operands: list[Term] = [d]
    if rule.layout == "pool":
        operands.append(builder.offset(layer.name, spans.starts))
    if strategy:
        conv = convolution(builder.program, layer.name)
        expr, prepare = strategy.apply(conv), strategy.prepare(conv)
        kernel = builder.prepared_kernel(layer, prepare) if prepare else weights_of(layer)
        operands.append(kernel)
        cropped = crop_range(raw, spans) if strategy.crops else None
        if cropped:
            expr = replace(expr, kwargs={**expr.kwargs, "crop": cropped})
            raw = spans
    term = d if expr == IDENTITY else builder.apply(layer, expr, operands)
    if raw != spans:
        if expr != IDENTITY:
            term = builder.bind(layer.name, "d", term, (raw.width, *layer.shape[1:]))
        term = builder.align(term, raw, spans)
    builder.define(layer, term, spans)


def crop_range(raw: Spans, spans: Spans) -> tuple[int, int] | None:
    """The first position and the width of ``spans`` within ``raw``, if equal for all sites."""
    shift = spans.array - raw.array
    if raw == spans or not np.all(shift == shift[0]) or shift[0] < 0:
        return None
    return (int(shift[0]), spans.width) if shift[0] + spans.width <= raw.width else None


def _on_slab(builder: StepBuilder, layer: Layer, rule: Rule) -> None:
    """A non-linear layer of one operand: the reference is added back."""
    (source,), extent = layer.inputs, builder.program.extents[layer.name]
    reads = extent.read_by(rule.window)
    s = builder.fill_outside(layer, source, builder.slab(source, reads), reads)
    if rule.on_slab == IDENTITY:
        builder.define(layer, s, extent)
        return
    tail = builder.program.graph[source].shape[1:]
    s = builder.bind(layer.name, "s", s, (reads.width, *tail))
    expr = rule.on_slab
    if rule.positional:
        w = Apply(
            "gather_weights",
            (weights_of(layer), builder.offset(layer.name, extent.starts), extent.width, N),
        )
        term: Term = Apply(expr.fn, (s, w))
    else:
        term = builder.apply(layer, expr, [s])
    if rule.trim != (0, 0):
        term = Apply("crop", (term, *rule.trim))
    builder.define(layer, term, extent)


def _sum(builder: StepBuilder, layer: Layer, rule: Rule) -> None:
    """A linear merge: operands are placed over the union of their spans."""
    program, spans = builder.program, builder.program.spans[layer.name]
    placed: list[Term] = []
    changing = []
    for i, source in enumerate(layer.inputs):
        shift = rule.shifts[i] if rule.shifts else 0
        d = builder.difference(source)
        changing.append(d is not None)
        if d is None:
            continue
        source_spans = program.spans[source]
        source_spans = Spans(
            tuple(start + shift for start in source_spans.starts), source_spans.width
        )
        term = builder.align(d, source_spans, spans)
        placed.append(
            builder.bind(layer.name, "d", term, (spans.width, *program.graph[source].shape[1:]))
        )
    expr = rule.difference or IDENTITY
    if expr.fn == "-" and not all(changing):
        expr = Expr("+") if changing[0] else Expr("negative")
    if expr.fn == "concatenate":
        remaining = iter(list(placed))
        placed = [
            next(remaining) if changes
            else Apply("zeros_beside", (placed[0], program.graph[source].shape[1:]))
            for changes, source in zip(changing, layer.inputs, strict=True)
        ]  # fmt: skip
        builder.define(layer, builder.apply(layer, expr, placed), spans)
        return
    term = placed[0] if expr.fn == "+" and len(placed) == 1 else builder.apply(layer, expr, placed)
    tails = [
        program.graph[s].shape[1:]
        for s, changes in zip(layer.inputs, changing, strict=True)
        if changes
    ]
    if np.broadcast_shapes(*tails) != layer.shape[1:]:
        term = builder.bind(layer.name, "d", term, (spans.width, *np.broadcast_shapes(*tails)))
        term = Apply("broadcast_channels", (term, layer.shape[1:]))
    builder.define(layer, term, spans)


def _merge(builder: StepBuilder, layer: Layer, rule: Rule) -> None:
    """A non-linear merge: every operand is a slab."""
    extent = builder.program.extents[layer.name]
    operands = []
    for source in layer.inputs:
        s = builder.slab(source, extent)
        operands.append(
            builder.bind(
                layer.name, "s", s, (extent.width, *builder.program.graph[source].shape[1:])
            )
        )
    builder.define(layer, builder.apply(layer, rule.on_slab, operands), extent)


def _stop(builder: StepBuilder, layer: Layer, rule: Rule) -> None:
    """A layer that sees every position: from the changed positions alone, or in full."""
    key = (layer.name, "f", None)
    if rule.stop is None:
        operands = [builder.full(source) for source in layer.inputs]
        term = builder.apply(layer, rule.reference, operands)
        if isinstance(term, Name):
            builder.names[key] = term
            return
    else:
        source = layer.inputs[0]
        spans = builder.program.spans[source]
        starts = builder.offset(source, spans.starts)
        kwargs = tuple(rule.stop.kwargs.items())
        if rule.stop.fn == "global_max_stop":
            s = builder.bind(
                source,
                "s",
                builder.slab(source, spans),
                (spans.width, *builder.program.graph[source].shape[1:]),
            )
            term = Apply("global_max_stop", (builder.reference(source), s, starts), kwargs)
        elif rule.stop.fn == "mean_stop" and source in builder.program.wild:
            s = builder.slab(source, spans)
            term = Apply("sum_stop", (builder.reference(source), s, starts), kwargs)
        elif rule.stop.fn == "mean_stop":
            args = (builder.reference(layer.name), builder.difference(source))
            term = Apply("mean_stop", args, kwargs)
        elif rule.stop.fn == "recurrent_stop":
            references = (builder.reference(layer.inputs[1]), builder.reference(source))
            args = (*references, builder.difference(source), starts, weights_of(layer))
            term = Apply("recurrent_stop", args, kwargs)
        else:
            term = _dense(builder, layer, source, spans, starts)
    f = builder.step(layer.name, "f", term, ("N", *layer.shape), key)
    if rule.stop is not None and rule.stop.fn == "dense_stop":
        builder.guard_of(
            layer.name, "cancelled_sums", Apply("per_mutant", (builder.reference(layer.name), N)), f
        )


def _dense(builder: StepBuilder, layer: Layer, source: str, spans: Spans, starts: Term) -> Term:
    """Dense after Flatten: only the kernel rows that the tile reads."""
    band = f"rows{builder.program.live.index(layer.name)}"
    length = builder.program.graph[source].length
    builder.bands.append(Band(band, spans.starts, spans.width, length, layer.shape[-1]))
    args = (builder.reference(layer.name), builder.difference(source), starts)
    return Apply(
        "dense_stop",
        (*args, Offset(band, scalar=True), weights_of(layer)),
        (("band", Size(band)), ("grain", Size(f"{band}_grain"))),
    )
