"""`ismc run`: every letter at every site of every record, or every variant of a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from ismc.cli.bars import Bar, Tally, bar
from ismc.cli.options import InputOptions, RunOptions, shard_of
from ismc.cli.sites import choose_sites
from ismc.errors import InputError
from ismc.io.convert import convert
from ismc.io.sequences.problems import counted
from ismc.io.sequences.problems import shown as first
from ismc.io.stores.making import removed
from ismc.io.stores.store import Store, opened
from ismc.io.targets import check_target
from ismc.jobs.assembly import assemble_job
from ismc.jobs.job import Job
from ismc.jobs.program import ScoringSpec

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
        checking: whether some mutants were also computed by the model itself.
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
    checking: bool = True

    def __str__(self) -> str:
        tally = self.tally
        rows = {
            "sequences": f"{tally.records:,}",
            "sites": f"{self.store.facts.width:,}" + (" at most" if self.kinds else ""),
            "mutants": f"{tally.mutants:,}",
            "seconds": f"{self.seconds:.2f} (and {self.preparing:.2f} to load and compile)",
            "mutants/s": f"{tally.mutants / max(self.seconds, 1e-9):,.0f}",
            "files": f"{self.reading + tally.waiting:.2f} s to read and write",
            "checked": str(tally.checked) if self.checking else "nothing, as --check off says",
        }
        if tally.records < len(self.store):
            rows["sequences"] += f" now, of {len(self.store):,}"
            rows["checked"] += f" (in all {self.store.checked})"
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


def run(wanted: ScoringSpec, inputs: InputOptions, places: RunOptions, target: Path) -> Summary:
    """Scores into a store, goes on with one, or writes a file by way of one.

    Raises:
        IsmcError: when a file or an option does not fit. Blocks that were written stay in the
            store, and `resume` goes on with them.
    """
    check_run(wanted, inputs, places, target)
    began = perf_counter()
    with bar() as shown:
        found, source = assemble_job(
            wanted,
            inputs,
            sites=lambda length: choose_sites(places.start, places.end, places.sites, length),
            block=places.batch_size,
            on_status=shown.says,
        )
        working = target if target.suffix == STORE else target.with_name(f"{target.name}.part.zarr")
        shown.says("reading")
        compiled = perf_counter()
        with _reported(working), _store(found, working, places) as store:
            ready = perf_counter()
            halved = _scored(found, store, places, shown)
        ended = perf_counter()
        paths = [target]
        if working != target:
            shown.says("writing")
            paths = convert(store, target, overwrite=places.overwrite)
            removed(working)
    times = compiled - began, ended - ready, ready - compiled
    notes = [*source.notes, *store.notes]
    return Summary(
        store, shown.tally, *times, halved, source.problems, notes, paths, _kinds(source),
        places.check is not False,
    )  # fmt: skip


def check_run(wanted: ScoringSpec, inputs: InputOptions, places: RunOptions, target: Path) -> None:
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
    if places.append and (places.shard or places.overwrite or target.suffix != STORE):
        raise InputError(
            f"--append is given with the output {target}, --shard or --overwrite, expected a store "
            ".zarr that one process appends to.",
            hint="Append with one process, with --ray on many devices.",
        )
    suffixes = (STORE, ".npz", ".h5", ".tsv", ".tsv.gz")
    exists = target.exists() and target.suffix == STORE
    check_target(target, suffixes, overwrite=places.overwrite or exists, folder=exists)
    for path in (*wanted.files, inputs.fasta, inputs.bed, inputs.array, inputs.vcf, inputs.genome):
        if path is not None and target.exists() and path.exists() and target.samefile(path):
            raise InputError(
                f"The output {target} is the input {path}, expected another file.",
                hint="Choose another name with -o.",
            )


def _store(found: Job, working: Path, places: RunOptions) -> AbstractContextManager[Store]:
    """The store, to score into."""
    shared = bool(places.shard)
    return found.open_store(
        working,
        resume=places.resume or shared,
        append=places.append,
        overwrite=places.overwrite,
        shared=shared,
    )


@contextmanager
def _reported(working: Path) -> Iterator[None]:
    """After a failure, says what is kept."""
    try:
        yield
    except BaseException:
        if working.exists():
            store = opened(working)
            done, count = int(store.written.sum()), len(store)
            if done < count:
                said = f"{done:,} of {count:,} records are kept in {working}; "
                said += f"{store.facts.resume_options} goes on."
                print(said, file=sys.stderr)
        raise


def _scored(found: Job, store: Store, places: RunOptions, shown: Bar) -> int:
    """Scores the records that have no scores; how often tiles were halved."""
    mine = shard_of(places.shard)
    blocks = [i for i in range(store.facts.blocks) if mine(i)]
    sizes, written = store.facts.sizes(), store.written
    shown.begins(sum(int(written[i]) for i in blocks), sum(sizes[i] for i in blocks))
    return found.score(store, store.pending(blocks), shown.on_block, places.ray, places.check)


def _kinds(source: Any) -> str:
    """How many variants there are of each kind, if there are variants."""
    counts = getattr(source, "counts", {})
    return ", ".join(f"{number:,} {kind}" for kind, number in counts.items())


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return path.stat().st_size
