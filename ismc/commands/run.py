"""`ismc run`: every letter at every site of every sequence of a file, into a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from ismc.artifacts.record import is_artifact, named
from ismc.commands.models import (
    at_length,
    check_model_file,
    import_keras,
    load_model,
    sequence_length,
)
from ismc.commands.sites import site_range
from ismc.errors import InputError
from ismc.io.contents import Contents, contents_of
from ismc.io.extras import extras
from ismc.io.fasta import LETTERS, Records, read_fasta
from ismc.io.scores import ScoreFile, check_target, difference, open_scores

BATCH = 32
BATCH_BYTES = 256 << 20


@dataclass(frozen=True)
class Summary:
    """What was done; ``mutants`` counts the sequences that differ from their reference."""

    sequences: int
    sites: int
    mutants: int
    compiling: float
    seconds: float
    path: Path

    def __str__(self) -> str:
        rows = {
            "sequences": f"{self.sequences:,}",
            "sites": f"{self.sites:,}",
            "mutants": f"{self.mutants:,}",
            "seconds": f"{self.seconds:.2f} (and {self.compiling:.2f} to load and compile)",
            "mutants/s": f"{self.mutants / max(self.seconds, 1e-9):,.0f}",
            "file": f"{self.path} ({self.path.stat().st_size:,} bytes)",
        }
        return "\n".join(f"{name:<10} {value}" for name, value in rows.items())


def run(
    model_file: Path,
    fasta: Path,
    target: Path,
    *,
    outputs: Sequence[str] = (),
    start: int | None = None,
    end: int | None = None,
    batch_size: int | None = None,
    overwrite: bool = False,
) -> Summary:
    """Writes the scores of all sequences; what can be checked is checked before TensorFlow loads.

    Raises:
        IsmcError: when a file or an option does not fit; nothing is left half-written.
    """
    check_target(target, overwrite=overwrite)
    check_model_file(model_file)
    records = read_fasta(fasta)
    _check_apart(target, model_file, fasta)
    sites = site_range(start, end, records.length)
    began = perf_counter()
    with _bar() as moved:
        if is_artifact(model_file):
            ism = _loaded(model_file, records, fasta, start, end, outputs)
            sites = range(ism.sites[0][0], ism.sites[-1][1])
        else:
            model = load_model(model_file)
            _check_length(records, fasta, sequence_length(model), model_file)
            ism = _compiled(at_length(model, records.length), sites, outputs)
        compiled = perf_counter()
        contents = contents_of(ism, records, model_file.name)
        with open_scores(target, contents, overwrite=overwrite) as file:
            for begin, size in _batches(contents, batch_size):
                _add(file, ism, records.one_hot[begin : begin + size])
                moved(file.count, contents.count)
    ended = perf_counter()
    mutants = _mutants(records, sites)
    times = compiled - began, ended - compiled
    return Summary(contents.count, len(sites), mutants, *times, target)


def _compiled(model: Any, sites: range, outputs: Sequence[str]) -> Any:
    import ismc

    return ismc.compile(model, sites=sites, outputs=list(outputs) or None, score=difference)


def _loaded(
    path: Path,
    records: Records,
    fasta: Path,
    start: int | None,
    end: int | None,
    outputs: Sequence[str],
) -> Any:
    """The artifact, if it was made for such sequences, sites and outputs."""
    import_keras()
    import ismc

    ism = ismc.load(path)
    _check_length(records, fasta, ism.input_shape[0], path)
    if ism.record.score not in ("", named(difference)):
        raise InputError(
            f"The artifact {path} has the score {ism.record.score!r}, expected mutant minus "
            "reference, as files of scores hold.",
            hint="Use ismc.load in Python, or make the artifact with ismc compile.",
        )
    ranges = [(i, i + 1) for i in site_range(start, end, records.length)]
    if list(ism.sites) != ranges and not (start is None and end is None):
        raise InputError(
            f"The artifact {path} is for {len(ism.sites)} sites, {ism.sites[0]} to "
            f"{ism.sites[-1]}, expected {ranges[0]} to {ranges[-1]}.",
            hint="Leave out --start and --end, or compile it again with them.",
        )
    if outputs and list(outputs) != ism.output_names:
        raise InputError(
            f"The artifact {path} has the outputs {ism.output_names}, expected {list(outputs)}.",
            hint="Leave out --outputs, or compile it again with them.",
        )
    return ism


def _add(file: ScoreFile, ism: Any, x: np.ndarray) -> None:
    scores, references = ism.flat(ism.saturate(x)), ism.flat(ism.reference(x))
    found, own = ([np.asarray(y) for y in ys] for ys in (scores, references))
    if not ism.plan.scored:
        found = [difference(r[:, None, None], y) for r, y in zip(own, found, strict=True)]
    file.add(found, own)


def _batches(contents: Contents, size: int | None) -> Iterator[tuple[int, int]]:
    """Where each batch begins and its size; by default, scores of a batch take 256 MiB at most."""
    if size is None:
        shapes = contents.shapes().values()
        bytes_each = sum(4 * prod(shape[1:]) for shape in shapes)
        size = max(1, min(BATCH, BATCH_BYTES // max(bytes_each, 1)))
    for begin in range(0, contents.count, size):
        yield begin, min(size, contents.count - begin)


def _mutants(records: Records, sites: range) -> int:
    """Three per known letter, four per N."""
    known = int(records.one_hot[:, sites.start : sites.stop].sum())
    return len(LETTERS) * len(sites) * len(records.names) - known


def _check_apart(target: Path, *inputs: Path) -> None:
    for path in inputs:
        if target.exists() and target.samefile(path):
            raise InputError(
                f"The output {target} is the input {path}, expected another file.",
                hint="Choose another name with -o.",
            )


def _check_length(records: Records, fasta: Path, length: int | None, model: Path) -> None:
    if length is not None and records.length != length:
        raise InputError(
            f"The sequences of {fasta} have {records.length} letters, expected {length}, as the "
            f"model {model} takes.",
            hint=f"Cut or pad the sequences to {length} letters; N is an unknown letter.",
        )


@contextmanager
def _bar() -> Iterator[Any]:
    """A bar over sequences on stderr, which says that the model is compiled until it moves."""
    with extras():
        from rich.console import Console
        from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task("compiling", total=None)

        def move(done: int, total: int) -> None:
            progress.update(task, description="sequences", completed=done, total=total)

        yield move
