"""`ismc.score`: from a model and regions to scores with coordinates, in one call."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ismc.errors import InputError
from ismc.progress import progress
from ismc.scores import parsed

if TYPE_CHECKING:
    from ismc.io.problems import OnError
    from ismc.io.sources import Ambiguous, Ends, Source
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
    ray: str | None = None,
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
        outputs: as for `ismc.compile`.
        output: a folder ``.zarr`` to write to; without it, scores are kept in memory.
        length: letters of each sequence; the model's by default.
        reverse_complement: whether both strands are averaged.
        shifts: positions that sequences are moved by; answers are averaged.
        on_error: ``"stop"`` at bad records, or ``"skip"`` them, with a warning that names them.
        ends: ``"pad"`` regions with N at the ends of chromosomes, or ``"skip"`` them.
        ambiguous: other letters are an ``"error"``, or ``"n"``.
        resume: whether a run that was stopped is gone on with.
        ray: the address of a cluster of Ray to run on, or ``""`` for one on this machine.
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
    """
    from ismc.io.genome import chromosomes
    from ismc.io.problems import counted, shown
    from ismc.io.store import removed
    from ismc.jobs import job, positions

    given = {"sites": sites, "outputs": outputs, "score": score} | settings
    settings = {name: value for name, value in given.items() if value is not None}
    read = {"on_error": on_error, "ends": ends, "ambiguous": ambiguous}
    models = list(model) if isinstance(model, (list, tuple)) else [model]
    loaded = [_loaded(one) for one in models]
    wanted = length or _length(loaded[0])
    variants, ready = None, hasattr(loaded[0], "saturate")
    if isinstance(regions, (str, PathLike)) and str(regions).endswith(VCF):
        variants = _variants(regions, genome, wanted, on_error, sites)
        if not ready:
            settings["sites"] = positions(variants)
    source = variants.windows if variants else _source(regions, genome, wanted, read)
    ism = _program(loaded, source.length, reverse_complement, shifts, settings)
    found = job(ism, source, _name(models), variants, chromosomes(genome))
    told: Any = variants or source
    if told.problems:
        left = counted(len(told.problems), "record")
        warnings.warn(f"{left} left out: {shown(told.problems)}", stacklevel=2)
    path = None if output is None else Path(output)
    before = path is not None and path.exists()
    store = found.store(path, resume=resume)
    store.problems, store.notes = tuple(told.problems), tuple(told.notes)
    try:
        with progress(len(store), verbose) as advance:
            blocks = range(store.facts.blocks)
            found.score(store, blocks, lambda moved: advance(moved.records), ray)
    except BaseException:
        if path is not None and not before and not store.done.any():
            removed(path)
        raise
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
    if isinstance(shape, (list, dict)):
        raise InputError(
            f"The model takes {len(shape)} inputs, expected one of sequences.",
            hint="Use ismc.compile, whose calls take all inputs.",
        )
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
    from ismc.commands.models import at_length

    several = len(models) > 1 or reverse_complement or tuple(shifts) != (0,)
    if any(hasattr(model, "saturate") for model in models):
        _check_ready(models[0], settings)
        if several:
            return ismc.ensemble(models, reverse_complement=reverse_complement, shifts=shifts)
        found = models[0]
        return found.at(np.zeros((1, length, 4), np.float32)) if hasattr(found, "at") else found
    fixed = [at_length(model, length) for model in models]
    settings = {"score": "difference"} | settings
    if several:
        return ismc.ensemble(
            fixed, reverse_complement=reverse_complement, shifts=shifts, **settings
        )
    return ismc.compile(fixed[0], **settings)


def _check_ready(program: Any, settings: dict[str, Any]) -> None:
    """Checks that a program that is compiled already is what is asked for."""
    score = settings.pop("score", None)
    asked = str(parsed(score)) if isinstance(score, str) else str(score or "")
    found = getattr(program, "score_name", "") or "difference"
    if settings or (asked and asked != found):
        named = [*settings, *(["score"] if asked and asked != found else [])]
        raise InputError(
            f"The program is compiled already (score {found}), and {', '.join(named)} cannot be "
            "changed.",
            hint="Pass the Keras model, or compile it with these settings.",
        )


def _source(regions: Any, genome: Any, length: int | None, read: dict[str, Any]) -> Source:
    """The records of whatever a user passes."""
    from ismc.io.arrays import from_array, from_strings
    from ismc.io.sources import open_source

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
        return _table(regions, genome, settings)
    if isinstance(regions, (list, tuple)) and all(isinstance(one, str) for one in regions):
        return from_strings(list(regions), **strings)
    return from_array(np.asarray(regions), on_error=read["on_error"])


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
