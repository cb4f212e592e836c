"""FASTA files as one-hot sequences; parsed by Biopython, and strict about what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from os import PathLike
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ismc.errors import InputError
from ismc.io.extras import extras
from ismc.io.lines import opened
from ismc.io.problems import SHOWN, Record, bad_names, unknown_letters, wrong_lengths

LETTERS = "ACGT"


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


def read_fasta(path: str | PathLike[str], length: int | None = None) -> Records:
    """The sequences of a FASTA file, plain or compressed by gzip or bgzip.

    Upper and lower case are the same, ``N`` is unknown, and no other letter is accepted. All
    sequences have one length. Nothing is written beside the file.

    Args:
        path: the file.
        length: the length that every sequence has; that of most records by default.

    Raises:
        InputError: when the file cannot be read, holds no record, or holds other letters, names
            that repeat, or sequences of another length; up to five problems are listed.
    """
    path = Path(path)
    records = _parsed(path)
    problems = chain(
        unknown_letters(path, records), bad_names(records), wrong_lengths(records, length)
    )
    shown = list(islice(problems, SHOWN))
    if shown:
        rest = sum(1 for _ in problems)
        more = f" (and {rest} more)" if rest else ""
        raise InputError(
            f"{path}: {'; '.join(shown)}{more}.",
            hint="Each record is a line '>name' and then letters A, C, G, T or N, as many in "
            "each record.",
        )
    rows = _rows()[np.stack([record.codes for record in records])]
    return Records(tuple(record.name for record in records), rows)


def _rows() -> np.ndarray:
    """The one-hot row of each character code, ``[256, 4]``."""
    rows = np.zeros((256, 4), np.float32)
    for text in (LETTERS, LETTERS.lower()):
        rows[[ord(letter) for letter in text]] = np.eye(4)
    return rows


def _parsed(path: Path) -> list[Record]:
    """All records, unchecked; at least one."""
    with extras():
        from Bio.SeqIO.FastaIO import SimpleFastaParser
    headers: list[int] = []
    records = []
    with opened(path) as file:
        lines: Any = _watched(path, file, headers)
        for i, (title, sequence) in enumerate(SimpleFastaParser(lines)):
            codes = np.frombuffer(sequence.encode("ascii", "replace"), np.uint8)
            records.append(Record((title.split() or [""])[0], codes, headers[i]))
    if not records:
        found = "holds only blank lines" if path.stat().st_size else "is empty"
        raise InputError(
            f"{path} {found}, expected FASTA records.", hint="A record begins with a line '>name'."
        )
    return records


def _watched(path: Path, lines: TextIO, headers: list[int]) -> Iterator[str]:
    """The same lines; notes where headers are, and stops at text before the first one.

    Biopython would skip such text without a word.
    """
    for number, line in enumerate(lines, 1):
        if line.startswith(">"):
            headers.append(number)
        elif not headers and line.strip():
            raise InputError(
                f"{path} begins with {line.strip()[:20]!r} at line {number}, expected '>name'.",
                hint="A FASTA file has a header line before each sequence.",
            )
        yield line
