"""Writes the program down: one assignment per step, in single-assignment form.

Before: ``relu ...  {slab}  {width 19 of 1000}``
After:  ``s3 = relu(windows(r2, at["s2"]) + place(d2, at["d2"]))``
Needs:  every fact of the passes before, and the strategy of each product. Sets: nothing; its
        steps become the plan.

A reader asks for a value in the form it needs, and the builder makes that from the form at hand: a
difference is a slab minus the reference, and a slab a difference plus the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ismc.ir.graph import Layer
from ismc.ir.window import Span, Spans
from ismc.passes.beyond import Beyond, beyond_the_ends, is_cleared, needs_reference
from ismc.passes.program import Form, Program, TileValue
from ismc.passes.wild import compared_by_ratio
from ismc.plan.plan import Apply, Band, Name, Offset, Size, Step, Term, Weights
from ismc.rules import Expr
from ismc.rules.base import IDENTITY

PIECEWISE = ("relu", "leaky_relu", "relu6")
N, LETTERS = Size("n"), Size("letters")


@dataclass
class StepBuilder:
    """The steps so far, and which values exist in which form."""

    program: Program
    strategies: Mapping[str, str]
    steps: list[Step] = field(default_factory=list)
    offsets: dict[str, tuple[int, ...]] = field(default_factory=dict)
    bands: list[Band] = field(default_factory=list)
    references: set[str] = field(default_factory=set)
    made: dict[tuple[str, str, Any], Name] = field(default_factory=dict)
    kernels: list[Step] = field(default_factory=list)
    usual: list[Step] = field(default_factory=list)
    guards: list[Term] = field(default_factory=list)
    values: list[TileValue] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    # --- forms of one value -------------------------------------------------------------------

    def reference(self, name: str) -> Name:
        """The reference value ``[B, ...]``."""
        self.references.add(name)
        return reference_name(self.program, name)

    def difference(self, name: str) -> Name | None:
        """The difference over the value's spans ``[N, W, ...]``; nothing if it never changes."""
        form, key = self.program.forms[name], (name, "d", None)
        if form is Form.REFERENCE:
            return None
        if key not in self.made:
            spans = self.program.spans[name]
            slab = self.slab(name, spans)
            term = Apply("-", (slab, self._unchanged(name, spans)))
            self.guard_of(name, "not_finite", self._define(name, "d", term, spans, key))
        return self.made[key]

    def slab(self, name: str, extent: Spans) -> Term:
        """The mutated value over ``extent``, ``[N, W, ...]``."""
        form, layer = self.program.forms[name], self.program.graph[name]
        if form is Form.REFERENCE:
            if layer.length == 1:
                return Apply("per_mutant", (self.reference(name), N))
            return self._windows(name, extent)
        if form is Form.SLAB:
            there = self.program.extents[name]
            made = self.made[name, "s", None]
            return made if there == extent else self._shifted(made, there, extent, "cut")
        key = (name, "s", extent)
        if key not in self.made:
            d, there = self.difference(name), self.program.spans[name]
            term = Apply("+", (self._base(name, extent), self.shifted(d, there, extent)))
            s = self._define(name, "s", term, extent, key)
            self.guard_of(name, "cancelled", self._windows(name, extent), s)
        return self.made[key]

    def full(self, name: str) -> Term:
        """The whole mutated value ``[N, L, ...]``."""
        form, key = self.program.forms[name], (name, "f", None)
        if key in self.made:
            return self.made[key]
        reference = self.reference(name)
        if form is Form.REFERENCE:
            term = Apply("per_mutant", (reference, N))
        elif form is Form.SLAB or self.program.graph[name].dtype != "float32":
            spans = self.program.spans[name]
            starts = self.offset(name, spans.starts)
            term = Apply("overwrite", (reference, self.slab(name, spans), starts))
        elif name == self.program.request.sequence and name in self.program.judged:
            starts = self.offset(name, self.program.spans[name].starts)
            term = Apply("overwrite", (reference, self.written("substituted"), starts))
        else:
            starts = self.offset(name, self.program.spans[name].starts)
            term = Apply("to_full_length", (reference, self.difference(name), starts))
        layer = self.program.graph[name]
        f = self.step(name, "f", term, ("N", *layer.shape), key)
        if form is Form.DIFFERENCE:
            self.guard_of(name, "cancelled", Apply("per_mutant", (reference, N)), f)
        return f

    def written(self, how: str) -> Apply:
        """What is written at the sites of the sequence, by a function of `ismc.runtime`."""
        program = self.program
        widths = tuple(site.width for site in program.request.sites)
        starts = self.offset(
            program.request.sequence, program.spans[program.request.sequence].starts
        )
        return Apply(
            how, (Name("x"), Name("rotation"), Name("block"), starts, self.offset("width_", widths))
        )

    def prepared_kernel(self, layer: Layer, how: str, *known: int) -> Name:
        """The kernel of a convolution as products take it, made before the loop by ``how``."""
        size, filters = layer.config["kernel_size"][0], layer.shape[-1]
        channels = self.program.graph[layer.inputs[0]].shape[-1] // layer.config.get("groups", 1)
        step = Step(
            f"k{self.index(layer.name)}",
            Apply(how, (weights_of(layer), *known)),
            (channels, size, filters),
            layer.name,
        )
        if step not in self.kernels:
            self.kernels.append(step)
        return Name(step.target)

    # --- building blocks ----------------------------------------------------------------------

    def index(self, name: str) -> int:
        """The number that the names of a value's forms carry."""
        return self.program.live.index(name)

    def define(self, layer: Layer, term: Term, spans: Spans) -> None:
        """Names the value of a layer that is held locally."""
        slab = self.program.forms[layer.name] is Form.SLAB
        self._define(
            layer.name, "s" if slab else "d", term, spans, (layer.name, "sd"[not slab], None)
        )

    def shifted(self, d: Term, there: Spans, wanted: Spans) -> Term:
        """A difference put where it is wanted; as it is when it is there already."""
        return d if there == wanted else self._shifted(d, there, wanted, "place")

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
        """What each value holds beyond the ends of the sequence."""
        return beyond_the_ends(self.program)

    def filled(self, layer: Layer, source: str, s: Term, spans: Spans) -> Term:
        """The slab that a layer reads, with what it may meet beyond the ends."""
        rule, tail = self.program.rules[layer.name], _tail(self.program, source)
        given = self.beyond.get(source, Beyond.REFERENCE)
        if rule.outside is not None:
            s = self.bind(layer.name, "s", s, (spans.width, *tail))
            return self.clean(source, s, spans, rule.outside)
        if needs_reference(rule) and given is not Beyond.REFERENCE:
            s = self.bind(layer.name, "s", s, (spans.width, *tail))
            return self.clean(source, s, spans, self._windows(source, spans))
        return s

    def clean(self, name: str, v: Term, spans: Spans, fill: float | Term = 0.0) -> Term:
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
            term = self.clean(name, self.bind(name, prefix, term, tail), spans)
        if isinstance(term, Name):
            self.made[key] = term
        else:
            term = self.step(name, prefix, term, ("N", *tail), key)
        form = Form.DIFFERENCE if prefix == "d" else Form.SLAB
        self.values.append(TileValue(term.name, name, form, spans, self._state(name, prefix)))
        return term

    def _state(self, name: str, prefix: str) -> Beyond:
        """What a value, or its difference, holds beyond the ends."""
        found = self.beyond[name]
        cleared = prefix == "d" and is_cleared(self.program, name, found)
        return Beyond.REFERENCE if cleared else found

    def guard_of(self, name: str, how: str, *operands: Term) -> None:
        """Has each mutant tell whether a wild value lost too many digits in it."""
        if name not in self.program.wild:
            return
        by_ratio = compared_by_ratio(self.program, name)
        how = "cancelled" if how == "cancelled_sums" and by_ratio else how
        if how == "cancelled" and not by_ratio:
            usual = Step(f"t{self.index(name)}", Apply("typical", (self.reference(name),)), ("B",))
            if usual not in self.usual:
                self.usual.append(usual)
            operands = (*operands, Name(usual.target))
        self.guards.append(self.bind(name, "g", Apply(how, operands), ()))

    def guard(self) -> str:
        """The name of what tells which mutants the model itself must compute, if anything."""
        if not self.guards:
            return ""
        return self.bind(
            self.program.request.sequence, "lost", Apply("either", tuple(self.guards)), ()
        ).name

    def step(self, name: str, prefix: str, term: Term, shape: tuple, key: Any) -> Name:
        """Adds an assignment under a fresh name; ``key`` is what it is found by later."""
        target = self._unique(f"{prefix}{self.program.live.index(name)}")
        self.steps.append(Step(target, term, shape, name))
        self.made[key] = Name(target)
        if prefix == "f":
            self.values.append(TileValue(target, name, Form.FULL))
        return self.made[key]

    def _base(self, name: str, extent: Spans) -> Term:
        """The reference under a slab; named where a reader applies its function to it again."""
        term, readers = self._windows(name, extent), self.program.graph.consumers(name)
        if not any(self._cheap_to_repeat(reader.name, extent) for reader in readers):
            return term
        shape = ("N", extent.width, *_tail(self.program, name))
        return self.step(name, "w", term, shape, (name, "w", extent))

    def _unchanged(self, name: str, spans: Spans) -> Term:
        """The reference at the spans of a layer that is held as a slab."""
        layer = self.program.graph[name]
        repeat = self._cheap_to_repeat(name, spans)
        base = self.made.get((layer.inputs[0], "w", spans)) if repeat else None
        if base is None:
            return self._windows(name, spans)
        return self.apply(layer, self.program.rules[name].on_slab, [base])

    def _cheap_to_repeat(self, name: str, extent: Spans) -> bool:
        """Whether a function is cheaper to apply to the reference again than to look up."""
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
        return Apply("gather_windows", (r, self.offset(name, spans.starts), spans.width, LETTERS))

    def _shifted(self, v: Term, there: Spans, wanted: Spans, how: str) -> Apply:
        shift = there.array - wanted.array
        if how == "cut":
            shift = -shift
        if np.all(shift == shift[0]):
            return Apply(how, (v, int(shift[0]), wanted.width))
        owner = v.name if isinstance(v, Name) else how
        return Apply(how, (v, self.offset(f"{owner}_", tuple(shift.tolist())), wanted.width))

    def offset(self, name: str, values: tuple[int, ...]) -> Offset:
        """Offsets of the sites, under a key named after the value; equal ones share it."""
        for key, known in self.offsets.items():
            if known == values:
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
        while label in self.taken:
            label, count = f"{name}{'abcdefghijklmnopqrstuvwxyz'[count]}", count + 1
        self.taken.add(label)
        return label


def weights_of(layer: Layer) -> Weights:
    """The weights of a layer, as a term."""
    other = tuple(pair for pair in layer.renamed if pair[0] != pair[1])
    return Weights(layer.owner, layer.renamed if other else ())


def reference_name(program: Program, name: str) -> Name:
    """The name of a reference value: ``x`` for the sequence, its own name for other inputs."""
    return Name("x" if name == program.request.sequence else f"r{program.live.index(name)}")


def _tail(program: Program, name: str) -> tuple[int, ...]:
    return program.graph[name].shape[1:]
