"""Verifies a program between passes: what each pass promises, checked after it has run.

`ismc.passes.observe` calls `verify_pass` after each pass if ``ISMC_DEBUG`` or ``ISMC_VERIFY`` is
set. A pass keeps the promises of the passes before it, as far as they concern what it changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ismc.errors import InternalError
from ismc.passes.program import Program
from ismc.passes.promises import facts, graph, plan

Promise = Callable[[Program], graph.Faults]

FLAT: tuple[Promise, ...] = (
    graph.names_unique,
    graph.inputs_come_before,
    graph.no_nested_model,
    graph.ends_exist,
    graph.shapes_follow,
)
DECOMPOSED: tuple[Promise, ...] = (*FLAT, graph.no_composite, graph.ends_are_float32)
CLASSIFIED: tuple[Promise, ...] = (
    graph.live_values_known,
    graph.rules_known,
    graph.stops_follow_stops,
    graph.windows_fit,
)
SEGMENTED: tuple[Promise, ...] = (
    facts.forms_known,
    facts.references_do_not_vary,
    facts.stops_are_full,
    facts.full_values_stay_full,
    facts.differences_are_linear,
)
LOCATED: tuple[Promise, ...] = (
    facts.needs_inside,
    facts.needs_cover_reads,
    facts.spans_known,
    facts.spans_cover_changes,
    facts.extents_cover_reads,
)
PLANNED: tuple[Promise, ...] = (
    plan.plan_present,
    plan.names_defined,
    plan.offsets_known,
    plan.shapes_of_steps,
    plan.groups_closed,
    plan.sites_active,
)
PROMISES: Mapping[str, tuple[Promise, ...]] = {
    "flatten": FLAT,
    "decompose": DECOMPOSED,
    "positions_first": (*DECOMPOSED, graph.positions_on_axis_1),
    "classify": CLASSIFIED,
    "prune_positions": (*DECOMPOSED, *CLASSIFIED),
    "segment": (*SEGMENTED, *CLASSIFIED),
    "propagate": LOCATED,
    "choose_recompute": (*SEGMENTED, *CLASSIFIED, *LOCATED),
    "schedule": PLANNED,
}
"""What holds after each pass; a promise may rely on those before it."""


def verify_pass(name: str, program: Program) -> None:
    """Checks what a pass promises of its result; a pass without promises is not checked.

    Raises:
        InternalError: when a promise is broken; it names the pass, the promise and the layer.
    """
    for promise in PROMISES.get(name, ()):
        try:
            fault = next((f"layer {layer!r} {found}" for layer, found in promise(program)), "")
        except Exception as error:
            fault = f"it cannot be checked: {type(error).__name__}: {error}"
            raise _broken(name, promise, fault, program) from error
        if fault:
            raise _broken(name, promise, fault, program)


def _broken(name: str, promise: Promise, fault: str, program: Program) -> InternalError:
    return InternalError(
        f"The pass {name} breaks its promise {promise.__name__}: {promise.__doc__}\n"
        f"But {fault}.\n{program}",
        hint="This is a bug in ismc; please report it with the text above.",
    )
