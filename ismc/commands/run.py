"""`ismc run`: every letter at every site of every record, or every variant of a file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from ismc.commands.bars import Bar, Tally, bar
from ismc.commands.options import Inputs, Places, shard_of
from ismc.commands.programs import Program, Wanted
from ismc.commands.sites import chosen_sites
from ismc.errors import InputError
from ismc.io.store import Store, opened
from ismc.io.targets import check_target
from ismc.jobs import Job, job, positions
from ismc.scan import Scorer, scan

STORE = ".zarr"
SHOWN = 5


@dataclass(frozen=True)
class Summary:
    """What was done.

    Attributes:
        store: where scores are, or were before they were converted.
        tally: of this run alone.
        preparing: seconds to check, load and compile.
        seconds: of scoring and writing.
        halved: how often tiles were halved, for memory ran out.
        problems: records left out.
        notes: what else is worth saying.
        paths: files that were written.
    """

    store: Store
    tally: Tally
    preparing: float
    seconds: float
    halved: int
    problems: Sequence[str]
    notes: Sequence[str]
    paths: Sequence[Path]

    def __str__(self) -> str:
        tally, busy = self.tally, max(self.tally.answering, 1e-9)
        rows = {
            "sequences": f"{tally.records:,}",
            "sites": f"{self.store.facts.width:,}",
            "mutants": f"{tally.mutants:,}",
            "seconds": f"{self.seconds:.2f} (and {self.preparing:.2f} to load and compile)",
            "mutants/s": f"{tally.mutants / max(self.seconds, 1e-9):,.0f}",
            "overhead": f"{100 * tally.waiting / busy:.1f}% of the program's time",
        }
        if tally.records < len(self.store):
            rows["sequences"] += f" now, of {len(self.store):,}"
        if self.halved:
            rows["memory"] = f"ran out {self.halved} times; tiles were halved"
        if self.problems:
            rows["left out"] = f"{len(self.problems):,} records: {_first(self.problems)}"
        lines = [f"{name:<10} {value}" for name, value in rows.items()]
        lines += [f"{'note':<10} {note}" for note in self.notes]
        return "\n".join(
            [*lines, *(f"{'file':<10} {path} ({_size(path):,} bytes)" for path in self.paths)]
        )


def run(wanted: Wanted, inputs: Inputs, places: Places, target: Path) -> Summary:
    """Scores into a store, goes on with one, or writes a file by way of one.

    Raises:
        IsmcError: when a file or an option does not fit. Blocks that were written stay in the
            store, and `resume` goes on with them.
    """
    check_run(wanted, inputs, places, target)
    began = perf_counter()
    with bar() as shown:
        found, source = _job(wanted, inputs, places, shown)
        working = target if target.suffix == STORE else target.with_name(f"{target.name}.part.zarr")
        with _room(working, places):
            store = found.store(working, resume=places.resume or bool(places.shard))
            ready = perf_counter()
            halved = _scored(found, store, places, shown)
        ended = perf_counter()
        paths = [target]
        if working != target:
            shown.says("writing")
            paths = _written(store, target, places)
            shutil.rmtree(working)
    times = ready - began, ended - ready
    return Summary(store, shown.tally, *times, halved, source.problems, source.notes, paths)


def check_run(wanted: Wanted, inputs: Inputs, places: Places, target: Path) -> None:
    """Checks what can be checked before TensorFlow loads.

    Raises:
        InputError: when options do not go together, or files are not there.
    """
    given = [name for name in ("fasta", "bed", "array", "vcf") if getattr(inputs, name)]
    if not given:
        raise InputError(
            "There are no sequences, expected one of --fasta, --bed, --array, --vcf.",
            hint="--bed and --vcf also need --genome.",
        )
    if len(given) > 1 and set(given) != {"bed", "vcf"}:
        raise InputError(
            f"Sequences come from {' and '.join(f'--{name}' for name in given)}, expected one.",
            hint="Only --vcf goes with --bed: variants are then scored in these windows.",
        )
    if places.shard and target.suffix != STORE:
        raise InputError(
            f"The output of --shard is {target}, expected a store .zarr.",
            hint="Write a store, and convert it with ismc convert when all shards are done.",
        )
    shard_of(places.shard)
    suffixes = (STORE, ".npz", ".h5", ".tsv", ".tsv.gz")
    exists = target.exists() and target.suffix == STORE
    check_target(target, suffixes, overwrite=places.overwrite or exists, folder=exists)
    for path in (*wanted.models, inputs.fasta, inputs.bed, inputs.array, inputs.vcf, inputs.genome):
        if path is not None and target.exists() and path.exists() and target.samefile(path):
            raise InputError(
                f"The output {target} is the input {path}, expected another file.",
                hint="Choose another name with -o.",
            )


def _job(wanted: Wanted, inputs: Inputs, places: Places, shown: Bar) -> tuple[Job, Any]:
    """What is scored; texts are checked before TensorFlow loads where no model is needed for it."""
    source = None
    if inputs.bed is None and inputs.vcf is None:
        source = inputs.source(inputs.length)
        chosen_sites(places.start, places.end, places.sites, source.length)
    shown.says("loading")
    program = Program(wanted)
    length = _length(program, inputs, source)
    sites = chosen_sites(places.start, places.end, places.sites, length)
    variants = None
    if inputs.vcf is not None:
        variants = inputs.variants(length)
        source, sites = variants.windows, positions(variants)
    elif source is None:
        source = inputs.source(length)
    shown.says("compiling")
    ism = program.at(sites, length, more=variants is not None)
    chromosomes = inputs.chromosomes()
    found = job(ism, source, wanted.name, variants, chromosomes, places.batch_size)
    return found, variants or source


def _length(program: Program, inputs: Inputs, source: Any) -> int:
    """The length of all sequences."""
    given = inputs.length or (None if source is None else source.length)
    if given is None and program.length is None:
        raise InputError(
            f"The model {program.wanted.name} takes sequences of any length, expected one.",
            hint="Give a length: --length 1000.",
        )
    if program.length is not None and given not in (None, program.length):
        found = f"The sequences of {source.path} have {given} letters" if source else ""
        raise InputError(
            f"{found or f'--length is {given}'}, expected {program.length}, as the model "
            f"{program.wanted.name} takes.",
            hint=f"Cut or pad the sequences to {program.length} letters; N is an unknown letter.",
        )
    return int(program.length or given or 0)


@contextmanager
def _room(working: Path, places: Places) -> Iterator[None]:
    """The place of the store, free for a new one if that is wanted; no empty one is left there."""
    if working.exists() and places.overwrite and not (places.resume or places.shard):
        opened(working)  # nothing else is removed
        shutil.rmtree(working)
    before = working.exists()
    try:
        yield
    except BaseException:
        if working.exists() and not before and not opened(working).done.any():
            shutil.rmtree(working)
        raise


def _scored(found: Job, store: Store, places: Places, shown: Bar) -> int:
    """Scores the blocks that are not done; how often tiles were halved."""
    mine = shard_of(places.shard)
    blocks = [i for i in range(store.facts.blocks) if mine(i)]
    done = store.done
    rows = [store.facts.rows(i) for i in blocks]
    ready = sum(r.stop - r.start for i, r in zip(blocks, rows, strict=True) if done[i])
    shown.begins(ready, sum(r.stop - r.start for r in rows))
    if places.ray is not None:
        from ismc.distributed import scan_on_ray

        scan_on_ray(found.ism, store, blocks, shown.moved, places.ray)
        return 0
    scorer = Scorer(found.ism)
    scan(scorer, store, blocks, shown.moved)
    store.tidy()
    return scorer.halved


def _written(store: Store, target: Path, places: Places) -> list[Path]:
    """The file that was asked for."""
    if store.facts.slots:
        from ismc.io.variant_table import write_variants

        return [write_variants(store, target, overwrite=places.overwrite)]
    from ismc.io.convert import convert

    return convert(store, target, None, overwrite=places.overwrite)


def _first(texts: Sequence[str]) -> str:
    more = f" (and {len(texts) - SHOWN} more)" if len(texts) > SHOWN else ""
    return "; ".join(texts[:SHOWN]) + more


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return path.stat().st_size
