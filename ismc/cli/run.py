"""`ismc run`: scores every letter at every site of every record, or every variant of a file."""

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
from ismc.io.sequences.problems import join_first as first
from ismc.io.sequences.problems import pluralize
from ismc.io.stores.making import remove_store
from ismc.io.stores.store import Store, open_store
from ismc.io.targets import check_target
from ismc.jobs.assembly import assemble_job
from ismc.jobs.job import Job
from ismc.jobs.program import ScoringSpec

STORE = ".zarr"


@dataclass(frozen=True)
class Summary:
    """The summary that a run prints.

    Attributes:
        store: the store of the scores; of a converted file, the temporary store.
        tally: the counts and timings of this run.
        preparing: seconds to check, load and compile.
        seconds: seconds to score and write.
        reading: seconds to read and encode records.
        halved: how often the tile size was halved because memory ran out.
        problems: the skipped records, with reasons.
        notes: changes made to records, such as padding.
        paths: the files that were written.
        kinds: the number of variants of each kind, as text.
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
            "checked": str(tally.checked) if self.checking else "no mutants (--check off)",
        }
        if tally.records < len(self.store):
            rows["sequences"] += f" now, of {len(self.store):,}"
            rows["checked"] += f" (in total {self.store.checked})"
        if self.kinds:
            rows["variants"] = self.kinds
        if self.halved:
            rows["memory"] = f"ran out; the tile size was halved {self.halved} times"
        if self.problems:
            rows["skipped"] = f"{pluralize(len(self.problems), 'record')}: {first(self.problems)}"
        lines = [f"{name:<10} {value}" for name, value in rows.items()]
        lines += [f"{'note':<10} {note}" for note in self.notes]
        return "\n".join(
            [*lines, *(f"{'file':<10} {path} ({_size(path):,} bytes)" for path in self.paths)]
        )


def run(spec: ScoringSpec, inputs: InputOptions, options: RunOptions, target: Path) -> Summary:
    """Scores into a new or existing store; another format is converted from a temporary store.

    Raises:
        IsmcError: when a file or an option is invalid. Written blocks stay in the store, and
            ``resume`` continues with the others.
    """
    check_run(spec, inputs, options, target)
    start = perf_counter()
    with bar() as shown:
        job, source = assemble_job(
            spec,
            inputs,
            sites=lambda length: choose_sites(options.start, options.end, options.sites, length),
            block=options.batch_size,
            on_status=shown.on_status,
        )
        working = target if target.suffix == STORE else target.with_name(f"{target.name}.part.zarr")
        shown.on_status("reading")
        compiled = perf_counter()
        with _report_progress_on_error(working), _open_store(job, working, options) as store:
            ready = perf_counter()
            halved = _score(job, store, options, shown)
        end = perf_counter()
        paths = [target]
        if working != target:
            shown.on_status("writing")
            paths = convert(store, target, overwrite=options.overwrite)
            remove_store(working)
    times = compiled - start, end - ready, ready - compiled
    notes = [*source.notes, *store.notes]
    return Summary(
        store, shown.tally, *times, halved, source.problems, notes, paths, _kinds(source),
        options.check is not False,
    )  # fmt: skip


def check_run(spec: ScoringSpec, inputs: InputOptions, options: RunOptions, target: Path) -> None:
    """Checks everything that can be checked before TensorFlow loads.

    Raises:
        InputError: when options contradict each other, or a file is missing.
    """
    sources = [name for name in ("fasta", "bed", "array", "vcf") if getattr(inputs, name)]
    if not sources:
        raise InputError(
            "There are no sequences, expected one of --fasta, --bed, --array, --vcf.",
            hint="--bed and --vcf also need --genome.",
        )
    if len(sources) > 1 and set(sources) != {"bed", "vcf"}:
        raise InputError(
            f"Sequences come from {' and '.join(f'--{name}' for name in sources)}, expected one "
            "source.",
            hint="Only --bed can be combined with --vcf: variants are then scored in its regions.",
        )
    if options.shard and target.suffix != STORE:
        raise InputError(
            f"The output of --shard is {target}, expected a store .zarr.",
            hint="Write a store, and convert it with ismc convert when all shards are done.",
        )
    shard_of(options.shard)
    if options.overwrite and (options.shard or options.resume):
        raise InputError(
            "--overwrite is given with --shard or --resume, expected one of them.",
            hint="Remove the old store first, or leave out --overwrite.",
        )
    if inputs.vcf and (options.sites or options.start is not None or options.end is not None):
        raise InputError(
            "--vcf is given with --start, --end or --sites, expected --vcf without them: variants "
            "determine the sites.",
            hint="Leave these options out; choose variants by region with --bed.",
        )
    if options.append and (options.shard or options.overwrite or target.suffix != STORE):
        raise InputError(
            f"--append is given with the output {target}, --shard or --overwrite, expected a store "
            ".zarr that one process appends to.",
            hint="Append with one process; use --ray for several devices.",
        )
    suffixes = (STORE, ".npz", ".h5", ".tsv", ".tsv.gz")
    exists = target.exists() and target.suffix == STORE
    check_target(target, suffixes, overwrite=options.overwrite or exists, folder=exists)
    for path in (*spec.files, inputs.fasta, inputs.bed, inputs.array, inputs.vcf, inputs.genome):
        if path is not None and target.exists() and path.exists() and target.samefile(path):
            raise InputError(
                f"The output {target} is the input {path}, expected another file.",
                hint="Choose another name with -o.",
            )


def _open_store(job: Job, working: Path, options: RunOptions) -> AbstractContextManager[Store]:
    """The store to score into, as `ismc.jobs.job.Job.open_store`."""
    shared = bool(options.shard)
    return job.open_store(
        working,
        resume=options.resume or shared,
        append=options.append,
        overwrite=options.overwrite,
        shared=shared,
    )


@contextmanager
def _report_progress_on_error(working: Path) -> Iterator[None]:
    """On an error, prints how many records are stored and how to continue."""
    try:
        yield
    except BaseException:
        if working.exists():
            store = open_store(working)
            done, count = int(store.written.sum()), len(store)
            if done < count:
                message = f"{done:,} of {count:,} records are stored in {working}; "
                message += f"continue with {store.facts.resume_options}."
                print(message, file=sys.stderr)
        raise


def _score(job: Job, store: Store, options: RunOptions, shown: Bar) -> int:
    """Scores the pending records of the shard; returns how often the tile size was halved."""
    in_shard = shard_of(options.shard)
    blocks = [i for i in range(store.facts.blocks) if in_shard(i)]
    sizes, written = store.facts.sizes(), store.written
    shown.start(sum(int(written[i]) for i in blocks), sum(sizes[i] for i in blocks))
    return job.score(store, store.pending(blocks), shown.on_block, options.ray, options.check)


def _kinds(source: Any) -> str:
    """The number of variants of each kind, as text; empty for sequences."""
    counts = getattr(source, "counts", {})
    return ", ".join(f"{number:,} {kind}" for kind, number in counts.items())


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return path.stat().st_size
