"""The plan of a generated program, serializable and printable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ismc.plan.target import Target

Term = Any  # Apply | Name | Offset | Weights | Size | a literal


@dataclass(frozen=True)
class Name:
    """A value or an argument of the program."""

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
    """The weights of one layer; ``renamed`` pairs the names in a part with those in the layer."""

    owner: str
    renamed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Size:
    """A size that follows from the tiles: ``"n"``, ``"letters"``, or that of a Dense."""

    key: str


@dataclass(frozen=True)
class Apply:
    """A call of an array function on terms."""

    fn: str
    args: tuple[Term, ...] = ()
    kwargs: tuple[tuple[str, Term], ...] = ()


def names_in(term: Term) -> set[str]:
    """The values that a term reads."""
    return {part.name for part in _parts(term) if isinstance(part, Name)}


def offsets_in(term: Term) -> set[str]:
    """The keys of the offsets that a term reads."""
    return {part.key for part in _parts(term) if isinstance(part, Offset)}


def sizes_in(term: Term) -> set[str]:
    """The keys of the sizes that a term reads."""
    return {part.key for part in _parts(term) if isinstance(part, Size)}


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
    """The kernel rows that a Dense after Flatten reads, and the first row of each site.

    ``by_position`` says that the layer runs after the loop, position by position.
    """

    key: str
    starts: tuple[int, ...]
    width: int
    length: int
    filters: int
    by_position: bool = False


@dataclass(frozen=True)
class Line:
    """What the plan does with one layer; operations are per mutant."""

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
    """The inputs of a program.

    Attributes:
        sequence: the input that is mutated.
        inputs: names and shapes of all inputs, without the batch axis.
        width: the width of the widest site.
        folded: shapes that inputs may also have, if the model has an additional axis of length 1.
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
    """The measured time to saturate one sequence on a machine, and the measured error.

    Attributes:
        seconds: seconds of the compiled program; 0 if it was not measured.
        naive: seconds of the naive program in its fastest form.
        form: the fastest form of the naive program.
        batch: mutants per call in that form.
        error: the largest error divided by the largest change, if products are rounded.
    """

    seconds: float
    naive: float
    form: str
    batch: int
    error: float | None = None

    @property
    def naive_is_faster(self) -> bool:
        """Whether the naive program is faster, and so runs."""
        return self.naive < self.seconds


UNMEASURED = Measured(0.0, 0.0, "eager", 64)


@dataclass(frozen=True)
class Plan:
    """Everything that code generation needs and `explain` prints.

    Attributes:
        model: the model's name.
        sequence: the name of the input that is mutated.
        inputs: names and shapes ``[...]`` of all inputs, without the batch axis.
        sites: ranges that are mutated.
        outputs: names and shapes of the requested outputs.
        lines: one line per layer.
        reference: assignments before the loop, shapes ``[B, ...]``.
        tile: assignments of one tile, shapes ``[N, ...]``.
        results: the values that are returned, one per output.
        references: the reference values of the outputs, one per output.
        offsets: offsets per site, by key.
        bands: the kernel rows of each Dense after Flatten.
        active: the sites that change an output, in tile order.
        mutants: about how many mutants a tile holds.
        seconds: predicted time of one mutant here and in the naive program.
        target: the device that the plan is made for.
        scored: whether a score is computed from reference and mutant.
        loop_outputs: the values of a tile that ``epilogue`` reads, if there is one.
        epilogue: assignments after the loop, for all mutants at once.
        written: groups of steps of ``tile`` that each compute one materialized value, the value
            last; see `ismc.passes.lowering.materialize`.
        guard: the value that marks mutants that lost digits, so that the model computes them; it
            is returned after the results. ``""`` without wild values.
        minimum: operations that an exact scan by differences of one sequence must do in products,
            over all sites and all letters but the reference; see
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
    target: Target = field(default_factory=Target.cpu)
    scored: bool = False
    loop_outputs: tuple[Step, ...] = ()
    epilogue: tuple[Step, ...] = ()
    written: tuple[tuple[str, ...], ...] = ()
    guard: str = ""
    minimum: int = 0

    @cached_property
    def signature(self) -> Signature:
        """The inputs of the program."""
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
        """Substitutions per site when one-hot sequences are saturated."""
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
        """Six hexadecimal digits that identify the plan."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:6]

    def __hash__(self) -> int:
        return hash(self.digest)
