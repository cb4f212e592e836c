"""FASTA files as one-hot sequences; parsed by Biopython, and strict about what is in them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, compress, islice
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ismc.errors import InputError
from ismc.io.extras import extras
from ismc.io.sequences.alphabet import IUPAC, KNOWN, LETTERS, foreign, one_hot_of, plain
from ismc.io.sequences.lines import opened
from ismc.io.sequences.problems import (
    FastaIndex,
    Note,
    OnError,
    check_choice,
    common_length,
    counted,
    iter_problems,
    omission_note,
    raise_or_skip,
)
from ismc.io.sequences.source import Ambiguous, check_length, combined_digest, record_digest

__all__ = ["LETTERS", "FastaSource", "Records", "open_fasta", "read_fasta"]

HINT = "Each record is a line '>name' and then letters A, C, G, T or N, as many in each record."
IUPAC_HINT = " With --ambiguous n, letters such as R or Y are taken as N."
DIGEST = 32


@dataclass(frozen=True)
class Records:
    """Named sequences of one length.

    Attributes:
        names: the first word of each header, ``B`` of them, all different.
        one_hot: float32 ``[B, L, 4]``, channels A, C, G, T; ``N`` is all zeros.
    """

    names: tuple[str, ...]
    one_hot: np.ndarray

    @property
    def length(self) -> int:
        """``L``."""
        return self.one_hot.shape[1]


@dataclass(frozen=True)
class FastaSource:
    """A FASTA file that was read once and is sound; letters are read again when they are needed.

    Attributes are those of `ismc.io.sequences.source.Source`, and ``bad``, the numbers of the
    records that are left out, and ``stamp``, size and time of the file when it was checked.
    """

    path: Path
    names: tuple[str, ...]
    length: int
    digest: str
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    bad: frozenset[int]
    stamp: tuple[int, int]
    coordinates: None = None

    def blocks(
        self, size: int, wanted: Callable[[int], bool] = lambda _: True
    ) -> Iterator[tuple[int, np.ndarray]]:
        """As `ismc.io.sequences.source.Source.blocks`; one pass over the file."""
        with closing(self._letters()) as records:
            for i, begin in enumerate(range(0, len(self.names), size)):
                letters = list(islice(records, min(size, len(self.names) - begin)))
                if wanted(i):
                    yield i, self._rows(letters)

    def one_hot(self, begin: int, end: int) -> np.ndarray:
        """As `ismc.io.sequences.source.Source.one_hot`; the file is read up to there."""
        begin, end, _ = slice(begin, end).indices(len(self.names))
        with closing(self._letters()) as records:
            return self._rows(list(islice(records, begin, max(begin, end))))

    def _rows(self, letters: list[bytes]) -> np.ndarray:
        codes = np.frombuffer(b"".join(letters), np.uint8)
        return one_hot_of(codes.reshape(len(letters), self.length))

    def _letters(self) -> Generator[bytes]:
        """The letters of the good records; they are those that were checked."""
        good = (
            (name, letters)
            for i, (name, letters) in enumerate(_parsed(self.path))
            if i not in self.bad
        )
        same = _stamp(self.path) == self.stamp
        for expected in self.names:
            name, letters = next(good, ("", b""))
            if not same or name != expected or len(letters) != self.length:
                raise InputError(
                    f"{self.path} changed after it was checked, expected the same file.",
                    hint="Run it again, and leave the file as it is meanwhile.",
                )
            yield letters


def open_fasta(
    path: str | PathLike[str],
    length: int | None = None,
    on_error: OnError = "stop",
    ambiguous: Ambiguous = "error",
) -> FastaSource:
    """The sequences of a FASTA file, plain or compressed by gzip or bgzip.

    Upper and lower case are the same and ``N`` is unknown. All records have one length. The file
    is read once to check it, and again for the letters; of each record little more than the name
    is kept. Nothing is written beside the file.

    Args:
        path: the file.
        length: the length that every record has; that of most records by default.
        on_error: ``"stop"`` at records that cannot be used, or ``"skip"`` them; of records with
            one name the first is kept then.
        ambiguous: whether the other codes of IUPAC are an ``"error"``, or taken as ``"n"``.

    Raises:
        InputError: when the file cannot be read or holds no record; when records have other
            letters, no name or that of another, or another length, and ``on_error`` is ``"stop"``;
            up to five problems are listed.
    """
    check_choice("on_error", on_error, ("stop", "skip"))
    check_choice("ambiguous", ambiguous, ("error", "n"))
    check_length(length)
    path = Path(path)
    known = IUPAC if ambiguous == "n" else KNOWN
    stamp = _stamp(path)
    scan = _scanned(path, known)
    bad = omission_note(scan, length, known) if on_error == "skip" else {}
    good = [i not in bad for i in range(len(scan.names))]
    problems = raise_or_skip(
        path,
        bad.values() if on_error == "skip" else iter_problems(scan, length, known),
        on_error,
        sum(good),
        HINT + bool(scan.coded and ambiguous == "error") * IUPAC_HINT,
    )
    taken = [scan.record(i) for i in scan.coded if ambiguous == "n" and good[i]]
    text = f"{counted(len(taken), 'record')} with letters other than ACGTN, which are taken as N"
    digests = (bytes(scan.digests[i : i + DIGEST]) for i in range(0, len(scan.digests), DIGEST))
    return FastaSource(
        path=path,
        names=tuple(compress(scan.names, good)),
        length=length or common_length(scan.lengths),
        digest=combined_digest(compress(digests, good)),
        problems=problems,
        notes=(Note.of(text, taken),) if taken else (),
        bad=frozenset(bad),
        stamp=stamp,
    )


def read_fasta(path: str | PathLike[str], length: int | None = None) -> Records:
    """All sequences of a FASTA file at once, as `open_fasta` finds them.

    Args:
        path: the file.
        length: the length that every sequence has; that of most records by default.

    Raises:
        InputError: when the file cannot be read, holds no record, or holds other letters, names
            that repeat, or sequences of another length; up to five problems are listed.
    """
    source = open_fasta(path, length)
    return Records(source.names, source.one_hot(0, len(source.names)).astype(np.float32))


def _scanned(path: Path, known: bytes) -> FastaIndex:
    """One pass over all records; at least one."""
    scan = FastaIndex(path)
    for i, (name, letters) in enumerate(_parsed(path)):
        scan.names.append(name)
        scan.lengths.append(len(letters))
        scan.digests += record_digest(name, plain(letters))
        odd = foreign(letters)
        if odd and foreign(odd, known):
            scan.odd.append(i)
        if odd and len(foreign(odd, IUPAC)) < len(odd):
            scan.coded.append(i)
    if not scan.names:
        found = "holds only blank lines" if path.stat().st_size else "is empty"
        raise InputError(
            f"{path} {found}, expected FASTA records.", hint="A record begins with a line '>name'."
        )
    return scan


def _parsed(path: Path) -> Iterator[tuple[str, bytes]]:
    """The name and the letters of each record.

    Raises:
        InputError: for text before the first one, which Biopython would skip without a word.
    """
    with extras():
        from Bio.SeqIO.FastaIO import SimpleFastaParser
    with opened(path) as file:
        number, first = next(((i, text) for i, text in enumerate(file, 1) if text.strip()), (0, ""))
        if first and first[0] != ">":
            raise InputError(
                f"{path} begins with {first.strip()[:20]!r} at line {number}, expected '>name'.",
                hint="A FASTA file has a header line before each sequence.",
            )
        lines: Any = chain([first], file) if first else ()
        for title, sequence in SimpleFastaParser(lines):
            yield (title.split(None, 1) or [""])[0], sequence.encode("ascii", "replace")


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of the last change; `opened` tells of files that are not there."""
    try:
        found = path.stat()
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns
