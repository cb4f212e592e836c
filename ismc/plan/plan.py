"""The plan: every number of the program to be, serialisable and printable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

Term = Any  # Apply | Name | Offset | Weights | Size | a literal


@dataclass(frozen=True)
class Name:
    """A value of the program, or an argument of it."""

    name: str


@dataclass(frozen=True)
class Offset:
    """Offsets of one tile: one per mutant, or with ``scalar`` one for the tile."""

    key: str
    scalar: bool = False


@dataclass(frozen=True)
class Table:
    """Offsets of all tiles at once."""

    key: str


@dataclass(frozen=True)
class Weights:
    """The weights of one layer; ``renamed`` are the ones a part of it takes, by its own names."""

    owner: str
    renamed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Size:
    """A size that follows from the tiles: ``"n"``, ``"letters"``, or the band of a Dense."""

    key: str


@dataclass(frozen=True)
class Apply:
    """A call of an array function on terms."""

    fn: str
    args: tuple[Term, ...] = ()
    kwargs: tuple[tuple[str, Term], ...] = ()


def names_in(term: Term) -> set[str]:
    """The values that a term takes."""
    return {found.name for found in _parts(term) if isinstance(found, Name)}


def offsets_in(term: Term) -> set[str]:
    """The keys of the offsets that a term takes."""
    return {found.key for found in _parts(term) if isinstance(found, Offset)}


def _parts(term: Term) -> Iterator[Term]:
    if isinstance(term, Apply):
        for part in (*term.args, *(value for _, value in term.kwargs)):
            yield from _parts(part)
    elif isinstance(term, tuple | list):
        for part in term:
            yield from _parts(part)
    else:
        yield term


@dataclass(frozen=True)
class Step:
    """One assignment of the program; ``shape`` begins with ``"B"`` or ``"N"``."""

    target: str
    term: Term
    shape: tuple[str | int, ...]
    layer: str = ""


@dataclass(frozen=True)
class Band:
    """The kernel rows that a Dense after Flatten reads: where each site's positions start.

    ``by_position`` says that it runs behind the loop, position by position.
    """

    key: str
    starts: tuple[int, ...]
    width: int
    length: int
    filters: int
    by_position: bool = False


@dataclass(frozen=True)
class Line:
    """What the plan does with one layer; operations are those of one mutant."""

    name: str
    title: str
    role: str
    form: str
    strategy: str
    width: int
    length: int
    operations: int
    naive: int
    reason: str = ""


@dataclass(frozen=True)
class Signature:
    """What a call takes.

    Attributes:
        sequence: the input that is mutated.
        inputs: names and shapes of all inputs, without the batch axis.
        width: the width of the widest site.
        folded: shapes that inputs may have too, where the model has one axis of length one more.
    """

    sequence: str
    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    width: int
    folded: tuple[tuple[str, tuple[int, ...]], ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """``(L, C)`` of the sequence."""
        length, channels = dict(self.inputs)[self.sequence]
        return length, channels


@dataclass(frozen=True)
class Measured:
    """What saturating one sequence takes on a machine, and how far it is off.

    Attributes:
        seconds: of the compiled program; 0 if it was not measured.
        naive: seconds of the naive program, in its best form.
        form: that form.
        batch: mutants of a call of it.
        error: the largest error over the largest change, where products are rounded.
    """

    seconds: float
    naive: float
    form: str
    batch: int
    error: float | None = None

    @property
    def naive_is_faster(self) -> bool:
        """Whether the naive program is the one to run."""
        return self.naive < self.seconds


UNMEASURED = Measured(0.0, 0.0, "eager", 64)


@dataclass(frozen=True)
class Plan:
    """Everything that codegen needs, and everything that `explain` prints.

    Attributes:
        model: the model's name.
        inputs: names and shapes ``[...]`` without the batch axis; the sequence is ``sequence``.
        sites: ranges that are mutated.
        outputs: names and shapes of the requested outputs.
        lines: one per layer.
        reference: assignments before the loop, shapes ``[B, ...]``.
        tile: assignments of one tile, shapes ``[N, ...]``.
        written: those of them that make a value which is written before it is read, the value last;
            see `ismc.passes.lowering.materialize`.
        loop_outputs: the values of a tile that ``epilogue`` takes, if there is one.
        epilogue: assignments after the loop, for all mutants at once.
        results: the values that are returned, one per output.
        guard: the value that tells which mutants lost digits and have to be computed by the model
            itself, if there are wild values; it is returned behind the results.
        offsets: per-site offsets by key.
        bands: kernel rows by key.
        active: the sites that change an output at all, in tile order.
        mutants: about how many mutants a tile holds.
        seconds: predicted time of one mutant here and in the naive program.
        scored: whether a score is computed from reference and mutant.
        minimum: operations that an exact difference scan of one sequence must do, in products
            alone, over all sites and all letters beside the one there; see
            `ismc.passes.lowering.lower_bound`.
    """

    model: str
    sequence: str
    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    sites: tuple[tuple[int, int], ...]
    outputs: tuple[tuple[str, tuple[int, ...]], ...]
    lines: tuple[Line, ...]
    reference: tuple[Step, ...]
    tile: tuple[Step, ...]
    results: tuple[str, ...]
    references: tuple[str, ...]
    offsets: Mapping[str, tuple[int, ...]]
    bands: tuple[Band, ...]
    active: tuple[int, ...]
    mutants: int
    seconds: tuple[float, float]
    scored: bool = False
    loop_outputs: tuple[Step, ...] = ()
    epilogue: tuple[Step, ...] = ()
    written: tuple[tuple[str, ...], ...] = ()
    guard: str = ""
    minimum: int = 0

    @cached_property
    def signature(self) -> Signature:
        """What a call of the program takes."""
        width = max((stop - start for start, stop in self.sites), default=0)
        return Signature(self.sequence, self.inputs, width)

    @property
    def sequence_shape(self) -> tuple[int, int]:
        """``(L, C)`` of the sequence."""
        return self.signature.shape

    @property
    def width(self) -> int:
        """The width of the widest site."""
        return self.signature.width

    @property
    def letters(self) -> int:
        """Substitutions per site where one-hot sequences are saturated."""
        _, channels = self.sequence_shape
        return channels - 1 if self.width == 1 and channels > 1 else channels

    @property
    def operations(self) -> tuple[int, int]:
        """Operations per mutant: of the plan and of the naive program."""
        return sum(x.operations for x in self.lines), sum(x.naive for x in self.lines)

    def to_json(self) -> str:
        """The plan as JSON with sorted keys; equal plans give equal text."""
        return json.dumps(asdict(self), sort_keys=True, default=str)

    @cached_property
    def starts(self) -> np.ndarray:
        """The first position of each site, ``int64[S]``."""
        return np.asarray([start for start, _ in self.sites], np.int64)

    @cached_property
    def digest(self) -> str:
        """Six hexadecimal digits that name the plan."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:6]

    def __hash__(self) -> int:
        return hash(self.digest)
