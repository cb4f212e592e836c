"""Where the time of a scan goes: programs that end after each statement, timed.

The program after ``k`` statements of a tile is the plan with a shorter ``tile``, rendered and
compiled like any other; it answers with one number that every value still wanted is part of. What
it takes longer than the program before it is the time of statement ``k``. Reading the values
that are still wanted counts in the row that makes them, and no longer in the row that is the last
to want them; so a row of a small product may be off by one pass over what it reads.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import tensorflow as tf

from ismc.codegen.load import load
from ismc.codegen.render import render
from ismc.codegen.view import view
from ismc.errors import InputError
from ismc.execution.inputs import random_inputs
from ismc.execution.substitutions import every_letter
from ismc.ism.program import CompiledProgram
from ismc.plan.explain import count
from ismc.plan.plan import Apply, Name, Plan, Size, Step, Term, Weights, names_in

HEADER = ("value", "layer", "strategy", "ms", "operations", "GFLOP/s", "share")
CHECKSUM = "checksum"
VISIBLE = 1e-5


@dataclass(frozen=True)
class Row:
    """One statement of a tile, or several, over the whole scan.

    Attributes:
        value: the names that are assigned; ``call``, ``reference`` and ``answers`` for the rest.
        layers: the layers that they belong to.
        strategy: how the products are laid out.
        seconds: how long it takes, never negative.
        operations: the plan's floating-point operations.
    """

    value: str
    layers: tuple[str, ...]
    strategy: str
    seconds: float
    operations: int = 0

    @property
    def rate(self) -> float:
        """Operations per second, 0 where there are none."""
        return self.operations / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Profile:
    """The rows of a profile; it prints as a table.

    Attributes:
        rows: the call, the reference, the statements of a tile, the assembling of answers.
        seconds: one call of `saturate`, as measured.
        mutants: how many mutants that computes.
        least: operations that any difference scan of them does, as `Plan.minimum` counts.
        adjusted: the most that a median was raised or lowered, in seconds, so that none falls.
    """

    rows: tuple[Row, ...]
    seconds: float
    mutants: int
    least: int
    adjusted: float

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of each row in the sum of all; they add up to 1."""
        total = sum(row.seconds for row in self.rows) or 1.0
        return tuple(row.seconds / total for row in self.rows)

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [HEADER]
        for row, share in zip(self.rows, self.shares, strict=True):
            found = count(row.operations) if row.operations else ""
            rate = f"{row.rate / 1e9:.1f}" if row.rate and row.seconds > VISIBLE else ""
            cells = (f"{1e3 * row.seconds:.2f}", found, rate, f"{100 * share:.1f} %")
            rows.append((row.value, _few(row.layers), row.strategy, *cells))
        widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]
        lines = [_line(row, widths) for row in rows]
        lines.insert(1, "  ".join("-" * width for width in widths))
        operations = sum(row.operations for row in self.rows)
        rate, least = (n / max(self.seconds, 1e-9) / 1e9 for n in (operations, self.least))
        lines += [
            "",
            f"{self.mutants} mutants in {1e3 * self.seconds:.1f} ms: {count(operations)} "
            f"operations, {rate:.1f} GFLOP/s",
            f"at least {count(self.least)} operations are needed: {least:.1f} GFLOP/s on those",
            "differences of medians, adjusted by at most "
            f"{1e3 * self.adjusted:.2f} ms so that none is negative",
        ]
        return "\n".join(lines)


def profile(
    ism: CompiledProgram, x: Any = None, rounds: int = 5, every: int | str = 1, seed: int = 0
) -> Profile:
    """Times a saturation, statement by statement.

    Args:
        ism: what is timed.
        x: inputs as for a call; one random sequence by default.
        rounds: how often each program is timed, in turns; the median counts.
        every: how many statements share a row, or ``"segment"``. Each row is one compilation.
        seed: of the random sequence.

    Raises:
        InputError: when an input does not fit, or a number is not positive.
    """
    if rounds < 1 or not (every == "segment" or (isinstance(every, int) and every > 0)):
        raise InputError(
            f"rounds is {rounds!r} and every is {every!r}, expected positive numbers.",
            hint="every may also be 'segment'.",
        )
    if x is None:
        made = random_inputs(ism.plan.signature, 1, np.random.default_rng(seed))
        x = tf.nest.map_structure(lambda name: made[name], ism.model.inputs)
    ends = _ends(ism.plan, every)
    programs = [_part(ism, None), *(_part(ism, end) for end in (0, *ends)), ism]
    medians = _medians([lambda p=p: p.saturate(x) for p in programs], rounds)
    rising = _rising(medians)
    steps = [rising[0], *(b - a for a, b in pairwise(rising))]
    mutants = _mutants(ism, x)
    labels = [Row("call", (), "", 0.0), Row("reference", (), "", 0.0)]
    labels += [_labelled(ism.plan, a, b, mutants) for a, b in pairwise((0, *ends))]
    labels.append(Row("answers", (), "", 0.0))
    rows = tuple(replace(row, seconds=found) for row, found in zip(labels, steps, strict=True))
    adjusted = max(abs(a - b) for a, b in zip(medians, rising, strict=True))
    each = ism.plan.letters * len(ism.plan.active)
    least = ism.plan.minimum * mutants // max(each, 1)
    return Profile(rows, medians[-1], mutants, least, adjusted)


def _ends(plan: Plan, every: int | str) -> tuple[int, ...]:
    """After how many statements each program ends; the last holds all."""
    total = len(plan.tile) + len(plan.epilogue)
    if isinstance(every, int):
        return tuple(sorted({*range(every, total, every), total})) if total else ()
    heads = [i for i, statement in enumerate(view(plan).tile) if statement.headed]
    return tuple(sorted({*heads[1:], len(plan.tile), total} - {0}))


def _part(ism: CompiledProgram, end: int | None) -> CompiledProgram:
    """The program that ends after so many statements; ``None`` leaves out the reference too."""
    plan = ism.plan
    steps, loop = (*plan.tile, *plan.epilogue), len(plan.tile)
    done, rest = steps[: end or 0], steps[end or 0 :]
    looked_up = {name for step in steps for name in names_in(step.term)} | {*plan.references}
    known = {step.target for step in plan.reference} & looked_up
    wanted = {name for step in rest for name in names_in(step.term)} | {*plan.results}
    behind = len(done) > loop
    there = (*plan.loop_outputs, *done[loop:]) if behind else done
    live = [step.target for step in there if step.target in wanted]
    answer = Step("y", Apply(CHECKSUM, (Size("n"), *map(Name, live))), ("N",))
    reference = () if end is None else plan.reference
    kept = [Name(step.target) for step in reference if step.target in known]
    part = replace(
        plan,
        outputs=((CHECKSUM, ()),),
        reference=(*reference, Step("q", Apply(CHECKSUM, (Name("x"), *kept)), ("B",))),
        tile=plan.tile if behind else (*done, answer),
        loop_outputs=plan.loop_outputs if behind else (),
        epilogue=(*done[loop:], answer) if behind else (),
        results=("y",),
        references=("q",),
        guard="",
        scored=False,
    )
    source = render(part)
    return replace(
        ism,
        plan=part,
        source=source,
        build=load(source, part),
        chosen=(CHECKSUM,),
        structure=[CHECKSUM],
        score=None,
        key="",
        programs={},
    )


def _medians(calls: Sequence[Callable[[], Any]], rounds: int) -> list[float]:
    """Seconds of each call, in turns after one that compiles."""
    for call in calls:
        _finished(call())
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for found, call in zip(seconds, calls, strict=True):
            begin = time.perf_counter()
            _finished(call())
            found.append(time.perf_counter() - begin)
    return [statistics.median(found) for found in seconds]


def _rising(values: Sequence[float]) -> list[float]:
    """The nearest values that never fall: neighbours that do are pooled (isotonic regression)."""
    pools: list[tuple[float, int]] = []
    for value in values:
        total, size = value, 1
        while pools and pools[-1][0] * size > total * pools[-1][1]:
            before, number = pools.pop()
            total, size = total + before, size + number
        pools.append((total, size))
    return [total / size for total, size in pools for _ in range(size)]


def _finished(nest: Any) -> None:
    """Waits for the answers, wherever they are computed."""
    for value in tf.nest.flatten(nest):
        tf.reshape(value, [-1])[:1].numpy()


def _mutants(ism: CompiledProgram, x: Any) -> int:
    flat = dict(zip(tf.nest.flatten(ism.model.inputs), tf.nest.flatten(x), strict=True))
    sequence = np.asarray(flat[ism.plan.sequence], np.float32)
    letters = every_letter({ism.plan.sequence: sequence}, ism.plan).count
    return len(sequence) * len(ism.plan.active) * letters


def _labelled(plan: Plan, begin: int, end: int, mutants: int) -> Row:
    """The row of the statements from ``begin`` to ``end``, without its time."""
    every = (*plan.tile, *plan.epilogue)
    steps = every[begin:end]
    lines = {line.name: line for line in plan.lines}
    done = [lines[every[i].layer] for i in range(begin, end) if i in _products(plan)]
    first, last = steps[0].target, steps[-1].target
    return Row(
        first if len(steps) == 1 else f"{first} .. {last}",
        tuple(dict.fromkeys(step.layer for step in steps)),
        ", ".join(dict.fromkeys(line.strategy for line in done if line.strategy)),
        0.0,
        mutants * sum(line.operations for line in done),
    )


def _products(plan: Plan) -> set[int]:
    """Of each layer, the statement that its operations belong to: the one with its weights."""
    found: dict[str, int] = {}
    for i, step in enumerate((*plan.tile, *plan.epilogue)):
        if step.layer not in found or _weighted(step.term):
            found[step.layer] = i
    return set(found.values())


def _weighted(term: Term) -> bool:
    if isinstance(term, Apply):
        return any(map(_weighted, term.args))
    return isinstance(term, Weights)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) < 4 else f"{names[0]} .. {names[-1]}"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.rjust(width) if i > 2 else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()
