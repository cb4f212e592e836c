"""FASTA files as one-hot sequences: parsed by Biopython, with strict checks."""

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
from ismc.io.sequences.alphabet import IUPAC, KNOWN, LETTERS, normalize, one_hot_of, unknown_letters
from ismc.io.sequences.lines import open_text
from ismc.io.sequences.problems import (
    FastaIndex,
    Note,
    OnError,
    check_choice,
    common_length,
    invalid_records,
    iter_problems,
    pluralize,
    raise_or_skip,
)
from ismc.io.sequences.source import Ambiguous, check_length, combined_digest, record_digest

__all__ = ["LETTERS", "FastaSource", "Records", "open_fasta", "read_fasta"]

HINT = "Each record is a line '>name' and then letters A, C, G, T or N; all have the same length."
IUPAC_HINT = " With --ambiguous n, letters such as R or Y are read as N."
DIGEST_BYTES = 32


@dataclass(frozen=True)
class Records:
    """Named sequences of one length.

    Attributes:
        names: the first word of each header; ``B`` distinct names.
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
    """A FASTA file after its check; letters are read from the file on demand.

    Attributes are those of `ismc.io.sequences.source.Source`, and these two.

    Attributes:
        bad: the numbers of the skipped records.
        stamp: size and modification time of the file when it was checked.
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
        self, size: int, include: Callable[[int], bool] = lambda _: True
    ) -> Iterator[tuple[int, np.ndarray]]:
        """As `ismc.io.sequences.source.Source.blocks`, in one pass over the file."""
        with closing(self._letters()) as records:
            for i, begin in enumerate(range(0, len(self.names), size)):
                letters = list(islice(records, min(size, len(self.names) - begin)))
                if include(i):
                    yield i, self._rows(letters)

    def one_hot(self, begin: int, end: int) -> np.ndarray:
        """As `ismc.io.sequences.source.Source.one_hot`; reads the file up to ``end``."""
        begin, end, _ = slice(begin, end).indices(len(self.names))
        with closing(self._letters()) as records:
            return self._rows(list(islice(records, begin, max(begin, end))))

    def _rows(self, letters: list[bytes]) -> np.ndarray:
        codes = np.frombuffer(b"".join(letters), np.uint8)
        return one_hot_of(codes.reshape(len(letters), self.length))

    def _letters(self) -> Generator[bytes]:
        """The letters of the valid records; raises if the file has changed since its check."""
        good = (
            (name, letters)
            for i, (name, letters) in enumerate(_parse_records(self.path))
            if i not in self.bad
        )
        unchanged = _stamp(self.path) == self.stamp
        for expected in self.names:
            name, letters = next(good, ("", b""))
            if not unchanged or name != expected or len(letters) != self.length:
                raise InputError(
                    f"{self.path} changed after it was checked, expected the same file.",
                    hint="Run again, and do not change the file during the run.",
                )
            yield letters


def open_fasta(
    path: str | PathLike[str],
    length: int | None = None,
    on_error: OnError = "stop",
    ambiguous: Ambiguous = "error",
) -> FastaSource:
    """The sequences of a FASTA file, plain or compressed by gzip or bgzip.

    Case is ignored and ``N`` is an unknown letter. All records have one length. The file is read
    once to check it, and again for the letters; memory holds little more than the name of each
    record. No index file is written.

    Args:
        path: the file.
        length: the length of every record; that of most records by default.
        on_error: whether invalid records are an error, ``"stop"``, or skipped, ``"skip"``, which
            uses the first of several records with the same name.
        ambiguous: whether the other IUPAC codes are an ``"error"``, or read as N, ``"n"``.

    Raises:
        InputError: when the file cannot be read or has no valid record; when records have other
            letters, another length, or a missing or repeated name, and ``on_error`` is ``"stop"``.
            The message lists up to five problems.
    """
    check_choice("on_error", on_error, ("stop", "skip"))
    check_choice("ambiguous", ambiguous, ("error", "n"))
    check_length(length)
    path = Path(path)
    known = IUPAC if ambiguous == "n" else KNOWN
    stamp = _stamp(path)
    scan = _scan_records(path, known)
    bad = invalid_records(scan, length, known) if on_error == "skip" else {}
    good = [i not in bad for i in range(len(scan.names))]
    problems = raise_or_skip(
        path,
        bad.values() if on_error == "skip" else iter_problems(scan, length, known),
        on_error,
        sum(good),
        HINT + bool(scan.ambiguous and ambiguous == "error") * IUPAC_HINT,
    )
    coded = [scan.record(i) for i in scan.ambiguous if ambiguous == "n" and good[i]]
    text = f"{pluralize(len(coded), 'record')} with letters other than ACGTN, which are read as N"
    digests = (
        bytes(scan.digests[i : i + DIGEST_BYTES]) for i in range(0, len(scan.digests), DIGEST_BYTES)
    )
    return FastaSource(
        path=path,
        names=tuple(compress(scan.names, good)),
        length=length or common_length(scan.lengths),
        digest=combined_digest(compress(digests, good)),
        problems=problems,
        notes=(Note.of(text, coded),) if coded else (),
        bad=frozenset(bad),
        stamp=stamp,
    )


def read_fasta(path: str | PathLike[str], length: int | None = None) -> Records:
    """All sequences of a FASTA file in memory, checked as by `open_fasta`.

    Args:
        path: the file.
        length: the length of every record; that of most records by default.

    Raises:
        InputError: when the file cannot be read, has no record, or has records with other letters,
            another length, or a missing or repeated name. The message lists up to five problems.
    """
    source = open_fasta(path, length)
    return Records(source.names, source.one_hot(0, len(source.names)).astype(np.float32))


def _scan_records(path: Path, known: bytes) -> FastaIndex:
    """The index of all records, from one pass over the file; raises if there are none."""
    scan = FastaIndex(path)
    for i, (name, letters) in enumerate(_parse_records(path)):
        scan.names.append(name)
        scan.lengths.append(len(letters))
        scan.digests += record_digest(name, normalize(letters))
        unknown = unknown_letters(letters)
        if unknown and unknown_letters(unknown, known):
            scan.invalid.append(i)
        if unknown and len(unknown_letters(unknown, IUPAC)) < len(unknown):
            scan.ambiguous.append(i)
    if not scan.names:
        problem = "holds only blank lines" if path.stat().st_size else "is empty"
        raise InputError(
            f"{path} {problem}, expected FASTA records.",
            hint="A record begins with a line '>name'.",
        )
    return scan


def _parse_records(path: Path) -> Iterator[tuple[str, bytes]]:
    """The name and the letters of each record.

    Raises:
        InputError: for text before the first record, which Biopython would skip silently.
    """
    with extras():
        from Bio.SeqIO.FastaIO import SimpleFastaParser
    with open_text(path) as file:
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
    """Size and modification time of the file, or -1 for both where it cannot be read."""
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns
