"""Results as a Markdown table."""

from __future__ import annotations

from textwrap import fill, shorten
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
SUMMARY = (
    "basset", "factorized_basset", "beluga", "deepstarr", "bpnet", "enformer", "danq",
)  # fmt: skip
"""The rows of the README."""


def markdown(results: Record) -> str:
    """One line for each row; errors of peers are below the table."""
    rows = [_row(row) for row in results["rows"]]
    lines = [f"| {' | '.join(cells)} |" for cells in (HEADER, ["---"] * len(HEADER), *rows)]
    return "\n".join([*lines, "", *_reasons(results)])


def summary(results: Record) -> str:
    """The seconds of a few rows, beside the naive program and fastISM."""
    known = {row["row"]: row for row in results["rows"]}
    rows = [
        [
            row["title"],
            f"{row['mutants']:,}",
            _seconds(row["sides"]["ismc"]["seconds"]),
            *(_cell(row, side) or "not measured" for side in ("naive", "fastism")),
        ]
        for row in (known[name] for name in SUMMARY)
    ]
    header = ("model", "mutants", "ismc", "model on every mutant", "fastISM")
    lines = [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)]
    about = results["machine"]
    where = f"{about['cores']} cores of an {about['processor']}"
    text = f"One sequence, three alternatives at each site, on {where}."
    return "\n".join([*lines, "", text])


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
    """The error of each peer on the rows that it cannot run."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in results["rows"]:
        for side, known in row["sides"].items():
            if "cannot" in known:
                why = shorten(known["cannot"].replace("|", "/"), LONGEST, placeholder=" ...")
                found.setdefault((side, why), []).append(row["title"])
    lines = (f"* {side}, {'; '.join(rows)}: {why}" for (side, why), rows in found.items())
    return [fill(line, 100, subsequent_indent="  ") for line in lines]
