"""A source of sequences: FASTA, regions of a genome, arrays, strings; all are read in blocks.

A source knows the names of its records and what was wrong with those that are left out; letters
are read when they are asked for, so that the memory does not grow with the file.
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

    Sequences are those of the forward strand, whatever ``strand`` says, and so are their scores.

    Attributes:
        chrom: names of chromosomes, str ``[B]``.
        start: int64 ``[B]``; negative where a record is padded before a chromosome's first letter.
        end: int64 ``[B]``, ``start + L``; past the chromosome's end where a record is padded.
        summit: int64 ``[B]``, the position at index ``L // 2``.
        strand: ``"+"``, ``"-"`` or ``"."``, str ``[B]``; as in the file, for whoever needs it.
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
        """Those of some records."""
        return Coordinates(
            chrom=self.chrom[rows],
            start=self.start[rows],
            end=self.end[rows],
            summit=self.summit[rows],
            strand=self.strand[rows],
            genome=self.genome,
        )


class Source(Protocol):
    """``B`` records of one length with different names."""

    @property
    def path(self) -> Path:
        """The file; ``array`` or ``strings`` where there is none."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """Those of the good records."""
        ...

    @property
    def length(self) -> int:
        """``L``."""
        ...

    @property
    def coordinates(self) -> Coordinates | None:
        """Where the good records are, if they are of a genome."""
        ...

    @property
    def problems(self) -> Sequence[str]:
        """Records that are left out, each with its line and the reason."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What was done to good records and is worth saying."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 over names, letters in upper case and coordinates of the good records."""
        ...

    def blocks(
        self, size: int, wanted: Callable[[int], bool] = ...
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Blocks ``i`` of the records ``[i * size, (i + 1) * size)``, int8 ``[n, L, 4]``, in order.

        Args:
            size: records of a block; the last may have fewer.
            wanted: of the number of a block; others are passed over.
        """
        ...

    def one_hot(self, begin: int, end: int) -> np.ndarray:
        """The records of a range, int8 ``[n, L, 4]``."""
        ...


@dataclass(frozen=True)
class Stored:
    """A source whose records are found by their number.

    Attributes:
        rows: the records ``[begin, end)``, int8 ``[n, L, 4]``.
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
        self, size: int, wanted: Callable[[int], bool] = lambda _: True
    ) -> Iterator[tuple[int, np.ndarray]]:
        """As `Source.blocks`."""
        for i, begin in enumerate(range(0, len(self.names), size)):
            if wanted(i):
                yield i, self.one_hot(begin, begin + size)

    def one_hot(self, begin: int, end: int) -> np.ndarray:
        """As `Source.one_hot`."""
        begin, end, _ = slice(begin, end).indices(len(self.names))
        return self.rows(begin, max(begin, end))


def record_digest(name: str, letters: bytes, place: str = "") -> bytes:
    """SHA-256 of one record.

    Args:
        name: of the record.
        letters: in upper case, see `ismc.io.sequences.alphabet.plain`.
        place: its coordinates, if it has any.
    """
    text = f"{name}\0{place}\0".encode("utf-8", "surrogateescape")
    return hashlib.sha256(text + letters).digest()


def combined_digest(records: Iterable[bytes]) -> str:
    """The digest of a source from those of its records."""
    found = hashlib.sha256()
    for record in records:
        found.update(record)
    return found.hexdigest()


def check_length(length: int | None) -> None:
    """Checks a number of letters that was asked for.

    Raises:
        InputError: when it is none.
    """
    if length is not None and length < 1:
        raise InputError(
            f"The length is {length}, expected 1 or more letters.", hint="Pass the model's length."
        )
