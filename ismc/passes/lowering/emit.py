"""The steps of one layer, by the traits of its rule: merge, move, window, pointwise, stop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ismc.ir.graph import Layer
from ismc.ir.window import Spans
from ismc.passes.lowering.builder import N, StepBuilder, weights_of
from ismc.passes.program import Form
from ismc.passes.propagate import reached
from ismc.plan.plan import Apply, Band, Name, Offset, Size, Term
from ismc.rules import Expr, Role, Rule
from ismc.rules.base import IDENTITY

STRATEGIES = {
    "gemm": "conv1d_gemm",
    "toom": "conv1d_toom",
    "pairs": "conv1d_pairs",
    "blocks": "conv1d_blocks",
    "toeplitz": "conv1d_toeplitz",
    "outer": "conv1d_outer",
}
PREPARED_KERNELS = {
    "gemm": "gemm_kernel",
    "toom": "toom_kernel",
    "pairs": "pairs_kernel",
    "blocks": "blocks_kernel",
}


def emit(low: StepBuilder, layer: Layer) -> None:
    """Adds the steps that compute the mutants' value of a layer."""
    program = low.program
    if layer.name == program.request.sequence:
        _substitution(low, layer)
        return
    form = program.forms[layer.name]
    if form is Form.REFERENCE:
        return
    rule = program.rules[layer.name]
    if program.looked_up(layer.name):
        return
    if form is Form.FULL:
        _stop(low, layer, rule)
    elif rule.role is Role.AGGREGATE:
        (_sum if form is Form.DIFFERENCE else _merge)(low, layer, rule)
    elif form is Form.SLAB:
        _on_slab(low, layer, rule)
    else:
        _on_difference(low, layer, rule)


def _substitution(low: StepBuilder, layer: Layer) -> None:
    low.define(layer, low.written("substitution"), low.program.spans[layer.name])


def _on_difference(low: StepBuilder, layer: Layer, rule: Rule) -> None:
    """A linear layer of one operand: no reference is read."""
    (source,), spans = layer.inputs, low.program.spans[layer.name]
    there = low.program.spans[source]
    d, raw = low.difference(source), reached(layer, rule, {source: there})
    strategy = low.strategies.get(layer.name, "") if rule.layout == "conv" else ""
    expr = rule.difference or IDENTITY
    if strategy in STRATEGIES:
        (dilation,) = layer.config["dilation_rate"]
        kwargs = {} if dilation == 1 else {"dilation": dilation}
        expr = Expr(STRATEGIES[strategy], kwargs=kwargs, weights=True)
    elif strategy == "conv" or rule.window.stride > 1 or rule.layout in ("pool", "flanks"):
        raw = spans
        d = low.shifted(d, there, spans.read_by(rule.window))
        d = low.bind(
            layer.name,
            "d",
            d,
            (spans.read_by(rule.window).width, *low.program.graph[source].shape[1:]),
        )
        if strategy == "conv":
            options = {"strides": rule.window.stride, "dilation": rule.window.dilation}
            kwargs = {k: v for k, v in options.items() if v > 1}
            expr = Expr("conv1d_library", kwargs=kwargs, weights=True)
    operands: list[Term] = [d]
    if rule.layout == "pool":
        operands.append(low.offset(layer.name, spans.starts))
    cropped = crop_range(raw, spans) if strategy in ("gemm", "pairs") else None
    if cropped:
        expr = replace(expr, kwargs={**expr.kwargs, "crop": cropped})
        raw = spans
    term = d if expr == IDENTITY else low.apply(layer, expr, operands)
    if strategy in PREPARED_KERNELS and isinstance(term, Apply):
        known = (there.width,) if strategy == "toom" else ()
        term = replace(
            term, args=(d, low.prepared_kernel(layer, PREPARED_KERNELS[strategy], *known))
        )
    if raw != spans:
        if expr != IDENTITY:
            term = low.bind(layer.name, "d", term, (raw.width, *layer.shape[1:]))
        term = low.shifted(term, raw, spans)
    low.define(layer, term, spans)


def crop_range(raw: Spans, spans: Spans) -> tuple[int, int] | None:
    """The first position and the width of ``spans`` within ``raw``, if one part for all sites."""
    shift = spans.array - raw.array
    if raw == spans or not np.all(shift == shift[0]) or shift[0] < 0:
        return None
    return (int(shift[0]), spans.width) if shift[0] + spans.width <= raw.width else None


def _on_slab(low: StepBuilder, layer: Layer, rule: Rule) -> None:
    """A non-linear layer of one operand: the reference is added back."""
    (source,), extent = layer.inputs, low.program.extents[layer.name]
    reads = extent.read_by(rule.window)
    s = low.filled(layer, source, low.slab(source, reads), reads)
    if rule.on_slab == IDENTITY:
        low.define(layer, s, extent)
        return
    tail = low.program.graph[source].shape[1:]
    s = low.bind(layer.name, "s", s, (reads.width, *tail))
    expr = rule.on_slab
    if rule.positional:
        w = Apply(
            "gather_weights",
            (weights_of(layer), low.offset(layer.name, extent.starts), extent.width, N),
        )
        term: Term = Apply(expr.fn, (s, w))
    else:
        term = low.apply(layer, expr, [s])
    if rule.trim != (0, 0):
        term = Apply("crop", (term, *rule.trim))
    low.define(layer, term, extent)


def _sum(low: StepBuilder, layer: Layer, rule: Rule) -> None:
    """A linear merge: operands are moved to the union of their spans."""
    program, spans = low.program, low.program.spans[layer.name]
    placed: list[Term] = []
    present = []
    for i, source in enumerate(layer.inputs):
        shift = rule.shifts[i] if rule.shifts else 0
        d = low.difference(source)
        present.append(d is not None)
        if d is None:
            continue
        there = program.spans[source]
        there = Spans(tuple(start + shift for start in there.starts), there.width)
        term = low.shifted(d, there, spans)
        placed.append(
            low.bind(layer.name, "d", term, (spans.width, *program.graph[source].shape[1:]))
        )
    expr = rule.difference or IDENTITY
    if expr.fn == "-" and not all(present):
        expr = Expr("+") if present[0] else Expr("negative")
    if expr.fn == "concatenate":
        rest = iter(list(placed))
        placed = [
            next(rest) if there
            else Apply("zeros_beside", (placed[0], program.graph[source].shape[1:]))
            for there, source in zip(present, layer.inputs, strict=True)
        ]  # fmt: skip
        low.define(layer, low.apply(layer, expr, placed), spans)
        return
    term = placed[0] if expr.fn == "+" and len(placed) == 1 else low.apply(layer, expr, placed)
    tails = [
        program.graph[s].shape[1:] for s, there in zip(layer.inputs, present, strict=True) if there
    ]
    if np.broadcast_shapes(*tails) != layer.shape[1:]:
        term = low.bind(layer.name, "d", term, (spans.width, *np.broadcast_shapes(*tails)))
        term = Apply("broadcast_channels", (term, layer.shape[1:]))
    low.define(layer, term, spans)


def _merge(low: StepBuilder, layer: Layer, rule: Rule) -> None:
    """A non-linear merge: every operand as a slab."""
    extent = low.program.extents[layer.name]
    operands = []
    for source in layer.inputs:
        s = low.slab(source, extent)
        operands.append(
            low.bind(layer.name, "s", s, (extent.width, *low.program.graph[source].shape[1:]))
        )
    low.define(layer, low.apply(layer, rule.on_slab, operands), extent)


def _stop(low: StepBuilder, layer: Layer, rule: Rule) -> None:
    """A layer that sees every position: from the changed ones alone, or in full."""
    key = (layer.name, "f", None)
    if rule.stop is None:
        operands = [low.full(source) for source in layer.inputs]
        term = low.apply(layer, rule.reference, operands)
        if isinstance(term, Name):
            low.made[key] = term
            return
    else:
        source = layer.inputs[0]
        spans = low.program.spans[source]
        starts = low.offset(source, spans.starts)
        kwargs = tuple(rule.stop.kwargs.items())
        if rule.stop.fn == "global_max_stop":
            s = low.bind(
                source,
                "s",
                low.slab(source, spans),
                (spans.width, *low.program.graph[source].shape[1:]),
            )
            term = Apply("global_max_stop", (low.reference(source), s, starts), kwargs)
        elif rule.stop.fn == "mean_stop" and source in low.program.wild:
            s = low.slab(source, spans)
            term = Apply("sum_stop", (low.reference(source), s, starts), kwargs)
        elif rule.stop.fn == "mean_stop":
            args = (low.reference(layer.name), low.difference(source))
            term = Apply("mean_stop", args, kwargs)
        elif rule.stop.fn == "recurrent_stop":
            known = (low.reference(layer.inputs[1]), low.reference(source))
            args = (*known, low.difference(source), starts, weights_of(layer))
            term = Apply("recurrent_stop", args, kwargs)
        else:
            term = _dense(low, layer, source, spans, starts)
    f = low.step(layer.name, "f", term, ("N", *layer.shape), key)
    if rule.stop is not None and rule.stop.fn == "dense_stop":
        low.guard_of(
            layer.name, "cancelled_sums", Apply("per_mutant", (low.reference(layer.name), N)), f
        )


def _dense(low: StepBuilder, layer: Layer, source: str, spans: Spans, starts: Term) -> Term:
    """Dense after Flatten: only the kernel rows that the tile touches."""
    band = f"rows{low.program.live.index(layer.name)}"
    length = low.program.graph[source].length
    low.bands.append(Band(band, spans.starts, spans.width, length, layer.shape[-1]))
    args = (low.reference(layer.name), low.difference(source), starts)
    return Apply(
        "dense_stop",
        (*args, Offset(band, scalar=True), weights_of(layer)),
        (("band", Size(band)), ("grain", Size(f"{band}_grain"))),
    )
