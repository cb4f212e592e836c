"""The state of the compilation between passes: one field per fact that a pass finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from ismc.ir.graph import Graph, Layer
from ismc.ir.window import Span, Spans
from ismc.plan.plan import Plan
from ismc.plan.target import Target
from ismc.rules import Rule


class Form(Enum):
    """How the mutants' value of a layer is represented."""

    REFERENCE = "reference"
    DIFFERENCE = "difference"
    SLAB = "slab"
    FULL = "full"


@dataclass(frozen=True)
class Request:
    """What the user asked to compile.

    Attributes:
        sequence: the input that is mutated.
        sites: the ranges that are mutated, one at a time.
        outputs: the values that are returned.
        rules: rules for single layers by name; they take precedence over all other rules.
        stop_at: layers after which everything is recomputed in full.
        target: the device that the plan is made for.
        memory: bytes that the tiles may take, or 0 for the memory of the target.
        tile: sites of one tile as far as memory allows, or 0 to let the schedule choose.
        strategies: strategies of single convolutions, ``(layer, strategy)``; the schedule chooses
            the others.
        cut: the first layer to recompute in full, ``""`` for none, or ``None`` to let
            `choose_recompute` choose.
        scored: whether a score is computed from reference and mutant.
        precision: the type that operands of products of differences are rounded to.
    """

    sequence: str
    sites: tuple[Span, ...]
    outputs: tuple[str, ...]
    stop_at: tuple[str, ...] = ()
    rules: Mapping[str, Rule] = field(default_factory=dict)
    target: Target = field(default_factory=Target.cpu)
    memory: int = 0
    tile: int = 0
    strategies: tuple[tuple[str, str], ...] = ()
    cut: str | None = None
    scored: bool = False
    precision: str = "float32"


@dataclass(frozen=True)
class TileValue:
    """A layer's value in the program of a tile; see `ismc.verification.intermediates`.

    Attributes:
        target: the name of the value in the source.
        layer: the layer whose value it is.
        form: difference, slab or full.
        spans: the positions that it covers, for each site; ``None`` if in full.
        beyond: its state beyond the ends, as an `ismc.passes.beyond.Beyond`.
    """

    target: str
    layer: str
    form: Form
    spans: Spans | None = None
    beyond: int = 0


@dataclass(frozen=True)
class Program:
    """A graph, a request, and the facts that the passes have found so far."""

    graph: Graph
    request: Request
    live: tuple[str, ...] = ()
    judged: frozenset[str] = frozenset()
    rules: Mapping[str, Rule] = field(default_factory=dict)
    wild: frozenset[str] = frozenset()
    forms: Mapping[str, Form] = field(default_factory=dict)
    need: Mapping[str, Span] = field(default_factory=dict)
    spans: Mapping[str, Spans] = field(default_factory=dict)
    extents: Mapping[str, Spans] = field(default_factory=dict)
    plan: Plan | None = None
    values: tuple[TileValue, ...] = ()

    def knowing(self, **facts: object) -> Program:
        """The program with more facts."""
        return replace(self, **facts)  # pyright: ignore[reportArgumentType]

    def varies(self, name: str) -> bool:
        """Whether a mutation changes the value."""
        return self.forms[name] is not Form.REFERENCE

    def looked_up(self, name: str) -> bool:
        """Whether mutants only read the layer's reference, so that no step computes it for them."""
        rule = self.rules.get(name)
        readers = self.graph.consumers(name)
        return bool(rule and rule.lookup) and all(
            self.rules[r.name].stop is not None for r in readers if r.name in self.rules
        )

    def __str__(self) -> str:
        facts = {layer.name: ", ".join(self._facts(layer)) for layer in self.graph.layers}
        return self.graph.text(facts, self.request.outputs)

    def _facts(self, layer: Layer) -> Iterator[str]:
        """What the passes have found of a layer, in words."""
        form, rule = self.forms.get(layer.name), self.rules.get(layer.name)
        if form:
            yield form.value
        if rule:
            yield rule.role.value + (" linear" if rule.linear else "")
            if rule.reason:
                yield f"stop: {rule.reason}"
        if spans := self.spans.get(layer.name):
            yield f"width {spans.width} of {layer.length}, need {self.need[layer.name]}"
