"""Phrases on the records of a file: problems of invalid ones, and notes on valid ones."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby, islice
from pathlib import Path
from typing import Literal

from ismc.errors import InputError
from ismc.io.sequences.alphabet import KNOWN
from ismc.io.sequences.lines import open_text

SHOWN = 5
OnError = Literal["stop", "skip"]


class Note(str):
    """A note on valid records: the text names the first few, ``places`` holds all.

    >>> note = Note.of("padded with N", [f"line {i}" for i in range(1, 8)])
    >>> print(note)
    padded with N: line 1, line 2, line 3, line 4, line 5 (and 2 more)
    >>> len(note.places)
    7
    """

    places: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str, places: Iterable[str]) -> Note:
        """The text, a colon, and the first few places."""
        places = tuple(places)
        note = cls(f"{text}: {join_first(places, ', ')}")
        note.places = places
        return note


@dataclass
class FastaIndex:
    """Names, lengths and digests of the records of a FASTA file, in columns to save memory.

    Attributes:
        path: the file.
        names: the first word of each header; may be empty.
        lengths: the number of letters of each record.
        digests: 32 bytes for each record.
        invalid: numbers of the records with letters that are not accepted.
        ambiguous: numbers of the records with IUPAC codes other than ``N``.
    """

    path: Path
    names: list[str] = field(default_factory=list)
    lengths: array[int] = field(default_factory=lambda: array("q"))
    digests: bytearray = field(default_factory=bytearray)
    invalid: list[int] = field(default_factory=list)
    ambiguous: list[int] = field(default_factory=list)

    @cached_property
    def lines(self) -> array[int]:
        """The line of each header, counted from 1; read from the file on first use."""
        with open_text(self.path) as file:
            return array("q", (i for i, line in enumerate(file, 1) if line[0] == ">"))

    def record(self, i: int) -> str:
        """The name and the line of a record, as a phrase."""
        return f"record {self.names[i]!r} (line {self.lines[i]})"


def join_first(items: Iterable[str], joint: str = "; ") -> str:
    """The first five items, and the number of the others."""
    items = iter(items)
    first = joint.join(islice(items, SHOWN))
    rest = sum(1 for _ in items)
    return first + (f" (and {rest} more)" if rest else "")


def pluralize(number: int, noun: str) -> str:
    """The number and the noun, in the plural unless the number is 1.

    >>> pluralize(1, "region"), pluralize(2000, "region")
    ('1 region', '2,000 regions')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def raise_or_skip(
    path: Path, problems: Iterable[str], on_error: OnError, good: int, hint: str
) -> tuple[str, ...]:
    """The problems, if they may be skipped and ``good`` records are valid.

    Raises:
        InputError: when there are problems and ``on_error`` is ``"stop"``, or no record is valid.
    """
    if on_error == "skip" and good:
        return tuple(problems)
    text = join_first(problems)
    if text:
        prefix = "" if on_error == "stop" else "no record can be used: "
        raise InputError(f"{path}: {prefix}{text}.", hint=hint)
    return ()


def check_choice(name: str, value: str, options: Sequence[str]) -> None:
    """Checks that the value of an argument is one of its options.

    Raises:
        InputError: when it is not.
    """
    if value not in options:
        expected = " or ".join(repr(option) for option in options)
        raise InputError(f"{name} is {value!r}, expected {expected}.", hint="Check the spelling.")


def iter_problems(scan: FastaIndex, length: int | None, known: bytes = KNOWN) -> Iterator[str]:
    """Every problem of a FASTA file: letters first, then names, then lengths."""
    for i, text in invalid_letters(scan, known):
        yield f"record {scan.names[i]!r} has {text}, expected A, C, G, T or N"
    yield from _bad_names(scan)
    yield from _wrong_lengths(scan, length).values()


def invalid_records(scan: FastaIndex, length: int | None, known: bytes = KNOWN) -> dict[int, str]:
    """The invalid records by number, each with one reason.

    Of several records with the same name, the first that is otherwise valid is valid.
    """
    reasons = _wrong_lengths(scan, length)
    for i, places in groupby(invalid_letters(scan, known), lambda place: place[0]):
        texts = join_first((text for _, text in places), ", ")
        reasons[i] = f"{scan.record(i)} has {texts}, expected A, C, G, T or N"
    first: dict[str, int] = {}
    for i, name in enumerate(scan.names):
        if not name:
            reasons[i] = f"the header of line {scan.lines[i]} is empty, expected '>name'"
        elif i not in reasons and first.setdefault(name, i) != i:
            before = scan.lines[first[name]]
            reasons[i] = f"{scan.record(i)} has the name of the record of line {before}"
    return dict(sorted(reasons.items()))


def invalid_letters(scan: FastaIndex, known: bytes) -> Iterator[tuple[int, str]]:
    """Every letter that is not in ``known`` and its place, with the number of its record."""
    if not scan.invalid:
        return
    invalid, accepted, i = set(scan.invalid), known.decode() + " ", -1
    with open_text(scan.path) as file:
        for number, line in enumerate(file, 1):
            if line.startswith(">"):
                i += 1
            elif i in invalid:
                for column, letter in enumerate(line.rstrip(), 1):
                    if letter not in accepted:
                        yield i, f"{letter!r} at line {number}, column {column}"


def _bad_names(scan: FastaIndex) -> Iterator[str]:
    """Problems with names: empty headers, and names of several records."""
    repeated = {name: count for name, count in Counter(scan.names).items() if count > 1 or not name}
    lines: dict[str, list[str]] = {name: [] for name in repeated}
    for name, line in zip(scan.names, scan.lines, strict=True):
        if name in lines:
            lines[name].append(str(line))
    for name, count in repeated.items():
        places = ", ".join(lines[name][:SHOWN]) + (", ..." if count > SHOWN else "")
        if name:
            yield f"{count} records have the name {name!r} (lines {places}), expected one"
        else:
            yield f"{count} headers are empty (lines {places}), expected '>name'"


def _wrong_lengths(scan: FastaIndex, length: int | None) -> dict[int, str]:
    """Records that are empty or have another length than ``length``, or than most records."""
    expected = common_length(scan.lengths) if length is None else length
    phrase = f"{expected}, as most records have" if length is None else str(expected)
    return {
        i: f"{scan.record(i)} has {count} letters, expected {phrase}"
        if count
        else f"{scan.record(i)} has no letters"
        for i, count in enumerate(scan.lengths)
        if not count or count != expected
    }


def common_length(lengths: Iterable[int]) -> int:
    """The most common length above 0, or the first of several; 0 without any.

    >>> common_length([8, 4, 4, 0, 0, 0])
    4
    """
    return max(Counter(filter(None, lengths)).most_common(1), default=(0, 0))[0]
