"""What is wrong with the records of a FASTA file, as phrases, one problem each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ismc.io.lines import opened

ACCEPTED = "ACGTNacgtn"
SHOWN = 5

_KNOWN = np.isin(np.arange(256), [ord(letter) for letter in ACCEPTED])


@dataclass(frozen=True)
class Record:
    """One record as it stands in the file.

    Attributes:
        name: the first word of the header; may be empty.
        codes: ASCII codes of the letters, uint8 ``[L]``.
        line: where the header is, counted from 1.
    """

    name: str
    codes: np.ndarray
    line: int

    def __len__(self) -> int:
        return len(self.codes)

    def __str__(self) -> str:
        return f"record {self.name!r} (line {self.line})"


def unknown_letters(path: Path, records: Sequence[Record]) -> Iterator[str]:
    """Every letter that is not accepted, by its line and column in the file."""
    wrong = [not _KNOWN[record.codes].all() for record in records]
    if not any(wrong):
        return
    i = -1
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            if line.startswith(">"):
                i += 1
            elif i >= 0 and wrong[i]:
                for column, letter in enumerate(line.rstrip(), 1):
                    if letter not in ACCEPTED + " ":
                        yield (
                            f"record {records[i].name!r} has {letter!r} at line {number}, "
                            f"column {column}, expected A, C, G, T or N"
                        )


def bad_names(records: Sequence[Record]) -> Iterator[str]:
    """Headers without a name, and names that stand more than once."""
    counts = Counter(record.name for record in records)
    for name, count in counts.items():
        if not name or count > 1:
            lines = [str(record.line) for record in records if record.name == name]
            places = ", ".join(lines[:SHOWN]) + (", ..." if count > SHOWN else "")
            if name:
                yield f"{count} records have the name {name!r} (lines {places}), expected one"
            else:
                yield f"{count} of the headers are empty (lines {places}), expected '>name'"


def wrong_lengths(records: Sequence[Record], length: int | None) -> Iterator[str]:
    """Records without letters, or with another number than ``length``, or than most have."""
    common = Counter(map(len, records)).most_common(1)[0][0]
    expected = common if length is None else length
    wanted = f"{expected}, as most records have" if length is None else str(expected)
    for record in records:
        if not len(record):
            yield f"{record} has no letters"
        elif len(record) != expected:
            yield f"{record} has {len(record)} letters, expected {wanted}"
