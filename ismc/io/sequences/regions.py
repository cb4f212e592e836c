"""Regions of a genome, in BED or narrowPeak files, as windows of one length around their centres.

The centre of a region is its summit, ``start + column 10`` of a narrowPeak file, or else its
middle, ``(start + end) // 2``. The window has ``L`` letters and begins ``L // 2`` before it.
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
from ismc.io.sequences.alphabet import IUPAC, foreign, one_hot_of, plain
from ismc.io.sequences.genome import Genome
from ismc.io.sequences.lines import table, too_few
from ismc.io.sequences.problems import Note, OnError, check_choice, counted, raise_or_skip
from ismc.io.sequences.source import (
    Coordinates,
    Ends,
    Stored,
    check_length,
    combined_digest,
    record_digest,
)
from ismc.ir.pytree import distinct

if TYPE_CHECKING:
    import pandas

KIND = "regions: chromosome, start and end, with tabs between them"
COLUMNS = 11  # narrowPeak has 10
COMMENTS = r"(?:#|(?:track|browser)(?:\s|$))"
STRANDS = ("+", "-")
INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|[iI][nN][fF])"
HINT = "Columns are chromosome, start (from 0) and end (not included); headers begin with #."


@dataclass(frozen=True, slots=True)
class Region:
    """One good line."""

    line: int
    chrom: str
    start: int
    end: int
    centre: int
    name: str
    strand: str

    def window(self, length: int) -> tuple[int, int]:
        """The range of the window."""
        begin = self.centre - length // 2
        return begin, begin + length

    def place(self, length: int) -> str:
        """The window and the line."""
        return f"{window_name(self.chrom, *self.window(length))} (line {self.line})"


@dataclass(frozen=True)
class _Windows:
    """Some windows of a genome."""

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
) -> Stored:
    """The windows of the regions of a BED or narrowPeak file, plain or compressed by gzip.

    A file is narrowPeak if its name says so, or if all lines have its ten columns. Regions that
    stand again are taken once. Names are those of column 4, if all are there and different, or
    else the ranges of the windows. Letters are those of the forward strand.

    Args:
        bed: the file.
        genome: a FASTA file, plain or compressed by bgzip, or an opened one.
        length: ``L``.
        on_error: ``"stop"`` at lines that cannot be used, or ``"skip"`` them.
        ends: ``"pad"`` windows with ``N`` over the ends of chromosomes, or ``"skip"`` them; both
            are noted.

    Raises:
        InputError: when a file cannot be read, or no region is left; when lines have no range of
            the genome, or a summit outside of it, and ``on_error`` is ``"stop"``.
    """
    check_choice("on_error", on_error, ("stop", "skip"))
    check_choice("ends", ends, ("pad", "skip"))
    check_length(length)
    path = Path(bed)
    frame = table(path, KIND, COLUMNS, comments=COMMENTS, spaces=True)
    if not isinstance(genome, Genome):
        genome = Genome(genome)
    narrow = _is_narrow(path, frame)
    regions, problems, missing = [], [], []
    for line, *fields in frame.itertuples():
        found = _region(line, fields, genome, narrow)
        if isinstance(found, Region):
            regions.append(found)
            continue
        problems.append(f"line {line}: {found}")
        if found.startswith("chromosome"):
            missing.append(fields[0])
    hint = genome.hint(missing) if missing else HINT
    raise_or_skip(path, problems, on_error, len(regions), hint)
    regions, notes = _once(regions)
    regions, more = _inside(path, regions, genome, length, ends)
    names, unnamed = _names(regions, length)
    turned = [region for region in regions if region.strand == "-"]
    if turned:
        more.append(
            f"{counted(len(turned), 'region')} on the strand '-': letters and scores are those of "
            "the forward strand"
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
    return cut(path, genome, names, at, problems, [*notes, *more, *unnamed])


def cut(
    path: Path,
    genome: Genome,
    names: Sequence[str],
    at: Coordinates,
    problems: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Stored:
    """The source of windows of a genome, which are read once for the digest.

    Raises:
        InputError: when the genome holds letters that are no code of IUPAC.
    """
    windows, digests, coded = _Windows(genome, at), [], []
    columns = (*windows.columns(), at.summit, at.strand)
    for name, *row in zip(names, *(column.tolist() for column in columns), strict=True):
        chrom, start, end, _, _ = row
        letters = genome.codes(chrom, start, end).tobytes()
        odd = foreign(letters)
        if odd:
            strange = foreign(odd, IUPAC)
            if strange:
                raise InputError(
                    f"{genome.path} has {chr(strange[0])!r} in {window_name(chrom, start, end)}, "
                    "expected A, C, G, T, N or another code of IUPAC.",
                    hint="Check that it is a genome.",
                )
            coded.append(window_name(chrom, start, end))
        digests.append(record_digest(name, plain(letters), " ".join(map(str, row))))
    if coded:
        text = f"{counted(len(coded), 'window')} with letters of {genome.name} other than ACGTN"
        notes = [*notes, Note.of(f"{text}, which are taken as N", coded)]
    length = int(at.end[0] - at.start[0])
    digest = combined_digest(digests)
    return Stored(path, tuple(names), length, digest, windows, at, tuple(problems), tuple(notes))


def window_name(chrom: str, start: int, end: int) -> str:
    """The range of a window, from 0 and half-open.

    >>> window_name("chr1", -5, 95)
    'chr1:-5-95'
    """
    return f"{chrom}:{start}-{end}"


def _is_narrow(path: Path, frame: pandas.DataFrame) -> bool:
    """Whether column 10 is a summit."""
    name = path.name.lower().removesuffix(".gz").removesuffix(".bgz")
    if name.endswith(".narrowpeak"):
        return True
    whole = frame["c9"].str.fullmatch(r"(?:-1|[0-9]+)") & (frame["c10"] == "")
    numbers = (frame[f"c{i}"].str.fullmatch(NUMBER) for i in (6, 7, 8))
    return bool(whole.all() and all(column.all() for column in numbers))


def _region(line: int, fields: Sequence[str], genome: Genome, narrow: bool) -> Region | str:
    """The region of a line, or what is wrong with it."""
    chrom, *range_ = fields[:3]
    if not all(fields[:3]):
        return too_few(fields, 3)
    for name, value in zip(("start", "end"), range_, strict=True):
        if not INTEGER.fullmatch(value):
            return f"{name} {value!r} is no integer"
    start, end = map(int, range_)
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
            return f"summit {fields[9]!r} in column 10 is no integer, expected one as in narrowPeak"
        summit = int(fields[9])
        if not -1 <= summit < end - start:
            return f"summit {summit} is outside of its region of {end - start} letters"
        centre = start + summit if summit >= 0 else centre
    strand = fields[5] if fields[5] in STRANDS else "."
    return Region(line, chrom, start, end, centre, fields[3], strand)


def _once(regions: Sequence[Region]) -> tuple[list[Region], list[str]]:
    """The regions, each but once, and a note of the others."""
    first: dict[tuple[str, int, int, int], Region] = {}
    again = []
    for region in regions:
        key = (region.chrom, region.start, region.end, region.centre)
        before = first.setdefault(key, region)
        if before is not region:
            again.append(f"line {region.line} (as line {before.line})")
    text = f"{counted(len(again), 'region')} that stand again, taken once"
    return list(first.values()), [Note.of(text, again)] if again else []


def _inside(
    path: Path, regions: list[Region], genome: Genome, length: int, ends: Ends
) -> tuple[list[Region], list[str]]:
    """The regions to take, and a note of those whose windows reach over a chromosome's ends."""
    over = []
    for region in regions:
        start, end = region.window(length)
        if start < 0 or end > genome.lengths[region.chrom]:
            over.append(region)
    if not over:
        return regions, []
    done = "padded with N" if ends == "pad" else "left out"
    text = f"{counted(len(over), 'region')} over the end of a chromosome, {done}"
    note = Note.of(text, [region.place(length) for region in over])
    if ends == "pad":
        return regions, [note]
    lines = {region.line for region in over}
    kept = [region for region in regions if region.line not in lines]
    if not kept:
        raise InputError(
            f"{path}: no region is left: {note}.", hint="Pad them instead, with --ends pad."
        )
    return kept, [note]


def _names(regions: Sequence[Region], length: int) -> tuple[list[str], list[str]]:
    """Names of records, and a note where those of column 4 are not taken though there are some."""
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
    why = "some are missing" if len(named) < len(names) else "some stand more than once"
    places = [
        f"{name!r} on lines {', '.join(found[:2])}"
        for name, found in lines.items()
        if len(found) > 1 and name not in ("", ".")
    ] or [f"line {r.line}" for r in regions if r.name in ("", ".")]
    return ranges, [Note.of(f"column 4 is not taken for names, as {why}", places)]
