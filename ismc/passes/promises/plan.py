"""Promises about the plan: every name, offset and shape of a step is that of a value it has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ismc.passes.program import Form, Program
from ismc.passes.promises.graph import Faults
from ismc.plan.plan import Plan, Step, names_in, offsets_in

ARGUMENTS = ("x", "rotation", "block")  # of the generated program, that steps read by name


def plan_present(program: Program) -> Faults:
    """There is a plan, with a line for every live layer."""
    if program.plan is None:
        yield program.request.sequence, "has no plan"
    elif [line.name for line in program.plan.lines] != list(program.live):
        yield program.request.sequence, "and the other live layers are not the lines of the plan"


def names_defined(program: Program) -> Faults:
    """A step reads only arguments of the program and values that earlier steps define, once."""
    plan = _plan(program)
    known = set(ARGUMENTS) | {
        f"r{i}" for i, name in enumerate(program.live) if not program.graph[name].inputs
    }
    yield from _defined(plan.reference, known)
    inside = known.copy()
    yield from _defined(plan.tile, inside)
    if plan.epilogue:
        for step in plan.loop_outputs:
            if step.target not in inside:
                yield step.layer, f"is stacked as {step.target}, which no step defines"
        inside = known | {step.target for step in plan.loop_outputs}
        yield from _defined(plan.epilogue, inside)
    for layer, name in zip(program.request.outputs, plan.results, strict=True):
        if name not in inside:
            yield layer, f"is returned as {name}, which no step defines"
    for layer, name in zip(program.request.outputs, plan.references, strict=True):
        if name not in known:
            yield layer, f"has the reference {name}, which no step defines"
    if plan.guard and plan.guard not in inside:
        yield program.request.sequence, f"is guarded by {plan.guard}, which no step defines"


def _defined(steps: Iterable[Step], known: set[str]) -> Faults:
    """Faults of the names that steps read and define; adds what they define to the known names."""
    for step in steps:
        for name in sorted(names_in(step.term) - known):
            yield step.layer, f"reads {name} for {step.target} before it is defined"
        if step.target in known:
            yield step.layer, f"defines {step.target} twice"
        known.add(step.target)


def offsets_known(program: Program) -> Faults:
    """A step reads only offsets that the plan has, one for each site."""
    plan = _plan(program)
    counts = {key: len(starts) for key, starts in plan.offsets.items()}
    counts |= {band.key: len(band.starts) for band in plan.bands}
    for step in _steps(plan):
        for key in sorted(offsets_in(step.term)):
            if counts.get(key) != len(plan.sites):
                found = f"{counts.get(key, 0)} entries for {len(plan.sites)} sites"
                yield step.layer, f"reads the offsets {key} for {step.target}, which have {found}"


def shapes_of_steps(program: Program) -> Faults:
    """References have the shapes of layers, and values of a tile those of their spans."""
    plan, graph = _plan(program), program.graph
    shapes = {step.target: step.shape for step in _steps(plan)}
    for step in plan.reference:
        is_reference = step.target == f"r{program.live.index(step.layer)}" if step.layer else False
        if is_reference and step.shape != ("B", *graph[step.layer].shape):
            yield step.layer, f"has the reference {step.target} {list(step.shape)}"
    for value in program.values:
        shape = graph[value.layer].shape
        if value.form is not Form.FULL and value.spans is not None:
            shape = (value.spans.width, *shape[1:])
        found = shapes.get(value.target)
        if found is not None and found != ("N", *shape):
            yield value.layer, f"has the value {value.target} {list(found)}, expected {list(shape)}"
    for (layer, shape), name in zip(plan.outputs, plan.results, strict=True):
        if shapes.get(name) != ("N", *shape):
            yield layer, f"is returned as {name} {shapes.get(name)}, expected {list(shape)}"


def groups_closed(program: Program) -> Faults:
    """Of the steps that compute a materialized value, only the value is read by other steps."""
    plan = _plan(program)
    layers = {step.target: step.layer for step in plan.tile}
    for group in plan.written:
        inner = set(group[:-1])
        if not layers.keys() >= set(group):
            yield program.request.sequence, f"has no step for one of {', '.join(group)}"
        for step in (*plan.tile, *plan.epilogue):
            for name in sorted(names_in(step.term) & inner):
                if step.target not in group:
                    yield step.layer, f"reads {name} for {step.target}; it is inside of {group[-1]}"


def sites_active(program: Program) -> Faults:
    """The active sites are sites, each at most once."""
    active, sequence = _plan(program).active, program.request.sequence
    if len(set(active)) < len(active) or not set(active) <= set(range(len(program.request.sites))):
        yield sequence, f"has the active sites {active}, of {len(program.request.sites)}"


def _plan(program: Program) -> Plan:
    assert program.plan is not None  # noqa: S101  (`plan_present` comes first)
    return program.plan


def _steps(plan: Plan) -> Iterator[Step]:
    yield from (*plan.reference, *plan.tile, *plan.epilogue)
