"""How cost grows: with length, batch, kernel and depth, the naive program beside it."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from benchmarks.errors import BenchmarkError, SideError
from benchmarks.protocol import started

Record = dict[str, Any]

BATCHES = (32, 128)
MUTANTS = 128
LONG = 20.0  # seconds, after which a timing is not repeated

AXES: dict[str, tuple[str, str, dict[str, Any], tuple[int, ...]]] = {
    "length": ("Basset", "basset", {}, (250, 500, 1000, 2000, 4000, 8000)),
    "batch": ("Basset, 250", "basset", {"length": 250}, (1, 4, 16, 64, 256)),
    "kernel": ("4 convolutions, 1000", "tower", {"depth": 4}, (3, 7, 11, 15, 23, 31)),
    "depth": ("convolutions of 7, 1000", "tower", {"kernel": 7}, (1, 2, 4, 6, 8, 10)),
}


def count() -> int:
    """How many points there are."""
    return sum(len(values) for *_, values in AXES.values())


def measured(rounds: int, say: Callable[[str], None], step: Callable[[], None]) -> list[Record]:
    """Every point of every axis.

    Raises:
        BenchmarkError: when a side fails.
    """
    found = []
    for axis, (title, model, arguments, values) in AXES.items():
        for value in values:
            say(f"{axis} {value}")
            given = arguments if axis == "batch" else {**arguments, axis: value}
            sequences = value if axis == "batch" else 1
            try:
                point = _point({"model": model, "arguments": given}, sequences, rounds)
            except SideError as problem:
                raise BenchmarkError(f"{axis} {value}: {problem}") from problem
            found.append({"axis": axis, "title": title, "value": value, **point})
            step()
    return found


def _point(job: Record, sequences: int, rounds: int) -> Record:
    """Both sides in turn; the naive time is that of all mutants of all sequences."""
    with started("ismc") as ours, started("naive") as naive:
        compiled = ours.ask("load", sites=None, **job)
        known = naive.ask("load", sites=None, **job)
        ours.ask("time", sequences=sequences)
        sweep = naive.ask("sweep", batches=BATCHES)["sweep"]
        best = min(sweep, key=lambda entry: entry["seconds"])["variant"]
        here, there = [], []
        for _ in range(rounds):
            here.append(ours.ask("time", sequences=sequences)["seconds"])
            there.append(naive.ask("time", variant=best, mutants=MUTANTS)["seconds"])
            if sum(here) > LONG:
                break
    return {
        "mutants": known["mutants"] * sequences,
        "ismc_seconds": statistics.median(here),
        "naive_seconds": statistics.median(there) * sequences,
        "naive_variant": best,
        "compile_seconds": compiled["compile"]["total"],
    }
