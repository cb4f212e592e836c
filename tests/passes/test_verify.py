"""The verifier between passes: every promise is broken once, and the error names it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ismc.errors import InternalError
from ismc.ir.graph import Graph, Layer
from ismc.ir.window import Span, Spans, Window
from ismc.passes import PIPELINE, Form, Program
from ismc.passes.observe import observed, run_passes
from ismc.passes.verify import PROMISES, verify_pass
from ismc.plan.plan import Apply, Name, Offset, Plan, Step
from ismc.rules.base import Role, stop
from tests.support.passes import program_of, run_through

MODEL = """
    x: input [60, 4]
    side: input [60, 8]
    conv: Conv1D(x, 8, 5, padding=same)
    relu: Activation(conv, activation=relu)
    wide: Conv1D(relu, 8, 3, padding=same, dilation_rate=4)
    sum: Add(relu, wide)
    pool: MaxPooling1D(sum, 3, strides=2)
    gate: Multiply(relu, side)
    mean: GlobalAveragePooling1D(pool)
    out: Dense(mean, 2)
    return out, gate
"""
FLIPPED = """
    x: input [30, 4]
    wide: Reshape(x, (1, 30, 4))
    conv: Conv2D(wide, 6, (1, 5))
    after: Conv2D(conv, 2, (1, 3))
    norm: LayerNormalization(after, axis=[2])
    return norm
"""
SITES = ((0, 1), (30, 34), (58, 60))
STRATEGIES = (("conv", "gemm"), ("wide", "gemm"))
Break = Callable[[Program], Program]


def layer(name: str, /, **changes: Any) -> Break:
    """Changes a layer of the graph."""

    def broken(program: Program) -> Program:
        graph = program.graph
        layers = tuple(replace(n, **changes) if n.name == name else n for n in graph.layers)
        return program.knowing(graph=replace(graph, layers=layers))

    return broken


def reordered(program: Program) -> Program:
    first, second, third, *rest = program.graph.layers
    layers = (first, second, rest[0], third, *rest[1:])
    return program.knowing(graph=replace(program.graph, layers=layers))


def ends(**changes: Any) -> Break:
    return lambda program: program.knowing(request=replace(program.request, **changes))


def fact(field: str, /, **changes: Any) -> Break:
    """Changes what is known of a layer; ``None`` forgets it."""

    def broken(program: Program) -> Program:
        facts = {**getattr(program, field), **changes}
        return program.knowing(**{field: {k: v for k, v in facts.items() if v is not None}})

    return broken


def rule(name: str, /, **changes: Any) -> Break:
    return lambda p: fact("rules", **{name: replace(p.rules[name], **changes)})(p)


def plan(**changes: Callable[[Plan], Any]) -> Break:
    """Changes fields of the plan."""

    def broken(program: Program) -> Program:
        assert program.plan is not None
        found = {key: value(program.plan) for key, value in changes.items()}
        return program.knowing(plan=replace(program.plan, **found))

    return broken


def in_tile(index: int, **changes: Any) -> Break:
    def steps(plan: Plan) -> tuple[Step, ...]:
        step = replace(plan.tile[index], **changes)
        return (*plan.tile[:index], step, *plan.tile[index:][1:])

    return plan(tile=steps)


INNER = Graph("inner", (Layer("i", "keras.InputLayer", (), (4,)),), ("i",), ("i",))
BROKEN: list[tuple[str, str, str, Break]] = [
    ("flatten", "no_nested_model", "relu", layer("relu", body=INNER)),
    ("flatten", "names_unique", "side", layer("x", name="side")),
    ("flatten", "inputs_come_before", "relu", reordered),
    ("flatten", "ends_exist", "nowhere", ends(outputs=("nowhere",))),
    ("flatten", "shapes_follow", "pool", layer("pool", shape=(30, 8))),
    ("decompose", "no_composite", "gate", layer("gate", kind="keras.LSTM", inputs=("x",), config={
        "units": 8, "activation": "tanh", "return_sequences": True}, shape=(60, 8))),
    ("decompose", "ends_are_float32", "out", layer("out", dtype="float16")),
    ("classify", "live_values_known", "wide", lambda p: p.knowing(
        live=tuple(name for name in p.live if name != "wide"))),
    ("classify", "live_values_known", "out", lambda p: p.knowing(live=p.live[::-1])),
    ("classify", "rules_known", "wide", fact("rules", wide=None)),
    ("classify", "stops_follow_stops", "sum", fact("rules", wide=stop("a test"))),
    ("classify", "stops_follow_stops", "sum", ends(stop_at=("wide",))),
    ("prune_positions", "windows_fit", "pool", rule("pool", window=Window(5, 2))),
    ("segment", "forms_known", "relu", fact("forms", relu=None)),
    ("segment", "references_do_not_vary", "gate", fact("forms", gate=Form.REFERENCE)),
    ("segment", "references_do_not_vary", "side", fact("forms", side=Form.DIFFERENCE)),
    ("segment", "stops_are_full", "mean", fact("forms", mean=Form.SLAB)),
    ("segment", "full_values_stay_full", "pool", lambda p: rule("sum", role=Role.STOP)(
        fact("forms", sum=Form.FULL)(p))),
    ("segment", "differences_are_linear", "relu", fact("forms", relu=Form.DIFFERENCE)),
    ("propagate", "needs_inside", "conv", fact("need", conv=Span(0, 61))),
    ("propagate", "needs_inside", "conv", fact("need", conv=Span(7, 7))),
    ("propagate", "needs_cover_reads", "relu", fact("need", conv=Span(0, 59))),
    ("propagate", "needs_cover_reads", "gate", fact("need", gate=Span(1, 60))),
    ("propagate", "spans_known", "side", fact("spans", side=Spans((0, 0, 0), 3))),
    ("propagate", "spans_known", "wide", fact("spans", wide=Spans((0, 0), 60))),
    ("propagate", "spans_known", "wide", fact("spans", wide=Spans((0, 0, 0), 0))),
    ("propagate", "spans_cover_changes", "x", fact("spans", x=Spans((0, 31, 58), 4))),
    ("propagate", "spans_cover_changes", "conv", fact("spans", conv=Spans((-2, 29, 56), 8))),
    ("propagate", "spans_cover_changes", "wide", fact("spans", wide=Spans((-6, 24, 52), 7))),
    ("propagate", "extents_cover_reads", "relu", fact("extents", relu=None)),
    ("propagate", "extents_cover_reads", "pool", fact("extents", pool=Spans((-4, 12, 25), 9))),
    ("choose_recompute", "full_values_stay_full", "pool", lambda p: rule("sum", role=Role.STOP)(
        fact("forms", sum=Form.FULL)(p))),
    ("choose_recompute", "extents_cover_reads", "pool", fact("extents", pool=Spans((0, 0, 0), 9))),
    ("schedule", "plan_present", "x", lambda p: p.knowing(plan=None)),
    ("schedule", "plan_present", "x", plan(lines=lambda plan: plan.lines[1:])),
    ("schedule", "names_defined", "wide", plan(reference=lambda plan: [
        s for s in plan.reference if s.target != "k4"])),
    ("schedule", "names_defined", "conv", in_tile(2, term=Apply("conv1d_gemm", (Name("d99"),)))),
    ("schedule", "names_defined", "conv", in_tile(2, target="d0")),
    ("schedule", "names_defined", "out", plan(results=lambda plan: ("f99", plan.results[1]))),
    ("schedule", "names_defined", "gate", plan(references=lambda plan: (plan.references[0], "r"))),
    ("schedule", "names_defined", "x", plan(guard=lambda _: "lost")),
    ("schedule", "names_defined", "wide", plan(
        loop_outputs=lambda _: (Step("s99", Name("x"), ("N", 1), "wide"),),
        epilogue=lambda plan: plan.tile[-1:])),
    ("schedule", "offsets_known", "conv", in_tile(2, term=Apply("f", (Offset("v99"),)))),
    ("schedule", "offsets_known", "x", plan(offsets=lambda p: {**p.offsets, "v0": (0, 30)})),
    ("schedule", "shapes_of_steps", "conv", in_tile(2, shape=("N", 9, 8))),
    ("schedule", "shapes_of_steps", "relu", plan(reference=lambda plan: [
        replace(s, shape=("B", 61, 8)) if s.target == "r3" else s for s in plan.reference])),
    ("schedule", "shapes_of_steps", "out", plan(outputs=lambda p: (("out", (3,)), p.outputs[1]))),
    ("schedule", "groups_closed", "relu", plan(written=lambda p: (
        tuple(step.target for step in p.tile[:5]),))),
    ("schedule", "sites_active", "x", plan(active=lambda _: (0, 3))),
]  # fmt: skip


def test_a_promise_holds_after_each_pass() -> None:
    assert list(PROMISES) == [step.__name__ for step in PIPELINE]
    run_through("schedule", MODEL, SITES, cut="", strategies=STRATEGIES)


@pytest.mark.parametrize(
    ("name", "promise", "found", "broken"), BROKEN, ids=lambda value: value if isinstance(value, str) else ""
)  # fmt: skip
def test_a_broken_promise_is_named(name: str, promise: str, found: str, broken: Break) -> None:
    program = run_through(name, MODEL, SITES, cut="", strategies=STRATEGIES)
    with pytest.raises(InternalError) as caught:
        verify_pass(name, broken(program))
    first, second = str(caught.value).splitlines()[:2]
    assert first.startswith(f"The pass {name} breaks its promise {promise}: ")
    assert second.startswith(f"But layer {found!r} ")
    assert "please report" in (caught.value.hint or "")


def test_a_promise_that_cannot_be_checked_is_named() -> None:
    program = run_through("schedule", MODEL, SITES, cut="", strategies=STRATEGIES)
    with pytest.raises(
        InternalError, match=r"names_defined.*\nBut it cannot be checked: ValueError"
    ):
        verify_pass("schedule", plan(results=lambda _: ())(program))


def test_what_could_have_its_positions_first_is_named() -> None:
    program = run_through("positions_first", FLIPPED)
    broken = layer("norm", kind="keras.Conv2D", config={
        "filters": 2, "kernel_size": (1, 1), "strides": (1, 1), "dilation_rate": (1, 1),
        "padding": "valid", "groups": 1,
    })  # fmt: skip
    with pytest.raises(
        InternalError, match=r"positions_first breaks .*positions_on_axis_1.*\n.*'norm'"
    ):
        verify_pass("positions_first", broken(program))


def test_every_promise_is_broken_once() -> None:
    promises = {promise.__name__ for found in PROMISES.values() for promise in found}
    assert promises == {promise for _, promise, _, _ in BROKEN} | {"positions_on_axis_1"}


@pytest.mark.parametrize(
    ("switch", "raises"), [("ISMC_VERIFY", True), ("ISMC_DEBUG", True), ("", False)]
)
def test_passes_are_verified_on_request(
    monkeypatch: pytest.MonkeyPatch, switch: str, raises: bool
) -> None:
    for name in ("ISMC_VERIFY", "ISMC_DEBUG"):
        monkeypatch.setenv(name, "1" if name == switch else "0")
    (flatten, *_) = PIPELINE

    def careless(program: Program) -> Program:
        return reordered(flatten(program))

    careless.__name__ = "flatten"
    monkeypatch.setattr("ismc.passes.observe.PIPELINE", (careless,))
    if raises:
        with pytest.raises(InternalError, match="The pass flatten breaks its promise"):
            observed(careless)(program_of(MODEL))
    else:
        observed(careless)(program_of(MODEL))


def test_a_failure_of_a_pass_is_an_internal_error() -> None:
    def divides(_: Program) -> Program:
        raise ZeroDivisionError("by zero")

    with pytest.raises(
        InternalError, match="The pass divides failed with ZeroDivisionError: by zero"
    ):
        run_passes(program_of(MODEL), (divides,))
