"""Variants of a VCF file, each at its site in a window of the genome.

Only single-letter substitutions are scored. Any other variant, and any that disagrees with the
genome, is a row whose status says why it has no score.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np

from ismc.errors import InputError
from ismc.io.sequences.alphabet import LETTERS, find_substitution
from ismc.io.sequences.genome import Genome
from ismc.io.sequences.lines import missing_column, open_text, read_table
from ismc.io.sequences.problems import Note, OnError, check_choice, pluralize, raise_or_skip
from ismc.io.sequences.regions import cut_windows, window_name
from ismc.io.sequences.source import Coordinates, Source, check_length

OK = "ok"
DISAGREES = "REF disagrees"
ABSENT = "chromosome not in genome"
BEYOND = "beyond the end"
NOWHERE = "not in any region"
KIND = "variants: a VCF file with columns separated by tabs"
HINT = "Columns are CHROM, POS, ID, REF and ALT, separated by tabs; POS counts from 1."


@dataclass(frozen=True, slots=True)
class Variant:
    """One alternative allele, in one window.

    Attributes:
        line: the line in the file, counted from 1.
        chrom: the chromosome, as in the file.
        pos: the position, as in the file, counted from 1.
        id: the identifier, as in the file; ``"."`` if it has none.
        ref: the reference allele, as in the file.
        alt: one of the alternative alleles in the file.
        status: ``"ok"``, or why there is no score.
        window: the index of the window, or -1.
        site: the position in the window, counted from 0, or -1.
        letter: the channel of the alternative letter, or -1.
    """

    line: int
    chrom: str
    pos: int
    id: str
    ref: str
    alt: str
    status: str
    window: int = -1
    site: int = -1
    letter: int = -1

    @property
    def kind(self) -> str:
        """The status without its details."""
        return self.status.partition(":")[0] if self.status.startswith(DISAGREES) else self.status

    def __str__(self) -> str:
        """The name, the alleles and the line."""
        label = self.id if self.id not in (".", "") else f"{self.chrom}:{self.pos}"
        return f"{label} {self.ref}>{self.alt} (line {self.line})"


@dataclass(frozen=True)
class Variants:
    """The variants of a file.

    Attributes:
        rows: one for each alternative allele and window, in the order of the file.
        windows: the windows with at least one scored variant.
        counts: the number of rows of each kind.
        notes: notes on variants without a score, and on windows.
        problems: skipped lines, each with the reason.
    """

    rows: Sequence[Variant]
    windows: Source
    counts: dict[str, int]
    notes: Sequence[str]
    problems: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Place:
    """A variant and its position in the genome, counted from 0; -1 if it is not scored."""

    variant: Variant
    position: int = -1


def open_variants(
    vcf: str | PathLike[str],
    genome: str | PathLike[str] | Genome,
    length: int | None = None,
    on_error: OnError = "stop",
    regions: Source | None = None,
) -> Variants:
    """The variants of a VCF file, plain or compressed by gzip or bgzip.

    Each alternative allele has a row. Without ``regions``, each position has a window with the
    variant at index ``L // 2``, padded with ``N`` past the ends of chromosomes. With ``regions``, a
    variant has a row for each of their windows that contains it.

    Args:
        vcf: the file.
        genome: a FASTA file, plain or compressed by bgzip, or an open `Genome`.
        length: ``L``; that of ``regions`` by default.
        on_error: whether malformed lines are an error, ``"stop"``, or skipped, ``"skip"``. A
            variant that cannot be scored is not malformed: it has a row.
        regions: windows of the same genome, see `ismc.io.sequences.regions.open_regions`.

    Raises:
        InputError: when a file cannot be read, or no variant can be scored; when lines are
            malformed and ``on_error`` is ``"stop"``.
    """
    check_choice("on_error", on_error, ("stop", "skip"))
    check_length(length)
    path = Path(vcf)
    if not isinstance(genome, Genome):
        genome = Genome(genome)
    length = _length(path, genome, length, regions)
    _check_text(path)
    places, problems = [], []
    frame = read_table(path, KIND, 5)
    for line, *fields in frame.itertuples():
        result = _parse_line(line, fields, genome)
        if isinstance(result, str):
            problems.append(f"line {line}: {result}")
        else:
            places += result
    problems = raise_or_skip(path, problems, on_error, len(places), HINT)
    if regions is None or regions.coordinates is None:
        at, names = _centre_windows(places, length, genome)
    else:
        at, names = regions.coordinates, list(regions.names)
    rows = list(_assign_windows(places, at, length, regions is not None))
    used = np.unique([row.window for row in rows if row.status == OK]).astype(np.int64)
    notes = _note_unscored(rows)
    if not len(used):
        raise InputError(
            f"{path} has no variant that can be scored: {'; '.join(notes)}.",
            hint="Check that the genome and the variants are of the same build."
            if any(row.kind in (DISAGREES, ABSENT, BEYOND) for row in rows)
            else "Only substitutions of single letters are scored.",
        )
    new_numbers = {int(window): i for i, window in enumerate(used)}
    rows = [replace(row, window=new_numbers.get(row.window, -1)) for row in rows]
    scored = at.at(used)
    padded = [
        window_name(chrom, start, end)
        for chrom, start, end in zip(scored.chrom.tolist(), scored.start, scored.end, strict=True)
        if start < 0 or end > genome.lengths[chrom]
    ]
    if padded:
        text = f"{pluralize(len(padded), 'window')} past the end of a chromosome, padded with N"
        notes.append(Note.of(text, padded))
    windows = cut_windows(path, genome, [names[i] for i in used], scored)
    counts = dict(Counter(row.kind for row in rows))
    return Variants(rows, windows, counts, (*notes, *windows.notes), problems)


def _length(path: Path, genome: Genome, length: int | None, regions: Source | None) -> int:
    if regions is None:
        if length is None:
            raise InputError(
                f"The length of windows around the variants of {path} is not known, expected a "
                "number of letters.",
                hint="Pass it with --length, or pass regions with --bed.",
            )
        return length
    if regions.coordinates is None or regions.coordinates.genome != genome.name:
        raise InputError(
            f"{regions.path} holds no regions of {genome.name}, expected windows for the "
            f"variants of {path}.",
            hint="Pass regions as a BED file, with the same genome.",
        )
    if length not in (None, regions.length):
        raise InputError(
            f"The regions {regions.path} have {regions.length} letters, expected {length}.",
            hint="Pass one length for both.",
        )
    return regions.length


def _check_text(path: Path) -> None:
    with open_text(path, KIND) as file:
        if file.read(3) == "BCF":
            raise InputError(
                f"{path} is a BCF file, expected {KIND}.", hint=f"bcftools view {path} > out.vcf"
            )


def _parse_line(line: int, fields: Sequence[str], genome: Genome) -> list[_Place] | str:
    """The variants of a line, or a phrase on what is wrong with it."""
    if not all(fields):
        return missing_column(fields, 5)
    chrom, text, name, ref, alts = fields
    if not re.fullmatch(r"[0-9]{1,18}", text):
        return f"POS {text!r} is not a number"
    if not re.fullmatch(r"[A-Za-z]+", ref):
        return f"REF {ref!r} has other characters than letters"
    places = []
    for alt in alts.split(","):
        if not alt:
            return f"ALT {alts!r} has an empty allele"
        variant = Variant(line, chrom, int(text), name, ref, alt, OK)
        places.append(_locate(variant, genome))
    return places


def _locate(variant: Variant, genome: Genome) -> _Place:
    """The place of a variant, with its status before windows are assigned."""
    unsupported, offset, letter = find_substitution(variant.ref.upper(), variant.alt.upper())
    if unsupported:
        return _Place(replace(variant, status=f"unsupported: {unsupported}"))
    if variant.chrom not in genome.lengths:
        return _Place(replace(variant, status=ABSENT))
    start = variant.pos - 1
    end = start + len(variant.ref)
    if start < 0 or end > genome.lengths[variant.chrom]:
        return _Place(replace(variant, status=BEYOND))
    letters = genome.codes(variant.chrom, start, end).tobytes().decode("ascii")
    if letters != variant.ref.upper():
        status = f"{DISAGREES}: VCF {variant.ref.upper()}, genome {letters}"
        return _Place(replace(variant, status=status))
    return _Place(replace(variant, letter=LETTERS.index(letter)), start + offset)


def _centre_windows(
    places: Sequence[_Place], length: int, genome: Genome
) -> tuple[Coordinates, list[str]]:
    """A window around each position, in the order of the file, and its name."""
    positions = dict.fromkeys((p.variant.chrom, p.position) for p in places if p.position >= 0)
    position = np.array([position for _, position in positions], np.int64)
    start = position - length // 2
    at = Coordinates(
        chrom=np.array([chrom for chrom, _ in positions], np.str_),
        start=start,
        end=start + length,
        summit=position,
        strand=np.full(len(positions), "."),
        genome=genome.name,
    )
    columns = (at.chrom.tolist(), at.start.tolist(), at.end.tolist())
    return at, [window_name(*row) for row in zip(*columns, strict=True)]


def _assign_windows(
    places: Sequence[_Place], at: Coordinates, length: int, every: bool
) -> Iterator[Variant]:
    """Each variant in its windows: every one that contains it, or the one centred on it."""
    order = np.lexsort((at.start, at.chrom))
    chroms, first = np.unique(at.chrom[order], return_index=True)
    windows_of = dict(zip(chroms.tolist(), np.split(order, first[1:]), strict=bool(len(chroms))))
    for place in places:
        if place.position < 0:
            yield place.variant
            continue
        windows = windows_of.get(place.variant.chrom, order[:0])
        last = place.position if every else place.position - length // 2
        low = last - length if every else last - 1
        begin, end = np.searchsorted(at.start[windows], (low, last), "right")
        for window in sorted(windows[begin:end].tolist()):
            site = place.position - int(at.start[window])
            yield replace(place.variant, window=window, site=site)
        if begin == end:
            yield replace(place.variant, status=NOWHERE, letter=-1)


def _note_unscored(rows: Sequence[Variant]) -> list[str]:
    """One note for each reason why variants have no score."""
    places: dict[str, list[str]] = {}
    for row in rows:
        if row.status != OK:
            _, _, details = row.status.partition(f"{DISAGREES}: ")
            places.setdefault(row.kind, []).append(f"{row}{details and ': '}{details}")
    return [
        Note.of(f"{pluralize(len(labels), 'variant')} without a score, {kind}", labels)
        for kind, labels in places.items()
    ]
