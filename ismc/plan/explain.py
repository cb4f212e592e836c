"""Formats a plan as a table: one line per layer, and a summary."""

from __future__ import annotations

from ismc.plan.plan import Line, Measured, Plan

HEADER = ("layer", "kind", "role", "form", "strategy", "width", "operations", "naive", "note")

MIN_LARGE_GAIN = 1.5


def table(plan: Plan) -> str:
    """The plan as a table, with its totals and the predicted gain below."""
    rows = [HEADER, *(_row(line) for line in plan.lines if line.form != "reference")]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if i in (5, 6, 7) else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    ours, naive = plan.operations
    length, channels = plan.sequence_shape
    lines += [
        "",
        f"model {plan.model}, plan {plan.digest}: {len(plan.sites)} sites of a sequence "
        f"[{length}, {channels}], {len(plan.active)} of them reach an output",
        f"operations per mutant: {count(ours)}, naive {count(naive)}: {fewer(plan)}",
        *lower_bound_lines(plan),
        f"about {plan.mutants} mutants a tile, planned for {plan.target.name}",
        predicted_time(plan),
        verdict(plan),
    ]
    return "\n".join(lines)


def fewer(plan: Plan) -> str:
    """How many times fewer, or more, operations a mutant takes than in the naive program."""
    ours, naive = plan.operations
    if not ours:
        return "none remain" if naive else "none in either"
    if not naive:
        return "the naive program needs none"
    return f"{naive / ours:.1f} times fewer" if ours <= naive else f"{ours / naive:.1f} times more"


def totals(plan: Plan) -> tuple[float, float]:
    """Predicted seconds of one mutant at every site: of the plan and of the naive program."""
    ours, naive = plan.seconds
    return ours * len(plan.active), naive * len(plan.sites)


def gain(plan: Plan) -> float:
    """The predicted speedup over the naive program for one sequence."""
    ours, naive = totals(plan)
    return naive / ours if ours else float("inf")


def verdict(plan: Plan) -> str:
    """One sentence on the predicted speedup, with the reason if it is small.

    The speedup is one of time. If the plan takes many fewer operations but about as long, the
    sentence says so.
    """
    if not plan.active:
        return "no site reaches an output: nothing is computed for mutants"
    stops = [
        line
        for line in plan.lines
        if line.form == "full" and line.reason and line.strategy == "whole"
    ]
    first = next((s for s in stops if not s.reason.startswith("after")), None)
    if gain(plan) >= MIN_LARGE_GAIN:
        return f"predicted gain: {gain(plan):.1f} times"
    reason = f": {first.name} ({first.title}): {first.reason}" if first else ""
    ours, naive = plan.operations
    if naive < MIN_LARGE_GAIN * ours:
        return f"no large gain is expected{reason}"
    return f"predicted gain: {gain(plan):.1f} times; the remaining operations take longer{reason}"


def predicted_time(plan: Plan) -> str:
    """The time that the cost model predicts for saturating one sequence."""
    ours, naive = totals(plan)
    letters = plan.letters
    return f"predicted: {duration(letters * ours)} a sequence, naive {duration(letters * naive)}"


def timing(measured: Measured) -> str:
    """The measured seconds, which program runs, and the error of rounded products."""
    text = ""
    if measured.seconds:
        text = (
            f"\nmeasured: {duration(measured.seconds)} a sequence, "
            f"naive {duration(measured.naive)} ({measured.form}, batch {measured.batch})"
        ) + (", which is run" if measured.naive_is_faster else "")
    if measured.error is not None:
        text += f"\nmeasured: errors are at most {measured.error:.1e} of the largest change"
    return text


def duration(seconds: float) -> str:
    """Seconds, with a unit that keeps the number short."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"


def lower_bound_lines(plan: Plan) -> tuple[str, ...]:
    """How much of the plan's work any scan by differences must do; empty without active sites."""
    if not plan.active:
        return ()
    minimum, ours = plan.minimum // (plan.letters * len(plan.active)), plan.operations[0]
    if minimum > ours:
        return (f"direct products alone would take {count(minimum)} operations per mutant",)
    return (f"at least {count(minimum)} of {count(ours)} operations per mutant are needed",)


def count(number: int) -> str:
    """A number, with a unit prefix that keeps it short."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)


def _row(line: Line) -> tuple[str, ...]:
    reason = line.reason
    return (
        line.name, line.title, line.role, line.form, line.strategy,
        f"{line.width} of {line.length}", count(line.operations), count(line.naive), reason,
    )  # fmt: skip
