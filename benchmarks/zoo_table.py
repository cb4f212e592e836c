"""The table of architectures in `docs/benchmarks.md`, from committed results."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import Any

ZOO, ACCURACY = (Path(f"benchmarks/results/{name}-cpu2.json") for name in ("zoo", "accuracy"))
HEADER = ("model", "compiles", "error of ismc over that of float32", "operations saved", "faster")

Record = dict[str, Any]


def markdown(zoo: Record, accuracy: Record) -> str:
    """The table, and what it was measured on.

    Args:
        zoo: the results of `python -m benchmarks.zoo`.
        accuracy: the results of `python -m benchmarks accuracy`.
    """
    ratios = {row["row"]: row["ratios"]["answers"] for row in accuracy["rows"]}
    rows = [_cells(row, ratios) for row in zoo["rows"]]
    lines = [HEADER, ("---",) * len(HEADER), *rows]
    text = ["| " + " | ".join(line) + " |" for line in lines]
    where = f"{len(zoo['gpus'])} GPU" if zoo["gpus"] else f"{zoo['cores']} cores"
    about = [
        f"Measured {zoo['date']} on {where}, TensorFlow {zoo['tensorflow']}, Keras {zoo['keras']}. "
        "The naive side is the fastest naive form at its best batch size, timed on some mutants "
        "and scaled."
    ]
    whole = zoo["spliceai"]
    if whole and whole["compiles"]:
        about.append(_sentence(whole))
    about.append(_of_errors(accuracy, {row["name"] for row in zoo["rows"]}))
    return "\n\n".join(["\n".join(text), *(fill(part, 100) for part in about)])


def _cells(row: Record, ratios: dict[str, float]) -> tuple[str, ...]:
    """A row of the table."""
    size = " + ".join(" x ".join(map(str, shape)) for shape in row["inputs"])
    if width := row["arguments"].get("width"):
        size += f", scaled down: length {row['inputs'][0][0]}, width {width}"
    if not row["compiles"]:
        return f"{row['model']}, {size}", f"no: {row['problem']}".replace("|", "/"), "", "", ""
    if row["sites"] < row["of_sites"]:
        size += f"; {row['sites']} of its sites"
    gain = f"{row['speedup']:.1f} times"
    ratio = ratios.get(row["name"])
    return (
        f"{row['model']}, {size}",
        "yes",
        "" if ratio is None else f"{ratio:.1f}",
        f"{row['operations_saved']:.1f} times",
        f"no gain expected: {row['reason']}".replace("|", "/") if "reason" in row else gain,
    )


def _sentence(row: Record) -> str:
    """How long all sites of a model take, in words."""
    return (
        f"{row['model']}, all {row['sites']} sites, {row['mutants']} mutants: "
        f"{row['ismc_seconds']:.0f} s against {row['naive_seconds']:.0f} s "
        f"(`{row['naive_form']}`, batch {row['naive_batch']}, scaled from "
        f"{row['naive_mutants_timed']} mutants), {row['speedup']:.1f} times faster."
    )


def _of_errors(accuracy: Record, known: set[str]) -> str:
    """How errors are measured, and the ratios of models that have no row."""
    others = [row for row in accuracy["rows"] if row["row"] not in known]
    named = "; ".join(f"{row['title']}: {row['ratios']['answers']:.1f}" for row in others)
    text = (
        "Errors are root mean squares against the same model in float64, over mutants at both "
        "ends, in the middle and at random sites. The float32 errors are those of Keras, called on "
        "each mutant."
    )
    return f"{text} Models of the races alone: {named}." if others else text
