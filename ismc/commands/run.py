"""`ismc run`: every letter at every site of every record, or every variant of a file."""

from __future__ import annotations

import sys
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
from ismc.io.convert import convert
from ismc.io.genome import chromosomes
from ismc.io.problems import counted
from ismc.io.problems import shown as first
from ismc.io.store import Store, opened, removed
from ismc.io.targets import check_target
from ismc.jobs import Job, job, positions

STORE = ".zarr"


@dataclass(frozen=True)
class Summary:
    """What was done.

    Attributes:
        store: where scores are, or were before they were converted.
        tally: of this run alone.
        preparing: seconds to check, load and compile.
        seconds: of scoring and writing.
        reading: seconds to read and encode records.
        halved: how often tiles were halved, for memory ran out.
        problems: records left out.
        notes: what else is worth saying.
        paths: files that were written.
        kinds: how many variants there are of each kind.
    """

    store: Store
    tally: Tally
    preparing: float
    seconds: float
    reading: float
    halved: int
    problems: Sequence[str]
    notes: Sequence[str]
    paths: Sequence[Path]
    kinds: str = ""

    def __str__(self) -> str:
        tally = self.tally
        rows = {
            "sequences": f"{tally.records:,}",
            "sites": f"{self.store.facts.width:,}" + (" at most" if self.kinds else ""),
            "mutants": f"{tally.mutants:,}",
            "seconds": f"{self.seconds:.2f} (and {self.preparing:.2f} to load and compile)",
            "mutants/s": f"{tally.mutants / max(self.seconds, 1e-9):,.0f}",
            "files": f"{self.reading + tally.waiting:.2f} s to read and write",
        }
        if tally.records < len(self.store):
            rows["sequences"] += f" now, of {len(self.store):,}"
        if self.kinds:
            rows["variants"] = self.kinds
        if self.halved:
            rows["memory"] = f"ran out {self.halved} times; tiles were halved"
        if self.problems:
            rows["left out"] = f"{counted(len(self.problems), 'record')}: {first(self.problems)}"
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
            shown.says("reading")
            compiled = perf_counter()
            store = found.store(working, resume=places.resume or bool(places.shard))
            ready = perf_counter()
            reading = ready - compiled
            halved = _scored(found, store, places, shown)
        ended = perf_counter()
        paths = [target]
        if working != target:
            shown.says("writing")
            paths = convert(store, target, overwrite=places.overwrite)
            removed(working)
    times = ready - began - reading, ended - ready, reading
    return Summary(
        store, shown.tally, *times, halved, source.problems, source.notes, paths, _kinds(source)
    )


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
    if places.overwrite and (places.shard or places.resume):
        raise InputError(
            "--overwrite is given with --shard or --resume, expected one of them.",
            hint="Remove the old store first, or leave out --overwrite.",
        )
    if inputs.vcf and (places.sites or places.start is not None or places.end is not None):
        raise InputError(
            "--vcf is given with --start, --end or --sites, expected its own sites alone.",
            hint="Leave them out; variants in regions are chosen by --bed.",
        )
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
    sizes = chromosomes(inputs.genome)
    found = job(ism, source, wanted.name, variants, sizes, places.batch_size)
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
    if working.exists() and places.overwrite:
        removed(working)
    before = working.exists()
    try:
        yield
    except BaseException:
        if working.exists():
            store = opened(working)
            done, count = int(store.done.sum()), store.facts.blocks
            if not done and not before and not places.shard:  # others may write to it
                removed(working)
            else:
                said = f"{done} of {count} blocks are kept in {working}; --resume goes on."
                print(said, file=sys.stderr)
        raise


def _scored(found: Job, store: Store, places: Places, shown: Bar) -> int:
    """Scores the blocks that are not done; how often tiles were halved."""
    mine = shard_of(places.shard)
    blocks = [i for i in range(store.facts.blocks) if mine(i)]
    done = store.done
    rows = [store.facts.rows(i) for i in blocks]
    ready = sum(r.stop - r.start for i, r in zip(blocks, rows, strict=True) if done[i])
    shown.begins(ready, sum(r.stop - r.start for r in rows))
    return found.score(store, blocks, shown.moved, places.ray)


def _kinds(source: Any) -> str:
    """How many variants there are of each kind, if there are variants."""
    counts = getattr(source, "counts", {})
    return ", ".join(f"{number:,} {kind}" for kind, number in counts.items())


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return path.stat().st_size
