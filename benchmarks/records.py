"""The arithmetic of records: medians, speed-ups, shares, and what has fallen."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Record = dict[str, Any]

FALL, FLOOR = 0.2, 0.95


def summed_up(replies: Sequence[Record]) -> Record:
    """All rounds of one side as one record.

    >>> summed_up([{"seconds": 2.0, "peak_mb": 5.0}, {"seconds": 1.0, "peak_mb": 7.0}])["seconds"]
    1.5
    """
    rounds = [reply["seconds"] for reply in replies]
    kept = {key: replies[-1][key] for key in ("timed", "note") if key in replies[-1]}
    peak = max(reply["peak_mb"] for reply in replies)
    return {"seconds": statistics.median(rounds), "rounds": rounds, "peak_mb": peak, **kept}


def speedups(sides: Mapping[str, Record]) -> dict[str, float]:
    """How many times faster ours is than each side that ran.

    >>> speedups({"ismc": {"seconds": 2.0}, "naive": {"seconds": 9.0}, "yuzu": {"cannot": "x"}})
    {'naive': 4.5}
    """
    ours = sides["ismc"]["seconds"]
    others = {name: side for name, side in sides.items() if name != "ismc" and "seconds" in side}
    return {name: side["seconds"] / ours for name, side in others.items()}


def share(minimum: float | None, seconds: float, gflops: Sequence[float]) -> float | None:
    """The least operations over the time, as a share of the product rate of the machine.

    >>> share(4e9, 2.0, [8.0, 8.0])
    0.25
    """
    if minimum is None:
        return None
    return minimum / seconds / 1e9 / statistics.median(gflops)


def ratios(results: Record) -> Iterator[tuple[str, str, float]]:
    """Every ratio of a file of results: its row, its name, its value."""
    for row in results["rows"]:
        for name, value in row.get("speedups", {}).items():
            yield row["row"], f"faster than {name}", value
        if row.get("share") is not None:
            yield row["row"], "share of the product rate", row["share"]


def fallen(committed: Record, measured: Record, allowed: float = FALL) -> list[str]:
    """The ratios that were measured and are lower than committed by more than ``allowed``.

    A ratio that was committed and is gone, of a row and a side that were measured, has fallen too.
    """
    now = {(row, name): value for row, name, value in ratios(measured)}
    tried = {
        (row["row"], f"faster than {side}") for row in measured["rows"] for side in row["sides"]
    }
    found = []
    for row, name, before in ratios(committed):
        after = now.get((row, name))
        if after is None and (row, name) in tried:
            found.append(f"{row}: {name} was {before:.3g}, and was not measured now.")
        elif after is not None and after < (1 - allowed) * before:
            found.append(
                f"{row}: {name} fell from {before:.3g} to {after:.3g}, by "
                f"{1 - after / before:.0%}; expected at most {allowed:.0%}."
            )
    return found


def slower(measured: Record, floor: float = FLOOR) -> list[str]:
    """The rows in which ours is slower than the naive program."""
    rows = ((row["row"], row["speedups"].get("naive", floor)) for row in measured["rows"])
    text = "{}: {:.2f} times as fast as the naive program, expected at least {}."
    return [text.format(name, value, floor) for name, value in rows if value < floor]


def read(path: Path) -> Record:
    """The results of a file."""
    return json.loads(path.read_text())


def merged(path: Path, about: Record, rows: Sequence[Record]) -> Record:
    """The results with rows of ``path`` that were not measured anew, in their order there."""
    old = read(path)["rows"] if path.exists() else []
    new = {row["row"]: row for row in rows}
    kept = [new.pop(row["row"], row) for row in old]
    return {**about, "rows": [*kept, *new.values()]}


def write(path: Path, results: Record) -> None:
    """Writes results, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(results, indent=1) + "\n")
    beside.replace(path)
