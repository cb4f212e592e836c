"""Regions of a genome, in BED or narrowPeak files, as windows of one length around their centres.

The centre of a region is its summit, ``start + column 10`` in a narrowPeak file, or else its
middle, ``(start + end) // 2``. The window has ``L`` letters and begins ``L // 2`` before that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ismc.errors import InputError
from ismc.io.sequences.alphabet import IUPAC, normalize, one_hot_of, unknown_letters
from ismc.io.sequences.genome import Genome
from ismc.io.sequences.lines import missing_column, read_table
from ismc.io.sequences.problems import Note, OnError, check_choice, pluralize, raise_or_skip
from ismc.io.sequences.source import (
    Coordinates,
    Ends,
    IndexedSource,
    check_length,
    combined_digest,
    record_digest,
)
from ismc.ir.pytree import distinct

if TYPE_CHECKING:
    import pandas

KIND = "regions: chromosome, start and end, separated by tabs"
COLUMNS = 11  # narrowPeak has 10
COMMENTS = r"(?:#|(?:track|browser)(?:\s|$))"
STRANDS = ("+", "-")
INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|[iI][nN][fF])"
HINT = "Columns are chromosome, start (from 0) and end (exclusive); comments begin with #."


@dataclass(frozen=True, slots=True)
class Region:
    """A region from a valid line of the file."""

    line: int
    chrom: str
    start: int
    end: int
    centre: int
    name: str
    strand: str

    def window(self, length: int) -> tuple[int, int]:
        """The half-open range of the window."""
        begin = self.centre - length // 2
        return begin, begin + length

    def place(self, length: int) -> str:
        """The window and the line, as a phrase."""
        return f"{window_name(self.chrom, *self.window(length))} (line {self.line})"


@dataclass(frozen=True)
class _Windows:
    """Windows of a genome, read on demand."""

    genome: Genome
    at: Coordinates

    def __call__(self, begin: int, end: int) -> np.ndarray:
        rows = zip(*(column[begin:end].tolist() for column in self.columns()), strict=True)
        codes = [self.genome.codes(*row) for row in rows]
        if not codes:
            return np.empty((0, int(self.at.end[0] - self.at.start[0]), 4), np.int8)
        return one_hot_of(np.stack(codes))

    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.at.chrom, self.at.start, self.at.end


def open_regions(
    bed: str | PathLike[str],
    genome: str | PathLike[str] | Genome,
    length: int,
    on_error: OnError = "stop",
    ends: Ends = "pad",
) -> IndexedSource:
    """The windows of the regions of a BED or narrowPeak file, plain or compressed by gzip.

    A file is narrowPeak if its name ends so, or if all its lines have the ten columns. Duplicate
    regions are kept once. Records are named by column 4 if all names are present and distinct, or
    else by the ranges of the windows. Letters are those of the forward strand.

    Args:
        bed: the file.
        genome: a FASTA file, plain or compressed by bgzip, or an open `Genome`.
        length: ``L``.
        on_error: whether invalid lines are an error, ``"stop"``, or skipped, ``"skip"``.
        ends: whether windows that extend past a chromosome are padded with N, ``"pad"``, or
            skipped, ``"skip"``; either adds a note.

    Raises:
        InputError: when a file cannot be read, or no region remains; when lines have no valid range
            of the genome, or a summit outside their range, and ``on_error`` is ``"stop"``.
    """
    check_choice("on_error", on_error, ("stop", "skip"))
    check_choice("ends", ends, ("pad", "skip"))
    check_length(length)
    path = Path(bed)
    frame = read_table(path, KIND, COLUMNS, comments=COMMENTS, spaces=True)
    if not isinstance(genome, Genome):
        genome = Genome(genome)
    narrow = _is_narrow(path, frame)
    regions, problems, missing = [], [], []
    for line, *fields in frame.itertuples():
        result = _parse_region(line, fields, genome, narrow)
        if isinstance(result, Region):
            regions.append(result)
            continue
        problems.append(f"line {line}: {result}")
        if result.startswith("chromosome"):
            missing.append(fields[0])
    hint = genome.hint(missing) if missing else HINT
    raise_or_skip(path, problems, on_error, len(regions), hint)
    regions, notes = _deduplicate(regions)
    regions, more = _apply_ends(path, regions, genome, length, ends)
    names, unnamed = _names(regions, length)
    reverse = [region for region in regions if region.strand == "-"]
    if reverse:
        more.append(
            f"{pluralize(len(reverse), 'region')} on the strand '-': letters and scores are those "
            "of the forward strand"
        )
    windows = np.array([region.window(length) for region in regions], np.int64)
    at = Coordinates(
        chrom=np.array([region.chrom for region in regions]),
        start=windows[:, 0],
        end=windows[:, 1],
        summit=np.array([region.centre for region in regions], np.int64),
        strand=np.array([region.strand for region in regions]),
        genome=genome.name,
    )
    return cut_windows(path, genome, names, at, problems, [*notes, *more, *unnamed])


def cut_windows(
    path: Path,
    genome: Genome,
    names: Sequence[str],
    at: Coordinates,
    problems: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> IndexedSource:
    """The source of windows of a genome; reads them once for the digest.

    Raises:
        InputError: when the genome has letters that are not IUPAC codes.
    """
    windows, digests, coded = _Windows(genome, at), [], []
    columns = (*windows.columns(), at.summit, at.strand)
    for name, *row in zip(names, *(column.tolist() for column in columns), strict=True):
        chrom, start, end, _, _ = row
        letters = genome.codes(chrom, start, end).tobytes()
        unknown = unknown_letters(letters)
        if unknown:
            invalid = unknown_letters(unknown, IUPAC)
            if invalid:
                raise InputError(
                    f"{genome.path} has {chr(invalid[0])!r} in {window_name(chrom, start, end)}, "
                    "expected A, C, G, T, N or another IUPAC code.",
                    hint="Check that the file is a genome.",
                )
            coded.append(window_name(chrom, start, end))
        digests.append(record_digest(name, normalize(letters), " ".join(map(str, row))))
    if coded:
        text = f"{pluralize(len(coded), 'window')} with letters of {genome.name} other than ACGTN"
        notes = [*notes, Note.of(f"{text}, which are read as N", coded)]
    length = int(at.end[0] - at.start[0])
    digest = combined_digest(digests)
    return IndexedSource(
        path, tuple(names), length, digest, windows, at, tuple(problems), tuple(notes)
    )


def window_name(chrom: str, start: int, end: int) -> str:
    """The half-open range of a window as text, counted from 0.

    >>> window_name("chr1", -5, 95)
    'chr1:-5-95'
    """
    return f"{chrom}:{start}-{end}"


def _is_narrow(path: Path, frame: pandas.DataFrame) -> bool:
    """Whether column 10 is a summit, as in narrowPeak."""
    name = path.name.lower().removesuffix(".gz").removesuffix(".bgz")
    if name.endswith(".narrowpeak"):
        return True
    summits = frame["c9"].str.fullmatch(r"(?:-1|[0-9]+)") & (frame["c10"] == "")
    numbers = (frame[f"c{i}"].str.fullmatch(NUMBER) for i in (6, 7, 8))
    return bool(summits.all() and all(column.all() for column in numbers))


def _parse_region(line: int, fields: Sequence[str], genome: Genome, narrow: bool) -> Region | str:
    """The region of a line, or what is wrong with it."""
    chrom, *bounds = fields[:3]
    if not all(fields[:3]):
        return missing_column(fields, 3)
    for name, value in zip(("start", "end"), bounds, strict=True):
        if not INTEGER.fullmatch(value):
            return f"{name} {value!r} is not an integer"
    start, end = map(int, bounds)
    if start < 0:
        return f"start {start} is negative, expected 0 or more"
    if start >= end:
        return f"start {start} is not before end {end}"
    if chrom not in genome.lengths:
        return genome.absence(chrom)
    if end > genome.lengths[chrom]:
        return f"end {end} is beyond the end of {chrom}, which has {genome.lengths[chrom]} letters"
    centre = (start + end) // 2
    if narrow:
        if not INTEGER.fullmatch(fields[9]):
            return f"summit {fields[9]!r} in column 10 is not an integer, as in narrowPeak"
        summit = int(fields[9])
        if not -1 <= summit < end - start:
            return f"summit {summit} is outside its region of {end - start} letters"
        centre = start + summit if summit >= 0 else centre
    strand = fields[5] if fields[5] in STRANDS else "."
    return Region(line, chrom, start, end, centre, fields[3], strand)


def _deduplicate(regions: Sequence[Region]) -> tuple[list[Region], list[str]]:
    """The distinct regions, and a note on the duplicates."""
    first: dict[tuple[str, int, int, int], Region] = {}
    duplicates = []
    for region in regions:
        key = (region.chrom, region.start, region.end, region.centre)
        before = first.setdefault(key, region)
        if before is not region:
            duplicates.append(f"line {region.line} (as line {before.line})")
    text = f"{pluralize(len(duplicates), 'duplicate region')}, each kept once"
    return list(first.values()), [Note.of(text, duplicates)] if duplicates else []


def _apply_ends(
    path: Path, regions: list[Region], genome: Genome, length: int, ends: Ends
) -> tuple[list[Region], list[str]]:
    """The regions to use, and a note on those whose windows extend past a chromosome."""
    over = []
    for region in regions:
        start, end = region.window(length)
        if start < 0 or end > genome.lengths[region.chrom]:
            over.append(region)
    if not over:
        return regions, []
    action = "padded with N" if ends == "pad" else "skipped"
    text = f"{pluralize(len(over), 'region')} past the end of a chromosome, {action}"
    note = Note.of(text, [region.place(length) for region in over])
    if ends == "pad":
        return regions, [note]
    lines = {region.line for region in over}
    inside = [region for region in regions if region.line not in lines]
    if not inside:
        raise InputError(
            f"{path}: no region remains: {note}.", hint="Pad the regions with --ends pad."
        )
    return inside, [note]


def _names(regions: Sequence[Region], length: int) -> tuple[list[str], list[str]]:
    """Names of records, and a note if column 4 has names that are not used."""
    names = [region.name for region in regions]
    ranges = distinct(window_name(r.chrom, *r.window(length)) for r in regions)
    named = [name for name in names if name not in ("", ".")]
    if not named:
        return ranges, []
    lines: dict[str, list[str]] = {}
    for region in regions:
        lines.setdefault(region.name, []).append(str(region.line))
    if len(named) == len(names) == len(lines):
        return names, []
    reason = "some are missing" if len(named) < len(names) else "some are repeated"
    places = [
        f"{name!r} on lines {', '.join(numbers[:2])}"
        for name, numbers in lines.items()
        if len(numbers) > 1 and name not in ("", ".")
    ] or [f"line {r.line}" for r in regions if r.name in ("", ".")]
    return ranges, [Note.of(f"column 4 is not used for names, as {reason}", places)]
