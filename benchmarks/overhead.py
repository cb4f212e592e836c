"""What the tool costs beside the program: regions to a store, against the bare calls.

All sides score the same records with the same compiled program. The bare side has them in memory
and calls the program block by block. The tool's side begins at a BED and a FASTA, and ends at a
Zarr store: it parses, encodes, checks some mutants by the model itself, writes and marks. A third
side does the same without the check; the share of the check is also taken inside of a run, by the
clock, which a machine with other work disturbs less. Loading and compiling are in none.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import shutil
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from unittest.mock import patch

import numpy as np

import ismc
from benchmarks.architectures import build
from ismc.io.sequences.genome import Genome
from ismc.io.sequences.regions import open_regions
from ismc.ism.checking.statistics import Checked
from ismc.jobs.checking import check_rows
from ismc.jobs.job import create_job
from ismc.jobs.run import Scorer, score_records

Record = dict[str, Any]

MODELS = ("basset", "factorized_basset", "deepstarr", "bpnet")
COUNTS = {"basset": 64, "factorized_basset": 32, "deepstarr": 512, "bpnet": 8}
ROUNDS = 3
MARGIN = 10_000


def measured(model: str) -> Record:
    """All sides in turn, after a call of each; medians of seconds, and what was checked."""
    ism = ismc.compile(build(model, {}), score="difference")
    count, length = COUNTS[model], ism.input_shape[0]
    seconds: dict[str, list[float]] = {name: [] for name in ("bare", "tool", "unchecked", "check")}
    checked = Checked()
    with TemporaryDirectory() as name:
        folder = Path(name)
        _inputs(folder, count, length)
        for turn in range(ROUNDS + 1):
            spent = {"bare": _bare(ism, folder, length)}
            spent["unchecked"], _ = _tool(ism, folder, length, check=False)
            with _clocked() as clock:
                spent["tool"], checked = _tool(ism, folder, length, check=True)
            spent["check"] = sum(clock)
            if turn:
                for side, value in spent.items():
                    seconds[side].append(value)
    medians = {side: statistics.median(found) for side, found in seconds.items()}
    found = {"mutants": checked.mutants, "error": checked.error}
    about = {"model": model, "records": count, "length": length}
    return {**about, "seconds": medians, "checked": found}


@contextmanager
def _clocked() -> Iterator[list[float]]:
    """Seconds of each check of a block."""
    clock: list[float] = []

    def timed(*arguments: Any) -> Any:
        begin = perf_counter()
        found = check_rows(*arguments)
        clock.append(perf_counter() - begin)
        return found

    with patch("ismc.jobs.run.check_rows", timed):
        yield clock


def _inputs(folder: Path, count: int, length: int) -> None:
    """A synthetic genome, and regions all over it."""
    rng = np.random.default_rng(0)
    size = MARGIN + count * length * 2
    letters = rng.choice(np.frombuffer(b"ACGT", np.uint8), size).tobytes().decode()
    lines = "\n".join(letters[i : i + 60] for i in range(0, size, 60))
    (folder / "genome.fa").write_text(f">chr1\n{lines}\n")
    starts = np.sort(rng.integers(0, size - length, count))
    rows = [f"chr1\t{s}\t{s + length}\tpeak{i}" for i, s in enumerate(starts)]
    (folder / "regions.bed").write_text("\n".join(rows) + "\n")


def _tool(ism: Any, folder: Path, length: int, check: bool) -> tuple[float, Checked]:
    """Seconds from the files to the store, and what was checked."""
    begin = perf_counter()
    source = open_regions(folder / "regions.bed", folder / "genome.fa", length)
    chromosomes = dict(Genome(folder / "genome.fa").lengths)
    store = create_job(ism, source, "model", chromosomes=chromosomes).store(folder / "out.zarr")
    score_records(Scorer(ism), store, store.pending(), lambda _: None, check)
    spent, checked = perf_counter() - begin, store.checked
    shutil.rmtree(folder / "out.zarr")
    return spent, checked


def _bare(ism: Any, folder: Path, length: int) -> float:
    """Seconds of the calls alone, in the same blocks."""
    source = open_regions(folder / "regions.bed", folder / "genome.fa", length)
    size = create_job(ism, source, "model").facts.block
    blocks = [np.asarray(x, np.float32) for _, x in source.blocks(size)]
    begin = perf_counter()
    for x in blocks:
        for y in (*ism.program.flat(ism.saturate(x)), *ism.program.flat(ism.reference(x))):
            np.asarray(y)
    return perf_counter() - begin


def markdown(rows: list[Record]) -> str:
    """A table of all sides; the share of the check is by the clock inside of a run."""
    lines = [
        "| model | regions | program alone, s | BED and FASTA to Zarr, s | overhead | without the "
        "check, s | share of the check | mutants checked | largest error |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        sides = ("bare", "tool", "unchecked", "check")
        bare, tool, without, check = (row["seconds"][side] for side in sides)
        checked = row["checked"]
        lines.append(
            f"| {row['model']}, {row['length']} | {row['records']} | {bare:.2f} | {tool:.2f} | "
            f"{100 * (tool / bare - 1):.1f}% | {without:.2f} | {100 * check / tool:.1f}% | "
            f"{checked['mutants']} | {checked['error']:.0e} |"
        )
    return "\n".join(lines)
