"""Promises about forms, needs, spans and extents.

Spans are computed for all sites at once. Here they are compared with `Window.reaches` and
`Window.reads` of single sites: the first, the last, and one between.
"""

from __future__ import annotations

from collections.abc import Iterator

from ismc.ir.window import Span
from ismc.passes.program import Form, Program
from ismc.passes.promises.graph import Faults
from ismc.rules import Role, Rule

LOCAL = (Form.DIFFERENCE, Form.SLAB)


def forms_known(program: Program) -> Faults:
    """Every live value has a form, and no other value has one."""
    for name in sorted(set(program.live).symmetric_difference(program.forms)):
        yield name, "has no form" if name in program.live else "has a form, but is not live"


def references_do_not_vary(program: Program) -> Faults:
    """A value is a reference if and only if nothing that it depends on is mutated."""
    for name, form in program.forms.items():
        sources = program.graph[name].inputs
        varies = name == program.request.sequence or any(map(program.varies, sources))
        if varies == (form is Form.REFERENCE):
            yield name, f"is {form.value}, but a mutation {'changes' if varies else 'spares'} it"


def stops_are_full(program: Program) -> Faults:
    """A value that varies is in full if and only if its layer is a stop."""
    for name, rule in program.rules.items():
        form = program.forms[name]
        stops = rule.role is Role.STOP
        if form is not Form.REFERENCE and stops != (form is Form.FULL):
            yield name, f"is {form.value}, but its role is {rule.role.value}"


def full_values_stay_full(program: Program) -> Faults:
    """What reads a value in full is in full, unless only its reference is looked up."""
    for name in program.rules:
        for source in program.graph[name].inputs:
            before = program.rules.get(source)
            looked_up = before is not None and before.lookup
            in_full = program.forms[source] is Form.FULL and not looked_up
            if in_full and program.forms[name] is not Form.FULL:
                yield name, f"is {program.forms[name].value}, but reads {source!r} in full"


def differences_are_linear(program: Program) -> Faults:
    """A difference is the sequence itself, or the value of a linear layer."""
    for name, rule in program.rules.items():
        if program.forms[name] is Form.DIFFERENCE and not rule.linear:
            yield name, "is a difference, but its rule is not linear"


def needs_inside(program: Program) -> Faults:
    """At least one position of every live value is needed, and none that it does not have."""
    for name in program.live:
        need, length = program.need.get(name), program.graph[name].length
        if need is None or not 0 <= need.start < need.stop <= length:
            yield name, f"needs {need}, and has {length} positions"


def needs_cover_reads(program: Program) -> Faults:
    """All that the needed positions of a layer, or an output, depend on is needed."""
    graph, need = program.graph, program.need
    for name in program.request.outputs:
        if need[name] != Span(0, graph[name].length):
            yield name, f"is an output, and needs only {need[name]}"
    for name, rule in program.rules.items():
        if need[name] == Span(0, 1) < Span(0, graph[name].length):
            continue  # perhaps of a value of which nothing is needed
        for i, source in enumerate(graph[name].inputs):
            every = Span(0, graph[source].length)
            reads = rule.needs or every
            if program.forms[name] in LOCAL:
                reads = rule.window.reads(_translated(need[name], -_shift(rule, i))) & every
            if not _covers(need[source], reads):
                yield name, f"reads {reads} of {source!r}, of which {need[source]} is needed"


def spans_known(program: Program) -> Faults:
    """Differences and slabs have a span for each site, at least one position wide."""
    sites = len(program.request.sites)
    for name in program.live:
        spans, is_local = program.spans.get(name), program.forms[name] in LOCAL
        if is_local != (spans is not None):
            yield name, f"is {program.forms[name].value}, and has {'no ' * is_local}spans"
        elif spans and (len(spans.starts) != sites or (sites and spans.width < 1)):
            yield name, f"has {len(spans.starts)} spans of width {spans.width}, for {sites} sites"


def spans_cover_changes(program: Program) -> Faults:
    """A span has every needed position that a mutation of its site can change."""
    sequence = program.request.sequence
    for site in _sites(program):
        if sequence in program.spans:
            changed = program.request.sites[site]
            if not _covers(program.spans[sequence][site], changed):
                yield sequence, f"has the span {program.spans[sequence][site]} at site {changed}"
        for name, rule in program.rules.items():
            if name not in program.spans:
                continue
            found = program.spans[name][site]
            for i, source in enumerate(program.graph[name].inputs):
                if source in program.spans:
                    reached = rule.window.reaches(program.spans[source][site])
                    changed = _translated(reached, _shift(rule, i)) & program.need[name]
                    if not _covers(found, changed):
                        yield name, f"has the span {found}, and {source!r} changes {changed} of it"


def extents_cover_reads(program: Program) -> Faults:
    """Every slab has an extent, which has what its readers, and an output, read of it."""
    for name, form in program.forms.items():
        if (form is Form.SLAB) != (name in program.extents):
            yield name, f"is {form.value}, and has {'no ' * (form is Form.SLAB)}extent"
    for site in _sites(program):
        for name, extent in program.extents.items():
            for reader, reads in _reads_of(program, name, site):
                if not _covers(extent[site], reads):
                    yield name, f"has the extent {extent[site]}, and {reader} reads {reads} of it"


def _reads_of(program: Program, name: str, site: int) -> Iterator[tuple[str, Span]]:
    """Who reads a slab, and which positions of it."""
    if name in program.request.outputs:
        yield "an output", program.spans[name][site]
    for reader in program.graph.consumers(name):
        rule = program.rules.get(reader.name)
        if rule is not None and reader.name in program.extents:
            yield repr(reader.name), rule.window.reads(program.extents[reader.name][site])
        elif rule is not None:
            yield repr(reader.name), program.spans[name][site]


def _sites(program: Program) -> list[int]:
    """Some sites, by index."""
    count = len(program.request.sites)
    return sorted({0, count // 2, count - 1}) if count else []


def _covers(span: Span, other: Span) -> bool:
    return not other.width or (span.start <= other.start and other.stop <= span.stop)


def _shift(rule: Rule, operand: int) -> int:
    return rule.shifts[operand] if rule.shifts else 0


def _translated(span: Span, by: int) -> Span:
    return Span(span.start + by, span.stop + by)
