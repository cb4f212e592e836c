"""`ismc.score`: from a model and regions to scores with coordinates, in one call."""

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
        model: a Keras model or the file of one, several of them (they are averaged), what
            `ismc.compile` or `ismc.ensemble` returned, or an artifact ``.ismc``.
        regions: a BED or narrowPeak file or a table with the columns ``chrom``, ``start`` and
            ``end`` (both need ``genome``); a FASTA file; an array ``[B, L, 4]`` or its file
            ``.npy`` or ``.npz``; a sequence as text, or a list of them. Or a VCF file (needs
            ``genome``), whose variants are scored in windows around them.
        genome: a FASTA file, plain or bgzip.
        score: a name such as ``"centred"``, a `ismc.scores.Score`, or a function; by default
            ``"difference"``, or that of a program that is ready.
        sites: as for `ismc.compile`; all positions by default.
        outputs: as for `ismc.compile`; numbers are those of a ready program's own outputs.
        output: a folder ``.zarr`` to write to; without it, scores are kept in memory.
        length: letters of each sequence; the model's by default.
        reverse_complement: whether both strands are averaged.
        shifts: positions that sequences are moved by; answers are averaged.
        on_error: ``"stop"`` at bad records, or ``"skip"`` them, with a warning that names them.
        ends: ``"pad"`` regions with N at the ends of chromosomes, or ``"skip"`` them.
        ambiguous: other letters are an ``"error"``, or ``"n"``.
        resume: whether a run that was stopped is gone on with.
        append: whether the records go behind those that ``output`` has of another run; the model
            and all that is computed must be the same.
        ray: the address of a cluster of Ray to run on, or ``""`` for one on this machine.
        check: as for `ismc.compile`; by default what a program that is ready was compiled with.
            ``store.checked`` says what was found.
        verbose: 0 for no bar, 1 for a bar, ``"auto"`` for a bar on a terminal.
        **settings: more for `ismc.compile`; a program that is ready takes none.

    Returns:
        A store: ``store.scores()[:]`` are the scores ``[B, sites, 4, *score]``,
        ``store.reference()[:]`` the model's own answers, ``store.names``, ``store.coordinates``.
        `ismc.convert` makes files of it, of variants a table ``.tsv``. ``store.notes`` says what
        was done to records, such as regions that were padded.

    Raises:
        InputError: when something does not fit; says what, and in which line.
        ArtifactError: when a file cannot be read or written.
        VerificationError: when a mutant that is checked has another score by the model itself;
            records before it keep their scores in ``output``.
    """
    from ismc.io.sequences.problems import counted, shown
    from ismc.jobs.assembly import assembled
    from ismc.jobs.program import ScoringSpec

    models = list(model) if isinstance(model, (list, tuple)) else [model]
    wanted = ScoringSpec(models, outputs, score, reverse_complement, shifts, settings)
    inputs = ScoreArguments(regions, genome, length, on_error, ends, ambiguous)
    if inputs.variants is not None and (genome is None or sites is not None):
        raise InputError(
            f"{regions} is scored at its own sites in windows of a genome, expected genome= and no "
            "sites=.",
            hint="Pass genome='hg38.fa', and length= for a model of any length.",
        )
    found, told = assembled(wanted, inputs, sites=lambda _: sites)
    if told.problems:
        left = counted(len(told.problems), "record")
        warnings.warn(f"{left} left out: {shown(told.problems)}", stacklevel=2)
    path = None if output is None else Path(output)
    with found.open_store(path, resume=resume, append=append) as store:
        store.problems, store.notes = tuple(told.problems), (*told.notes, *store.notes)
        pending = store.pending()
        with progress(sum(rows.stop - rows.start for rows in pending), verbose) as advance:
            found.score(store, pending, lambda done: advance(done.records), ray, check)
    return store


@dataclass(frozen=True)
class ScoreArguments:
    """Where records come from, as arguments of `score`; see `ismc.jobs.assembly`."""

    regions: Any
    genome: str | PathLike[str] | None
    length: int | None
    on_error: OnError
    ends: Ends
    ambiguous: Ambiguous

    early = False  # the length of a model that is there decides which records are good

    @property
    def variants(self) -> Callable[[int], Variants] | None:
        """As `ismc.jobs.assembly.RecordProvider`."""
        named = isinstance(self.regions, (str, PathLike))
        return self._variants if named and str(self.regions).endswith(VCF) else None

    def source(self, length: int | None) -> Source:
        """As `ismc.jobs.assembly.RecordProvider`."""
        read = {"on_error": self.on_error, "ends": self.ends, "ambiguous": self.ambiguous}
        return _source(self.regions, self.genome, length, read)

    def _variants(self, length: int) -> Variants:
        from ismc.io.sequences.variants import open_variants

        return open_variants(self.regions, self.genome or "", length, self.on_error)


def _source(regions: Any, genome: Any, length: int | None, read: dict[str, Any]) -> Source:
    """The records of whatever a user passes."""
    from ismc.io.sequences.arrays import from_array, from_strings
    from ismc.io.sequences.open_source import open_source

    settings: dict[str, Any] = {"length": length} | read
    strings = {name: read[name] for name in ("on_error", "ambiguous")}
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
    return from_array(np.asarray(regions), on_error=read["on_error"])


def _data_frame(regions: Any, genome: Any, settings: dict[str, Any]) -> Source:
    """The regions of a data frame, through a BED file."""
    from tempfile import TemporaryDirectory

    from ismc.io.sequences.open_source import open_source

    missing = [name for name in ("chrom", "start", "end") if name not in regions.columns]
    if missing:
        raise InputError(
            f"The table has the columns {list(regions.columns)}, expected chrom, start and end.",
            hint="Rename its columns, as BED files name them.",
        )
    named = [name for name in ("chrom", "start", "end", "name") if name in regions.columns]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "regions.bed"
        regions[named].to_csv(path, sep="\t", header=False, index=False)
        return open_source(bed=path, genome=genome, **settings)
