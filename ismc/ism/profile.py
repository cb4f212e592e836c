"""`profile_program` measures the time of each statement of a scan.

Program ``k`` is the plan cut after ``k`` statements of a tile, rendered and compiled like any
other. It returns a checksum of all live values. Its time minus that of program ``k - 1`` is the
time of statement ``k``. The checksum reads every live value: that counts in the row that makes the
value, and is missing from the row of its last use. The row of a small product may therefore be off
by one pass over its operands.
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

from ismc.codegen.load import load_source
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
        value: the assigned names, or ``call``, ``reference`` or ``answers`` outside of tiles.
        layers: the layers that the statements compute.
        strategy: how their products are computed.
        seconds: the time of the statements, never negative.
        operations: their floating-point operations, as the plan counts them.
    """

    value: str
    layers: tuple[str, ...]
    strategy: str
    seconds: float
    operations: int = 0

    @property
    def rate(self) -> float:
        """Operations per second; 0 without a time."""
        return self.operations / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Profile:
    """The rows of a profile; it prints as a table.

    Attributes:
        rows: the call, the reference, the statements of a tile, and the assembly of the answers.
        seconds: the measured time of one call of `saturate`.
        mutants: the number of mutants of that call.
        least: the lower bound of operations for these mutants, from `Plan.minimum`.
        adjusted: the largest correction of a median that keeps times non-decreasing, in seconds.
    """

    rows: tuple[Row, ...]
    seconds: float
    mutants: int
    least: int
    adjusted: float

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of each row in the total time; they sum to 1."""
        total = sum(row.seconds for row in self.rows) or 1.0
        return tuple(row.seconds / total for row in self.rows)

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [HEADER]
        for row, share in zip(self.rows, self.shares, strict=True):
            operations_text = count(row.operations) if row.operations else ""
            rate = f"{row.rate / 1e9:.1f}" if row.rate and row.seconds > VISIBLE else ""
            cells = (f"{1e3 * row.seconds:.2f}", operations_text, rate, f"{100 * share:.1f} %")
            rows.append((row.value, _abbreviated(row.layers), row.strategy, *cells))
        widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]
        lines = [_line(row, widths) for row in rows]
        lines.insert(1, "  ".join("-" * width for width in widths))
        operations = sum(row.operations for row in self.rows)
        rate, least = (n / max(self.seconds, 1e-9) / 1e9 for n in (operations, self.least))
        lines += [
            "",
            f"{self.mutants} mutants in {1e3 * self.seconds:.1f} ms: {count(operations)} "
            f"operations, {rate:.1f} GFLOP/s",
            f"at least {count(self.least)} operations are needed: {least:.1f} GFLOP/s of those",
            "times are differences of medians, adjusted by at most "
            f"{1e3 * self.adjusted:.2f} ms so that none is negative",
        ]
        return "\n".join(lines)


def profile_program(
    ism: CompiledProgram, x: Any = None, rounds: int = 5, every: int | str = 1, seed: int = 0
) -> Profile:
    """Times each statement of a saturation.

    Args:
        ism: the program to profile.
        x: inputs as for a call; by default one random sequence.
        rounds: how often each program is timed; the programs take turns, and the median counts.
        every: the number of statements per row, or ``"segment"``. Each row takes a compilation.
        seed: the seed of the random sequence.

    Returns:
        A `Profile`; `print` shows it as a table.

    Raises:
        InputError: when an input does not fit the model, or a number is not positive.
    """
    if rounds < 1 or not (every == "segment" or (isinstance(every, int) and every > 0)):
        raise InputError(
            f"rounds is {rounds!r} and every is {every!r}, expected positive numbers.",
            hint="every may also be 'segment'.",
        )
    if x is None:
        arrays = random_inputs(ism.plan.signature, 1, np.random.default_rng(seed))
        x = tf.nest.map_structure(lambda name: arrays[name], ism.model.inputs)
    ends = _ends(ism.plan, every)
    programs = [_part(ism, None), *(_part(ism, end) for end in (0, *ends)), ism]
    medians = _medians([lambda p=p: p.saturated(p.inputs(x)) for p in programs], rounds)
    rising = _rising(medians)
    steps = [rising[0], *(b - a for a, b in pairwise(rising))]
    mutants = _mutants(ism, x)
    labels = [Row("call", (), "", 0.0), Row("reference", (), "", 0.0)]
    labels += [_row(ism.plan, a, b, mutants) for a, b in pairwise((0, *ends))]
    labels.append(Row("answers", (), "", 0.0))
    rows = tuple(replace(row, seconds=seconds) for row, seconds in zip(labels, steps, strict=True))
    adjusted = max(abs(a - b) for a, b in zip(medians, rising, strict=True))
    each = ism.plan.letters * len(ism.plan.active)
    least = ism.plan.minimum * mutants // max(each, 1)
    return Profile(rows, medians[-1], mutants, least, adjusted)


def _ends(plan: Plan, every: int | str) -> tuple[int, ...]:
    """The number of statements in each program; the last program has all."""
    total = len(plan.tile) + len(plan.epilogue)
    if isinstance(every, int):
        return tuple(sorted({*range(every, total, every), total})) if total else ()
    heads = [i for i, statement in enumerate(view(plan).tile) if statement.headed]
    return tuple(sorted({*heads[1:], len(plan.tile), total} - {0}))


def _part(ism: CompiledProgram, end: int | None) -> CompiledProgram:
    """The program of the first ``end`` statements; ``None`` omits the reference too."""
    plan = ism.plan
    steps, loop = (*plan.tile, *plan.epilogue), len(plan.tile)
    executed, rest = steps[: end or 0], steps[end or 0 :]
    looked_up = {name for step in steps for name in names_in(step.term)} | {*plan.references}
    known = {step.target for step in plan.reference} & looked_up
    wanted = {name for step in rest for name in names_in(step.term)} | {*plan.results}
    in_epilogue = len(executed) > loop
    statements = (*plan.loop_outputs, *executed[loop:]) if in_epilogue else executed
    live = [step.target for step in statements if step.target in wanted]
    answer = Step("y", Apply(CHECKSUM, (Size("n"), *map(Name, live))), ("N",))
    reference = () if end is None else plan.reference
    references = [Name(step.target) for step in reference if step.target in known]
    part = replace(
        plan,
        outputs=((CHECKSUM, ()),),
        reference=(*reference, Step("q", Apply(CHECKSUM, (Name("x"), *references)), ("B",))),
        tile=plan.tile if in_epilogue else (*executed, answer),
        loop_outputs=plan.loop_outputs if in_epilogue else (),
        epilogue=(*executed[loop:], answer) if in_epilogue else (),
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
        build=load_source(source, part),
        chosen=(CHECKSUM,),
        structure=[CHECKSUM],
        score=None,
        key="",
        programs={},
        tensors={},
    )


def _medians(calls: Sequence[Callable[[], Any]], rounds: int) -> list[float]:
    """The median seconds of each call; the calls take turns, after a first one that compiles."""
    for call in calls:
        _wait(call())
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for times, call in zip(seconds, calls, strict=True):
            begin = time.perf_counter()
            _wait(call())
            times.append(time.perf_counter() - begin)
    return [statistics.median(times) for times in seconds]


def _rising(values: Sequence[float]) -> list[float]:
    """The nearest non-decreasing values: isotonic regression, by pooling adjacent violators."""
    pools: list[tuple[float, int]] = []
    for value in values:
        total, size = value, 1
        while pools and pools[-1][0] * size > total * pools[-1][1]:
            before, number = pools.pop()
            total, size = total + before, size + number
        pools.append((total, size))
    return [total / size for total, size in pools for _ in range(size)]


def _wait(nest: Any) -> None:
    """Waits until the results are computed, on any device."""
    for value in tf.nest.flatten(nest):
        tf.reshape(value, [-1])[:1].numpy()


def _mutants(ism: CompiledProgram, x: Any) -> int:
    flat = dict(zip(tf.nest.flatten(ism.model.inputs), tf.nest.flatten(x), strict=True))
    sequence = np.asarray(flat[ism.plan.sequence], np.float32)
    letters = every_letter({ism.plan.sequence: sequence}, ism.plan).count
    return len(sequence) * len(ism.plan.active) * letters


def _row(plan: Plan, begin: int, end: int, mutants: int) -> Row:
    """The row of statements ``begin`` to ``end``, without its time."""
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
    """The statements that count a layer's operations: of each layer, the one with its weights."""
    statements: dict[str, int] = {}
    for i, step in enumerate((*plan.tile, *plan.epilogue)):
        if step.layer not in statements or _weighted(step.term):
            statements[step.layer] = i
    return set(statements.values())


def _weighted(term: Term) -> bool:
    if isinstance(term, Apply):
        return any(map(_weighted, term.args))
    return isinstance(term, Weights)


def _abbreviated(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) < 4 else f"{names[0]} .. {names[-1]}"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.rjust(width) if i > 2 else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()
