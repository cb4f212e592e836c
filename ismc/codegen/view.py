"""Prepares the text of every statement of a program, so that the template computes nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isinf

from ismc._version import __version__
from ismc.codegen.layout import statement
from ismc.plan.plan import (
    Apply,
    Name,
    Offset,
    Plan,
    Size,
    Step,
    Table,
    Term,
    Weights,
    sizes_in,
)
from ismc.strategies import FUNCTIONS

OPERATORS = ("+", "-")


@dataclass(frozen=True)
class Statement:
    """Lines of source; ``headed`` if they begin with the heading of a segment."""

    lines: tuple[str, ...]
    headed: bool = False


@dataclass(frozen=True)
class Result:
    """One output: its name, its statement in a tile, its statement for the reference."""

    name: str
    tile: str
    unchanged: str
    index: int


@dataclass(frozen=True)
class Import:
    """A module that the program imports from, and the names of the functions."""

    module: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """Everything that the template prints."""

    version: str
    model: str
    digest: str
    sequence: str
    imports: tuple[Import, ...]
    reference: tuple[Statement, ...]
    tiling: tuple[str, ...]
    tile: tuple[Statement, ...]
    loop_outputs: str
    epilogue: tuple[Statement, ...]
    results: tuple[Result, ...]


def view(plan: Plan) -> View:
    """The view of a plan."""
    functions = {"scan", "collect", "letters_in_order"} | ({"per_mutant"} if plan.scored else set())
    if plan.epilogue:
        functions.add("flatten_tiles")
    if _groups(plan):
        functions.add("materialized")
    for step in (*plan.reference, *plan.tile, *plan.epilogue):
        functions |= _functions(step.term)
    contexts = [
        Statement(
            statement(
                f"{_context(plan, i)} = context[{json.dumps(name)}]", _shape(("B", *shape)), 8
            )
        )
        for i, (name, shape) in enumerate(plan.inputs)
        if name != plan.sequence and _context(plan, i)
    ]
    length, channels = plan.sequence_shape
    return View(
        version=__version__,
        model=plan.model,
        digest=plan.digest,
        sequence=f"[B, {length}, {channels}]",
        imports=_imports(functions),
        reference=(*contexts, *(Statement(_lines(s, 8)) for s in plan.reference)),
        tiling=_tiling(plan),
        tile=_segments(plan),
        loop_outputs=", ".join(step.target for step in plan.loop_outputs),
        epilogue=tuple(Statement(_lines(s, 12)) for s in plan.epilogue),
        results=(*(_result(plan, i) for i in range(len(plan.outputs))), *_guard(plan)),
    )


def _tiling(plan: Plan) -> tuple[str, ...]:
    """What the tile reads of the number of tiles, which follows from the call."""
    sizes = {size for step in plan.tile for size in sizes_in(step.term)}
    lines = []
    if {"one_tile", "step"} & sizes or _groups(plan):
        lines.append("one_tile = tile_ids.shape[0] == 1  # XLA fuses more without a loop")
    if "step" in sizes:
        lines.append("step = 1 if one_tile else letters  # mutants that share one look-up")
    return (*_indented(lines, 8), "") if lines else ()


def _imports(functions: set[str]) -> tuple[Import, ...]:
    """The imports of the program, `ismc.runtime` first."""
    modules: dict[str, list[str]] = {"ismc.runtime": []}
    for name in sorted(functions, key=lambda name: (FUNCTIONS.get(name, ""), name)):
        modules.setdefault(FUNCTIONS.get(name, "ismc.runtime"), []).append(name)
    return tuple(Import(module, tuple(names)) for module, names in modules.items())


def _result(plan: Plan, index: int) -> Result:
    value, reference = plan.results[index], plan.references[index]
    mutant, unchanged = value, reference
    if plan.scored:
        mutant = f"score(per_mutant({reference}, n), {value})"
        unchanged = f"score({reference}, {reference})"
    name = plan.outputs[index][0]
    return Result(name, f"y{index} = {mutant}", f"q{index} = {unchanged}", index)


def _guard(plan: Plan) -> tuple[Result, ...]:
    """The guard as one more output; empty if the plan has none."""
    if not plan.guard:
        return ()
    index = len(plan.outputs)
    unchanged = f"q{index} = tf.zeros([x.shape[0]])"
    name = "mutants that the model must compute"
    return (Result(name, f"y{index} = {plan.guard}", unchanged, index),)


def _context(plan: Plan, index: int) -> str:
    """The name of another input's reference value, or ``""`` if no layer reads it."""
    name = plan.inputs[index][0]
    numbers = [i for i, line in enumerate(plan.lines) if line.name == name]
    return f"r{numbers[0]}" if numbers else ""


def _segments(plan: Plan) -> tuple[Statement, ...]:
    """The statements of a tile; the first of each segment has a heading."""
    number, titles, before = {}, [[[], []]], "difference"
    for line in plan.lines:
        if line.form not in ("difference", "slab") or line.role == "input":
            continue
        if before == "slab" and line.form == "difference":
            titles.append([[], []])
        before = line.form
        titles[-1][line.form == "slab"].append(line.name)
        number[line.name] = len(titles) - 1
    statements: list[Statement] = []
    seen = {None}
    groups = _groups(plan)
    for step in plan.tile:
        segment = number.get(step.layer)
        heading = ""
        if segment not in seen:
            head, tail = (" > ".join(_few(names)) for names in titles[segment or 0])
            heading = f"# segment {segment}: {head}{' | ' if tail else ''}{tail}"[:84].rstrip()
            seen.add(segment)
        lines = _in_tile(step, heading, groups.get(step.target, ()))
        lines = ("", *lines) if statements and _opens(lines) else lines
        statements.append(Statement(_indented(lines, 12), bool(heading)))
    return tuple(statements)


def _groups(plan: Plan) -> dict[str, tuple[str, ...]]:
    """The group of each statement that helps to compute a materialized value of the tile."""
    targets = {step.target for step in plan.tile}
    return {name: group for group in plan.written if group[-1] in targets for name in group}


def _in_tile(step: Step, heading: str, group: tuple[str, ...]) -> tuple[str, ...]:
    """A statement of a tile, inside the function of its group if it has one."""
    first = (heading,) if heading else ()
    if not group:
        return (*first, *_lines(step, 12))
    value, lines = group[-1], _lines(step, 16)
    if step.target == group[0]:
        lines = (*first, f"def make_{value}():", *_indented(lines, 4))
    else:
        lines = _indented((*first, *lines), 4)
    if step.target != value:
        return lines
    shape = _shape(("n", *step.shape[1:]))
    call = f"{value} = materialized(make_{value}, t, {shape}, one_tile)"
    return (*lines, f"    return {value}", "", *statement(call, _shape(step.shape), 12))


def _opens(lines: Sequence[str]) -> bool:
    """Whether the first line that is not a comment defines a function."""
    return next(line for line in lines if not line.startswith("#")).startswith("def ")


def _indented(lines: Sequence[str], by: int) -> tuple[str, ...]:
    return tuple(" " * by + line if line else "" for line in lines)


def _few(names: list[str]) -> list[str]:
    return names if len(names) < 6 else [*names[:2], "..", *names[-2:]]


def _lines(step: Step, indent: int) -> tuple[str, ...]:
    comment = _shape(step.shape)
    return statement(f"{step.target} = {text(step.term)}", comment, indent)


def _shape(shape: tuple[str | int, ...]) -> str:
    return f"[{', '.join(map(str, shape))}]"


def _functions(term: Term) -> set[str]:
    if isinstance(term, Weights) and term.renamed:
        return {"part"}
    if not isinstance(term, Apply):
        return set()
    names = {term.fn} if term.fn not in (*OPERATORS, "negative", "item", "layer") else set()
    return names.union(*(_functions(arg) for arg in term.args))


def text(term: Term) -> str:
    """The source of a term."""
    match term:
        case Name(name):
            return name
        case Offset(key, _):
            return f'at["{key}"][t]'
        case Table(key):
            return f'at["{key}"]'
        case Weights(owner, renamed) if renamed:
            items = "".join(f', {name}="{weight}"' for name, weight in renamed)
            return f"part(w[{json.dumps(owner)}]{items})"
        case Weights(owner):
            return f"w[{json.dumps(owner)}]" if owner else "{}"
        case Size("n" | "step" | "one_tile" as key):
            return key
        case Size(key):
            return f'sizes["{key}"]'
        case Apply():
            return _call(term)
        case str():
            return json.dumps(term)
        case float() if isinf(term):
            return 'float("-inf")' if term == -inf else 'float("inf")'
        case tuple() | list():
            return f"[{', '.join(map(text, term))}]"
    return repr(term)


def _call(term: Apply) -> str:
    args = [text(arg) for arg in term.args]
    if term.fn in OPERATORS:
        return f" {term.fn} ".join(args)
    if term.fn == "negative":
        return f"-{args[0]}"
    if term.fn == "item":
        return f"{args[0]}[{args[1]}]"
    if term.fn == "layer":
        name, weights, *operands = args
        return f"layer[{name}]([{', '.join(operands)}], {weights})"
    args += [f"{key}={text(value)}" for key, value in term.kwargs]
    return f"{term.fn}({', '.join(args)})"
