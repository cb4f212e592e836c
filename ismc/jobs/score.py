"""`ismc.score`: from a model and sequences or regions to scores with coordinates, in one call."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ismc.errors import InputError
from ismc.execution.progress import progress
from ismc.ism.checking.statistics import Mode

if TYPE_CHECKING:
    from ismc.io.sequences.problems import OnError
    from ismc.io.sequences.source import Ambiguous, Ends, Source
    from ismc.io.sequences.variants import Variants
    from ismc.io.stores.store import Store

VCF = (".vcf", ".vcf.gz", ".vcf.bgz")
BED = (".bed", ".bed.gz", ".narrowPeak", ".narrowPeak.gz")
ARRAYS = (".npy", ".npz")


def score(
    model: Any,
    regions: Any,
    *,
    genome: str | PathLike[str] | None = None,
    score: Any = None,
    sites: Any = None,
    outputs: Any = None,
    output: str | PathLike[str] | None = None,
    length: int | None = None,
    reverse_complement: bool = False,
    shifts: Sequence[int] = (0,),
    on_error: OnError = "stop",
    ends: Ends = "pad",
    ambiguous: Ambiguous = "error",
    resume: bool = False,
    append: bool = False,
    ray: str | None = None,
    check: Mode = None,
    verbose: int | str = "auto",
    **settings: Any,
) -> Store:
    """Scores every letter at every site of every sequence, with names and coordinates.

    Args:
        model: a Keras model, a model file, an artifact ``.ismc``, the result of `ismc.compile` or
            `ismc.ensemble`, or a list of these, whose scores are averaged.
        regions: a BED or narrowPeak file, or a table with the columns ``chrom``, ``start`` and
            ``end`` (both need ``genome``); a FASTA file; an array ``[B, L, 4]`` or its file
            ``.npy`` or ``.npz``; a sequence as text, or a list of sequences. For a VCF file (needs
            ``genome``) its variants are scored, each in a window around it.
        genome: a FASTA file, plain or bgzip.
        score: a name such as ``"centred"``, a `ismc.scores.Score`, or a function; by default the
            score of a compiled program, or ``"difference"``.
        sites: as for `ismc.compile`; all positions by default.
        outputs: as for `ismc.compile`; for a compiled program, indices count its own outputs.
        output: a folder ``.zarr`` to write to; without it, scores stay in memory.
        length: letters per sequence; by default the length that the model takes.
        reverse_complement: average both strands.
        shifts: positions to shift the sequences by; the results are averaged.
        on_error: ``"stop"`` at the first bad records, or ``"skip"`` them with a warning that names
            them.
        ends: ``"pad"`` regions that reach beyond a chromosome with N, or ``"skip"`` them.
        ambiguous: treat letters other than ACGTN as an ``"error"`` or as ``"n"``.
        resume: continue an interrupted run.
        append: add the records to those that ``output`` already holds; the model, the score and
            the sites must be the same.
        ray: the address of a Ray cluster, or ``""`` for one on this machine.
        check: as for `ismc.compile`; by default the mode of a compiled program.
            ``store.checked`` holds the result.
        verbose: 0 for no progress bar, 1 for a bar, ``"auto"`` for a bar on a terminal only.
        **settings: further arguments of `ismc.compile`; not allowed for a compiled program.

    Returns:
        A store: ``store.scores()[:]`` are the scores ``[B, sites, 4, *score]``,
        ``store.reference()[:]`` the model's outputs for the sequences themselves, ``store.names``
        and ``store.coordinates`` describe the records, and ``store.notes`` lists changes made to
        records, such as padding. `ismc.convert` writes a store to other formats, a store of
        variants to a table ``.tsv``.

    Raises:
        InputError: when an argument or a record is invalid; names the line in the file.
        ArtifactError: when a file cannot be read or written.
        VerificationError: when a checked mutant's score differs from the model's own; earlier
            blocks keep their scores in ``output``.
    """
    from ismc.io.sequences.problems import join_first, pluralize
    from ismc.jobs.assembly import assemble_job
    from ismc.jobs.program import ScoringSpec

    models = list(model) if isinstance(model, (list, tuple)) else [model]
    spec = ScoringSpec(models, outputs, score, reverse_complement, shifts, settings)
    inputs = ScoreArguments(regions, genome, length, on_error, ends, ambiguous)
    if inputs.variants is not None and (genome is None or sites is not None):
        raise InputError(
            f"The variants of {regions} are scored in windows of a genome, at their own sites; "
            "expected genome= and no sites=.",
            hint="Pass genome='hg38.fa', and length= for a model of any length.",
        )
    job, source = assemble_job(spec, inputs, sites=lambda _: sites)
    if source.problems:
        count = pluralize(len(source.problems), "record")
        warnings.warn(f"{count} skipped: {join_first(source.problems)}", stacklevel=2)
    path = None if output is None else Path(output)
    with job.open_store(path, resume=resume, append=append) as store:
        store.problems, store.notes = tuple(source.problems), (*source.notes, *store.notes)
        pending = store.pending()
        with progress(sum(rows.stop - rows.start for rows in pending), verbose) as advance:
            job.score(store, pending, lambda done: advance(done.records), ray, check)
    return store


@dataclass(frozen=True)
class ScoreArguments:
    """The record provider of `score`'s arguments; see `ismc.jobs.assembly.RecordProvider`."""

    regions: Any
    genome: str | PathLike[str] | None
    length: int | None
    on_error: OnError
    ends: Ends
    ambiguous: Ambiguous

    early = False  # the model's length decides which records are valid

    @property
    def variants(self) -> Callable[[int], Variants] | None:
        """As `ismc.jobs.assembly.RecordProvider`."""
        is_path = isinstance(self.regions, (str, PathLike))
        return self._variants if is_path and str(self.regions).endswith(VCF) else None

    def source(self, length: int | None) -> Source:
        """As `ismc.jobs.assembly.RecordProvider`."""
        options = {"on_error": self.on_error, "ends": self.ends, "ambiguous": self.ambiguous}
        return _source(self.regions, self.genome, length, options)

    def _variants(self, length: int) -> Variants:
        from ismc.io.sequences.variants import open_variants

        return open_variants(self.regions, self.genome or "", length, self.on_error)


def _source(regions: Any, genome: Any, length: int | None, options: dict[str, Any]) -> Source:
    """The records of the argument ``regions``, whatever its type."""
    from ismc.io.sequences.arrays import from_array, from_strings
    from ismc.io.sequences.open_source import open_source

    settings: dict[str, Any] = {"length": length} | options
    strings = {name: options[name] for name in ("on_error", "ambiguous")}
    if isinstance(regions, (str, PathLike)):
        name = str(regions)
        if isinstance(regions, str) and name and set(name.upper()) <= set("ACGTN"):
            return from_strings([name], **strings)
        if name.endswith(BED):
            return open_source(bed=regions, genome=genome, **settings)
        kind = "array" if name.split(":")[0].endswith(ARRAYS) else "fasta"
        return open_source(**{kind: regions}, **settings)
    if hasattr(regions, "columns"):
        return _data_frame(regions, genome, settings)
    if isinstance(regions, (list, tuple)) and all(isinstance(one, str) for one in regions):
        return from_strings(list(regions), **strings)
    return from_array(np.asarray(regions), on_error=options["on_error"])


def _data_frame(regions: Any, genome: Any, settings: dict[str, Any]) -> Source:
    """The regions of a data frame, written to and read from a temporary BED file."""
    from tempfile import TemporaryDirectory

    from ismc.io.sequences.open_source import open_source

    missing = [name for name in ("chrom", "start", "end") if name not in regions.columns]
    if missing:
        raise InputError(
            f"The table has the columns {list(regions.columns)}, expected chrom, start and end.",
            hint="Rename its columns to the names of BED.",
        )
    columns = [name for name in ("chrom", "start", "end", "name") if name in regions.columns]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "regions.bed"
        regions[columns].to_csv(path, sep="\t", header=False, index=False)
        return open_source(bed=path, genome=genome, **settings)
