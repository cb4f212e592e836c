"""What is wrong with the records of a file, and what was done to the good ones, as phrases."""

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
from ismc.io.sequences.lines import opened

SHOWN = 5
OnError = Literal["stop", "skip"]


class Note(str):
    """What is worth saying of good records: the text names the first, ``places`` holds all.

    >>> note = Note.of("padded with N", [f"line {i}" for i in range(1, 8)])
    >>> print(note)
    padded with N: line 1, line 2, line 3, line 4, line 5 (and 2 more)
    >>> len(note.places)
    7
    """

    places: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str, places: Iterable[str]) -> Note:
        """The text, a colon and the places."""
        places = tuple(places)
        note = cls(f"{text}: {shown(places, ', ')}")
        note.places = places
        return note


@dataclass
class FastaIndex:
    """What is kept of each record of a FASTA file, in columns as there may be many.

    Attributes:
        path: the file.
        names: the first word of each header; may be empty.
        lengths: how many letters each has.
        digests: 32 bytes of each record.
        odd: numbers of the records with letters that are not accepted.
        coded: numbers of the records with codes of IUPAC other than ``N``.
    """

    path: Path
    names: list[str] = field(default_factory=list)
    lengths: array[int] = field(default_factory=lambda: array("q"))
    digests: bytearray = field(default_factory=bytearray)
    odd: list[int] = field(default_factory=list)
    coded: list[int] = field(default_factory=list)

    @cached_property
    def lines(self) -> array[int]:
        """Where each header is, counted from 1; the file is read again for it."""
        with opened(self.path) as file:
            return array("q", (i for i, line in enumerate(file, 1) if line[0] == ">"))

    def record(self, i: int) -> str:
        """The name and the place of a record."""
        return f"record {self.names[i]!r} (line {self.lines[i]})"


def shown(items: Iterable[str], joint: str = "; ") -> str:
    """The first five, and how many more there are."""
    items = iter(items)
    first = joint.join(islice(items, SHOWN))
    rest = sum(1 for _ in items)
    return first + (f" (and {rest} more)" if rest else "")


def counted(number: int, noun: str) -> str:
    """The number and the noun.

    >>> counted(1, "region"), counted(2000, "region")
    ('1 region', '2,000 regions')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def raise_or_skip(
    path: Path, problems: Iterable[str], on_error: OnError, good: int, hint: str
) -> tuple[str, ...]:
    """The problems, where records may be left out and some are good.

    Raises:
        InputError: when there are problems and ``on_error`` is ``"stop"``, or no record is good.
    """
    if on_error == "skip" and good:
        return tuple(problems)
    text = shown(problems)
    if text:
        none = "" if on_error == "stop" else "no record can be used: "
        raise InputError(f"{path}: {none}{text}.", hint=hint)
    return ()


def check_choice(name: str, value: str, options: Sequence[str]) -> None:
    """Checks a word that chooses.

    Raises:
        InputError: when it is none of the options.
    """
    if value not in options:
        wanted = " or ".join(repr(option) for option in options)
        raise InputError(f"{name} is {value!r}, expected {wanted}.", hint="Check the spelling.")


def iter_problems(scan: FastaIndex, length: int | None, known: bytes = KNOWN) -> Iterator[str]:
    """Everything that is wrong in a FASTA file: letters, then names, then lengths."""
    for i, text in odd_letters(scan, known):
        yield f"record {scan.names[i]!r} has {text}, expected A, C, G, T or N"
    yield from _bad_names(scan)
    yield from _wrong_lengths(scan, length).values()


def omission_note(scan: FastaIndex, length: int | None, known: bytes = KNOWN) -> dict[int, str]:
    """The records that cannot be used, by number, with one reason each.

    Of records with one name the first is kept, of those that are good otherwise.
    """
    found = _wrong_lengths(scan, length)
    for i, places in groupby(odd_letters(scan, known), lambda odd: odd[0]):
        texts = shown((text for _, text in places), ", ")
        found[i] = f"{scan.record(i)} has {texts}, expected A, C, G, T or N"
    first: dict[str, int] = {}
    for i, name in enumerate(scan.names):
        if not name:
            found[i] = f"the header of line {scan.lines[i]} is empty, expected '>name'"
        elif i not in found and first.setdefault(name, i) != i:
            before = scan.lines[first[name]]
            found[i] = f"{scan.record(i)} has the name of the record of line {before}"
    return dict(sorted(found.items()))


def odd_letters(scan: FastaIndex, known: bytes) -> Iterator[tuple[int, str]]:
    """Every letter that is not known and its place, with the number of its record."""
    if not scan.odd:
        return
    odd, accepted, i = set(scan.odd), known.decode() + " ", -1
    with opened(scan.path) as file:
        for number, line in enumerate(file, 1):
            if line.startswith(">"):
                i += 1
            elif i in odd:
                for column, letter in enumerate(line.rstrip(), 1):
                    if letter not in accepted:
                        yield i, f"{letter!r} at line {number}, column {column}"


def _bad_names(scan: FastaIndex) -> Iterator[str]:
    """Headers without a name, and names that stand more than once."""
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
            yield f"{count} of the headers are empty (lines {places}), expected '>name'"


def _wrong_lengths(scan: FastaIndex, length: int | None) -> dict[int, str]:
    """Records without letters, or with another number than ``length``, or than most have."""
    expected = common_length(scan.lengths) if length is None else length
    wanted = f"{expected}, as most records have" if length is None else str(expected)
    return {
        i: f"{scan.record(i)} has {found} letters, expected {wanted}"
        if found
        else f"{scan.record(i)} has no letters"
        for i, found in enumerate(scan.lengths)
        if not found or found != expected
    }


def common_length(lengths: Iterable[int]) -> int:
    """The number of letters that most have; of the first, where two are as common.

    >>> common_length([8, 4, 4, 0, 0, 0])
    4
    """
    return max(Counter(filter(None, lengths)).most_common(1), default=(0, 0))[0]
