"""The protocol of sources of sequences, which are read in blocks.

Sources are FASTA files, regions of a genome, arrays and strings. A source stores the names of its
records and the problems of skipped ones. It reads letters on demand, so that memory does not grow
with the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from ismc.errors import InputError

Ends = Literal["pad", "skip"]
Ambiguous = Literal["error", "n"]


@dataclass(frozen=True)
class Coordinates:
    """Where ``B`` records are in a genome; positions count from 0, ranges are half-open.

    Sequences and scores are always those of the forward strand, also where ``strand`` is ``"-"``.

    Attributes:
        chrom: names of chromosomes, str ``[B]``.
        start: int64 ``[B]``; negative where a record is padded before a chromosome's first letter.
        end: int64 ``[B]``, ``start + L``; past the chromosome's end where a record is padded.
        summit: int64 ``[B]``, the position at index ``L // 2``.
        strand: ``"+"``, ``"-"`` or ``"."``, str ``[B]``, as in the file.
        genome: the file name of the genome.
    """

    chrom: np.ndarray
    start: np.ndarray
    end: np.ndarray
    summit: np.ndarray
    strand: np.ndarray
    genome: str

    def __len__(self) -> int:
        """``B``."""
        return len(self.start)

    def at(self, rows: np.ndarray) -> Coordinates:
        """The coordinates of the records with these numbers."""
        return Coordinates(
            chrom=self.chrom[rows],
            start=self.start[rows],
            end=self.end[rows],
            summit=self.summit[rows],
            strand=self.strand[rows],
            genome=self.genome,
        )


class Source(Protocol):
    """``B`` records of one length with distinct names."""

    @property
    def path(self) -> Path:
        """The file; ``array`` or ``strings`` for data in memory."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """Names of the valid records."""
        ...

    @property
    def length(self) -> int:
        """``L``."""
        ...

    @property
    def coordinates(self) -> Coordinates | None:
        """Where the valid records are in a genome, or ``None`` without one."""
        ...

    @property
    def problems(self) -> Sequence[str]:
        """Skipped records, each with its place in the file and the reason."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Notes on valid records, such as padding."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 over names, letters in upper case and coordinates of the valid records."""
        ...

    def blocks(
        self, size: int, include: Callable[[int], bool] = ...
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Blocks ``i`` of the records ``[i * size, (i + 1) * size)``, int8 ``[n, L, 4]``, in order.

        Args:
            size: the number of records per block; the last block may have fewer.
            include: whether to read the block with a given number; other blocks are skipped.
        """
        ...

    def one_hot(self, begin: int, end: int) -> np.ndarray:
        """The records ``[begin, end)``, int8 ``[n, L, 4]``."""
        ...


@dataclass(frozen=True)
class IndexedSource:
    """A source with random access to its records.

    Attributes:
        rows: returns the records ``[begin, end)``, int8 ``[n, L, 4]``.
    """

    path: Path
    names: Sequence[str]
    length: int
    digest: str
    rows: Callable[[int, int], np.ndarray]
    coordinates: Coordinates | None = None
    problems: Sequence[str] = ()
    notes: Sequence[str] = ()

    def blocks(
        self, size: int, include: Callable[[int], bool] = lambda _: True
    ) -> Iterator[tuple[int, np.ndarray]]:
        """As `Source.blocks`."""
        for i, begin in enumerate(range(0, len(self.names), size)):
            if include(i):
                yield i, self.one_hot(begin, begin + size)

    def one_hot(self, begin: int, end: int) -> np.ndarray:
        """As `Source.one_hot`."""
        begin, end, _ = slice(begin, end).indices(len(self.names))
        return self.rows(begin, max(begin, end))


def record_digest(name: str, letters: bytes, place: str = "") -> bytes:
    """SHA-256 of one record.

    Args:
        name: the name of the record.
        letters: its letters in upper case, see `ismc.io.sequences.alphabet.normalize`.
        place: its coordinates; empty without any.
    """
    text = f"{name}\0{place}\0".encode("utf-8", "surrogateescape")
    return hashlib.sha256(text + letters).digest()


def combined_digest(records: Iterable[bytes]) -> str:
    """The digest of a source, in hexadecimal, from the digests of its records."""
    digest = hashlib.sha256()
    for record in records:
        digest.update(record)
    return digest.hexdigest()


def check_length(length: int | None) -> None:
    """Checks a requested number of letters.

    Raises:
        InputError: when it is less than 1.
    """
    if length is not None and length < 1:
        raise InputError(
            f"The length is {length}, expected 1 or more letters.", hint="Pass the model's length."
        )
