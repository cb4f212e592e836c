"""Results as a Markdown table."""

from __future__ import annotations

from textwrap import shorten
from typing import Any

from benchmarks.environments import PEERS

Record = dict[str, Any]

LONGEST = 150
HEADER = (
    "model",
    "mutants",
    "ismc",
    "compile: codegen, trace, XLA",
    "best naive form",
    *PEERS,
    "memory",
    "share",
)


def markdown(results: Record) -> str:
    """One line for each row; what a peer cannot do is told below."""
    rows = [_row(row) for row in results["rows"]]
    lines = [f"| {' | '.join(cells)} |" for cells in (HEADER, ["---"] * len(HEADER), *rows)]
    return "\n".join([*lines, "", *_reasons(results)])


def _row(row: Record) -> list[str]:
    ours, naive = row["sides"]["ismc"], row["sides"]["naive"]
    parts = ours["compile"]
    form = naive["variant"]
    share = row["share"]
    return [
        row["title"],
        f"{row['mutants']:,}",
        _seconds(ours["seconds"]),
        ", ".join(f"{parts[name]:.1f}" for name in ("codegen", "trace", "xla")) + " s",
        f"{_cell(row, 'naive')} (`{form['form']}`, {form['batch']})",
        *(_cell(row, side) for side in PEERS),
        f"{ours['peak_mb']:.0f} MB; naive {naive['peak_mb']:.0f} MB",
        "" if share is None else f"{share:.0%}",
    ]


def _cell(row: Record, side: str) -> str:
    known = row["sides"].get(side)
    if known is None:
        return ""
    if "cannot" in known:
        return "cannot"
    return f"{_seconds(known['seconds'])}, **{row['speedups'][side]:.1f}x**"


def _seconds(value: float) -> str:
    """Three digits.

    >>> _seconds(0.1234), _seconds(12.34), _seconds(1234.5)
    ('0.123 s', '12.3 s', '1234 s')
    """
    return f"{value:.0f} s" if value >= 100 else f"{value:.3g} s"


def _reasons(results: Record) -> list[str]:
    """What each peer says of the rows that it cannot run."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in results["rows"]:
        for side, known in row["sides"].items():
            if "cannot" in known:
                why = shorten(known["cannot"].replace("|", "/"), LONGEST, placeholder=" ...")
                found.setdefault((side, why), []).append(row["title"])
    return [f"* {side}, {'; '.join(rows)}: {why}" for (side, why), rows in found.items()]
