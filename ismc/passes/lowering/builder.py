"""Builds the program: one assignment per step, in single-assignment form.

Before: ``relu: ...  # slab, width 19 of 1000``
After:  ``s3 = relu(gather_windows(r2, at["v2"][t], 19, step) + d2)``
Needs:  every earlier fact, and the strategy of each product. Sets: no fact.

A reader asks for a value in the form it needs, and the builder converts the form at hand: a
difference is a slab minus the reference, and a slab is a difference plus the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ismc.ir.graph import Layer
from ismc.ir.window import Span, Spans
from ismc.passes.beyond import Beyond, is_cleared, needs_reference, states_beyond_ends
from ismc.passes.program import Form, Program, TileValue
from ismc.passes.wild import compared_by_ratio
from ismc.plan.plan import Apply, Band, Name, Offset, Size, Step, Term, Weights
from ismc.rules import Expr
from ismc.rules.base import IDENTITY

PIECEWISE = ("relu", "leaky_relu", "relu6")
N, STEP = Size("n"), Size("step")


@dataclass
class StepBuilder:
    """The steps so far, and the names of values by layer, prefix and extent."""

    program: Program
    strategies: Mapping[str, str]
    steps: list[Step] = field(default_factory=list)
    offsets: dict[str, tuple[int, ...]] = field(default_factory=dict)
    bands: list[Band] = field(default_factory=list)
    references: set[str] = field(default_factory=set)
    names: dict[tuple[str, str, Any], Name] = field(default_factory=dict)
    kernels: list[Step] = field(default_factory=list)
    typical_sizes: list[Step] = field(default_factory=list)
    guards: list[Term] = field(default_factory=list)
    values: list[TileValue] = field(default_factory=list)
    used_names: set[str] = field(default_factory=set)

    # --- forms of one value -------------------------------------------------------------------

    def reference(self, name: str) -> Name:
        """The reference value ``[B, ...]``."""
        self.references.add(name)
        return reference_name(self.program, name)

    def difference(self, name: str) -> Name | None:
        """The difference over the value's spans ``[N, W, ...]``; ``None`` if it never changes."""
        form, key = self.program.forms[name], (name, "d", None)
        if form is Form.REFERENCE:
            return None
        if key not in self.names:
            spans = self.program.spans[name]
            slab = self.slab(name, spans)
            term = Apply("-", (slab, self._reference_at(name, spans)))
            self.guard_of(name, "not_finite", self._define(name, "d", term, spans, key))
        return self.names[key]

    def slab(self, name: str, extent: Spans) -> Term:
        """The mutated value over ``extent``, ``[N, W, ...]``."""
        form, layer = self.program.forms[name], self.program.graph[name]
        if form is Form.REFERENCE:
            if layer.length == 1:
                return Apply("per_mutant", (self.reference(name), N))
            return self._windows(name, extent)
        if form is Form.SLAB:
            covered = self.program.extents[name]
            value = self.names[name, "s", None]
            return value if covered == extent else self._shift(value, covered, extent, "cut")
        key = (name, "s", extent)
        if key not in self.names:
            d, covered = self.difference(name), self.program.spans[name]
            term = Apply("+", (self._base(name, extent), self.align(d, covered, extent)))
            s = self._define(name, "s", term, extent, key)
            self.guard_of(name, "cancelled", self._windows(name, extent), s)
        return self.names[key]

    def full(self, name: str) -> Term:
        """The mutated value at all positions, ``[N, L, ...]``."""
        form, key = self.program.forms[name], (name, "f", None)
        if key in self.names:
            return self.names[key]
        reference = self.reference(name)
        if form is Form.REFERENCE:
            term = Apply("per_mutant", (reference, N))
        elif form is Form.SLAB or self.program.graph[name].dtype != "float32":
            spans = self.program.spans[name]
            starts = self.offset(name, spans.starts)
            term = Apply("overwrite", (reference, self.slab(name, spans), starts))
        elif name == self.program.request.sequence and name in self.program.judged:
            starts = self.offset(name, self.program.spans[name].starts)
            term = Apply("overwrite", (reference, self.substitution_term("substituted"), starts))
        else:
            starts = self.offset(name, self.program.spans[name].starts)
            term = Apply("to_full_length", (reference, self.difference(name), starts))
        layer = self.program.graph[name]
        f = self.step(name, "f", term, ("N", *layer.shape), key)
        if form is Form.DIFFERENCE:
            self.guard_of(name, "cancelled", Apply("per_mutant", (reference, N)), f)
        return f

    def substitution_term(self, how: str) -> Apply:
        """A call of ``how``, a function of `ismc.runtime` that substitutes at the sites."""
        program = self.program
        widths = tuple(site.width for site in program.request.sites)
        starts = self.offset(
            program.request.sequence, program.spans[program.request.sequence].starts
        )
        return Apply(
            how, (Name("x"), Name("rotation"), Name("block"), starts, self.offset("width_", widths))
        )

    def prepared_kernel(self, layer: Layer, how: Expr) -> Name:
        """The kernel of a convolution, transformed before the loop by the call ``how``."""
        size, filters = layer.config["kernel_size"][0], layer.shape[-1]
        channels = self.program.graph[layer.inputs[0]].shape[-1] // layer.config.get("groups", 1)
        step = Step(
            f"k{self.index(layer.name)}",
            self.apply(layer, replace(how, weights=True), []),
            (channels, size, filters),
            layer.name,
        )
        if step not in self.kernels:
            self.kernels.append(step)
        return Name(step.target)

    # --- building blocks ----------------------------------------------------------------------

    def index(self, name: str) -> int:
        """The number in the names of a value's forms."""
        return self.program.live.index(name)

    def define(self, layer: Layer, term: Term, spans: Spans) -> None:
        """Names the value of a layer that is held locally."""
        slab = self.program.forms[layer.name] is Form.SLAB
        self._define(
            layer.name, "s" if slab else "d", term, spans, (layer.name, "sd"[not slab], None)
        )

    def align(self, d: Term, spans: Spans, reader_spans: Spans) -> Term:
        """A difference over the spans of its reader; unchanged if its own spans are the same."""
        return d if spans == reader_spans else self._shift(d, spans, reader_spans, "place")

    def apply(self, layer: Layer, expr: Expr, operands: list[Term]) -> Term:
        """An expression of a rule on terms."""
        weights = (weights_of(layer),) if expr.weights else ()
        if expr == IDENTITY:
            return operands[0]
        if expr.fn == "layer":
            return Apply("layer", (layer.name, weights_of(layer), *operands))
        if expr.fn == "item":
            return Apply("item", (*operands, *expr.args))
        return Apply(expr.fn, (*operands, *weights, *expr.args), tuple(expr.kwargs.items()))

    @cached_property
    def beyond(self) -> dict[str, Beyond]:
        """The state of each value beyond the ends of the sequence."""
        return states_beyond_ends(self.program)

    def fill_outside(self, layer: Layer, source: str, s: Term, spans: Spans) -> Term:
        """The slab that a layer reads, filled beyond the ends as the layer requires."""
        rule, tail = self.program.rules[layer.name], _tail(self.program, source)
        state = self.beyond.get(source, Beyond.REFERENCE)
        if rule.outside is not None:
            s = self.bind(layer.name, "s", s, (spans.width, *tail))
            return self.mask_outside(source, s, spans, rule.outside)
        if needs_reference(rule) and state is not Beyond.REFERENCE:
            s = self.bind(layer.name, "s", s, (spans.width, *tail))
            return self.mask_outside(source, s, spans, self._windows(source, spans))
        return s

    def mask_outside(self, name: str, v: Term, spans: Spans, fill: float | Term = 0.0) -> Term:
        """``v`` with ``fill`` where it hangs over the ends of the sequence."""
        length = self.program.graph[name].length
        if not spans.hangs_over(Span(0, length)):
            return v
        extra = () if fill == 0.0 else (("fill", fill),)
        return Apply("mask_outside", (v, self.offset(name, spans.starts), length), extra)

    def bind(self, name: str, prefix: str, term: Term, tail: tuple[int, ...]) -> Name:
        """A name for an intermediate term."""
        if isinstance(term, Name):
            return term
        return self.step(name, prefix, term, ("N", *tail), (name, prefix, object()))

    def _define(self, name: str, prefix: str, term: Term, spans: Spans, key: Any) -> Name:
        tail = (spans.width, *_tail(self.program, name))
        if prefix == "d" and is_cleared(self.program, name, self.beyond[name]):
            term = self.mask_outside(name, self.bind(name, prefix, term, tail), spans)
        if isinstance(term, Name):
            self.names[key] = term
        else:
            term = self.step(name, prefix, term, ("N", *tail), key)
        form = Form.DIFFERENCE if prefix == "d" else Form.SLAB
        self.values.append(TileValue(term.name, name, form, spans, self._state(name, prefix)))
        return term

    def _state(self, name: str, prefix: str) -> Beyond:
        """The state of a value, or of its difference, beyond the ends."""
        state = self.beyond[name]
        is_zero = prefix == "d" and is_cleared(self.program, name, state)
        return Beyond.REFERENCE if is_zero else state

    def guard_of(self, name: str, how: str, *operands: Term) -> None:
        """Adds a guard: each mutant reports whether a wild value lost too many digits."""
        if name not in self.program.wild:
            return
        by_ratio = compared_by_ratio(self.program, name)
        how = "cancelled" if how == "cancelled_sums" and by_ratio else how
        if how == "cancelled" and not by_ratio:
            size = Step(f"t{self.index(name)}", Apply("typical", (self.reference(name),)), ("B",))
            if size not in self.typical_sizes:
                self.typical_sizes.append(size)
            operands = (*operands, Name(size.target))
        self.guards.append(self.bind(name, "g", Apply(how, operands), ()))

    def guard(self) -> str:
        """The name of the value that marks the mutants for the model to compute, or ``""``."""
        if not self.guards:
            return ""
        return self.bind(
            self.program.request.sequence, "lost", Apply("either", tuple(self.guards)), ()
        ).name

    def step(self, name: str, prefix: str, term: Term, shape: tuple, key: Any) -> Name:
        """Adds an assignment under a fresh name, and stores the name under ``key``."""
        target = self._unique(f"{prefix}{self.program.live.index(name)}")
        self.steps.append(Step(target, term, shape, name))
        self.names[key] = Name(target)
        if prefix == "f":
            self.values.append(TileValue(target, name, Form.FULL))
        return self.names[key]

    def _base(self, name: str, extent: Spans) -> Term:
        """The reference under a slab, as a step if a reader applies its function to it again."""
        term, readers = self._windows(name, extent), self.program.graph.consumers(name)
        if not any(self._cheap_to_repeat(reader.name, extent) for reader in readers):
            return term
        shape = ("N", extent.width, *_tail(self.program, name))
        return self.step(name, "w", term, shape, (name, "w", extent))

    def _reference_at(self, name: str, spans: Spans) -> Term:
        """The reference at the spans of a layer that is held as a slab."""
        layer = self.program.graph[name]
        repeat = self._cheap_to_repeat(name, spans)
        base = self.names.get((layer.inputs[0], "w", spans)) if repeat else None
        if base is None:
            return self._windows(name, spans)
        return self.apply(layer, self.program.rules[name].on_slab, [base])

    def _cheap_to_repeat(self, name: str, extent: Spans) -> bool:
        """Whether applying a function to the reference again is cheaper than a look-up."""
        program = self.program
        return (
            program.forms.get(name) is Form.SLAB
            and program.rules[name].on_slab.fn in PIECEWISE
            and not program.rules[name].positional
            and program.extents[name] == program.spans[name] == extent
        )

    def _windows(self, name: str, spans: Spans) -> Apply:
        r, first = self.reference(name), spans.starts[0]
        if spans.fixed and 0 <= first <= self.program.graph[name].length - spans.width:
            return Apply("slice_window", (r, first, spans.width, N))
        return Apply("gather_windows", (r, self.offset(name, spans.starts), spans.width, STEP))

    def _shift(self, v: Term, spans: Spans, reader_spans: Spans, how: str) -> Apply:
        shift = spans.array - reader_spans.array
        if how == "cut":
            shift = -shift
        if np.all(shift == shift[0]):
            return Apply(how, (v, int(shift[0]), reader_spans.width))
        owner = v.name if isinstance(v, Name) else how
        return Apply(how, (v, self.offset(f"{owner}_", tuple(shift.tolist())), reader_spans.width))

    def offset(self, name: str, values: tuple[int, ...]) -> Offset:
        """Offsets of the sites, under a key named after the value; equal offsets share a key."""
        for key, starts in self.offsets.items():
            if starts == values:
                return Offset(key)
        live = self.program.live
        stem = f"v{live.index(name)}" if name in live else name.rstrip("_") + "_shift"
        key, count = stem, 1
        while key in self.offsets:
            key, count = f"{stem}_{count}", count + 1
        self.offsets[key] = values
        return Offset(key)

    def _unique(self, name: str) -> str:
        label, count = name, 0
        while label in self.used_names:
            label, count = f"{name}{'abcdefghijklmnopqrstuvwxyz'[count]}", count + 1
        self.used_names.add(label)
        return label


def weights_of(layer: Layer) -> Weights:
    """The weights of a layer, as a term."""
    renamed = tuple(pair for pair in layer.renamed if pair[0] != pair[1])
    return Weights(layer.owner, layer.renamed if renamed else ())


def reference_name(program: Program, name: str) -> Name:
    """The name of a reference value: ``x`` for the sequence, ``r`` and a number for others."""
    return Name("x" if name == program.request.sequence else f"r{program.live.index(name)}")


def _tail(program: Program, name: str) -> tuple[int, ...]:
    return program.graph[name].shape[1:]
