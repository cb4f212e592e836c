"""`ismc.score`: from a model and regions to scores with coordinates, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ismc.errors import InputError
from ismc.progress import progress

if TYPE_CHECKING:
    from ismc.io.sources import Source
    from ismc.io.store import Store
    from ismc.io.variants import Variants

VCF = (".vcf", ".vcf.gz", ".vcf.bgz")
BED = (".bed", ".bed.gz", ".narrowPeak", ".narrowPeak.gz")
ARRAYS = (".npy", ".npz")


def score(
    model: Any,
    regions: Any,
    *,
    genome: str | PathLike[str] | None = None,
    score: Any = "difference",
    sites: Any = None,
    outputs: Any = None,
    output: str | PathLike[str] | None = None,
    length: int | None = None,
    reverse_complement: bool = False,
    shifts: Sequence[int] = (0,),
    on_error: str = "stop",
    resume: bool = False,
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
        score: a name such as ``"centred"``, a `ismc.scores.Score`, or a function.
        sites: as for `ismc.compile`; all positions by default.
        outputs: as for `ismc.compile`.
        output: a folder ``.zarr`` to write to; without it, scores are kept in memory.
        length: letters of each sequence; the model's by default.
        reverse_complement: whether both strands are averaged.
        shifts: positions that sequences are moved by; answers are averaged.
        on_error: ``"stop"`` at bad records, or ``"skip"`` them.
        resume: whether a run that was stopped is gone on with.
        verbose: 0 for no bar, 1 for a bar, ``"auto"`` for a bar on a terminal.
        **settings: more for `ismc.compile`.

    Returns:
        A store: ``store.scores()[:]`` are the scores ``[B, sites, 4, *score]``,
        ``store.reference()[:]`` the model's own answers, ``store.names``, ``store.coordinates``.
        `ismc.convert` makes files of it, of variants a table ``.tsv``.

    Raises:
        InputError: when something does not fit; says what, and in which line.
        ArtifactError: when a file cannot be read or written.
    """
    from ismc.jobs import job, positions
    from ismc.scan import Scorer, scan

    settings |= {"sites": sites, "outputs": outputs, "score": score}
    models = list(model) if isinstance(model, (list, tuple)) else [model]
    loaded = [_loaded(one) for one in models]
    wanted = length or _length(loaded[0])
    variants = None
    if isinstance(regions, (str, PathLike)) and str(regions).endswith(VCF):
        variants = _variants(regions, genome, wanted, on_error, sites)
        settings["sites"] = positions(variants)
    source = variants.windows if variants else _source(regions, genome, wanted, on_error)
    ism = _program(loaded, source.length, reverse_complement, shifts, settings)
    found = job(ism, source, _name(models), variants, _chromosomes(genome))
    store = found.store(None if output is None else Path(output), resume=resume)
    with progress(len(store), verbose) as advance:
        scan(Scorer(ism), store, range(store.facts.blocks), lambda moved: advance(moved.records))
    store.tidy()
    return store


def _loaded(model: Any) -> Any:
    """A model, or a program that is ready."""
    if not isinstance(model, (str, PathLike)):
        return model
    import ismc

    path = Path(model)
    return ismc.load(path) if path.suffix == ".ismc" else ismc.load_model(path)


def _length(model: Any) -> int | None:
    """``L``, where it is fixed."""
    shape = getattr(model, "input_shape", None)
    if not shape:
        return None
    return shape[0] if hasattr(model, "saturate") else shape[1]


def _program(
    models: Sequence[Any],
    length: int,
    reverse_complement: bool,
    shifts: Sequence[int],
    settings: dict[str, Any],
) -> Any:
    """What is called; programs that are ready are taken as they are."""
    import ismc

    if len(models) > 1 or reverse_complement or tuple(shifts) != (0,):
        return ismc.ensemble(
            models, reverse_complement=reverse_complement, shifts=shifts, **settings
        )
    found = models[0]
    if not hasattr(found, "saturate"):
        found = ismc.compile(found, **settings)
    return found.at(np.zeros((1, length, 4), np.float32)) if hasattr(found, "at") else found


def _source(regions: Any, genome: Any, length: int | None, on_error: str) -> Source:
    """The records of whatever a user passes."""
    from ismc.io.sources import open_source

    settings: dict[str, Any] = {"length": length, "on_error": on_error}
    if isinstance(regions, (str, PathLike)):
        name = str(regions)
        if isinstance(regions, str) and name and set(name.upper()) <= set("ACGTN"):
            return _strings([name])
        if name.endswith(BED):
            return open_source(bed=regions, genome=genome, **settings)
        kind = "array" if name.split(":")[0].endswith(ARRAYS) else "fasta"
        return open_source(**{kind: regions}, **settings)
    if hasattr(regions, "columns"):
        return _table(regions, genome, settings)
    if isinstance(regions, (list, tuple)) and all(isinstance(one, str) for one in regions):
        return _strings(list(regions))
    from ismc.io.arrays import from_array

    return from_array(np.asarray(regions))


def _variants(
    vcf: str | PathLike[str], genome: Any, length: int | None, on_error: Any, sites: Any
) -> Variants:
    """The variants of a file, in windows around them."""
    from ismc.io.variants import open_variants

    if genome is None or length is None or sites is not None:
        raise InputError(
            f"{vcf} is scored at its own sites in windows of a genome, expected genome= and a "
            "length, and no sites=.",
            hint="Pass genome='hg38.fa', and length= for a model of any length.",
        )
    return open_variants(vcf, genome, length, on_error)


def _strings(sequences: list[str]) -> Source:
    from ismc.io.arrays import from_strings

    return from_strings(sequences)


def _table(regions: Any, genome: Any, settings: dict[str, Any]) -> Source:
    """The regions of a data frame, through a BED file."""
    from tempfile import TemporaryDirectory

    from ismc.io.sources import open_source

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


def _chromosomes(genome: Any) -> dict[str, int]:
    if genome is None:
        return {}
    from ismc.io.genome import Genome

    return dict(Genome(genome).lengths)


def _name(models: Sequence[Any]) -> str:
    """File names, or names of models."""
    found = []
    for model in models:
        if isinstance(model, (str, PathLike)):
            found.append(Path(model).name)
        else:
            plan = getattr(model, "plan", None)
            found.append(str(getattr(model, "name", None) or getattr(plan, "model", "model")))
    return ", ".join(found)
