"""The record, the output, the task and the window that `ismc plot` shows."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from ismc.cli.sites import site_range
from ismc.errors import InputError
from ismc.io.stores.store import Store

Array = np.ndarray
NEAR, FIRST = 3, 3


@dataclass(frozen=True)
class Chosen:
    """One record of a store, in a window, with all numbers of one output.

    Attributes:
        name: of the record.
        chrom: where it lies, or nothing.
        start: the coordinate of its first position; 0 where it lies nowhere.
        window: positions of the sequence that are shown, from the first site to the last.
        one_hot: int8 ``[L, 4]``.
        sites: int64 ``[S, 2]``, those in the window.
        scores: float32 ``[S, 4, *score]``.
        output: the name of the output.
        score: the name of the score.
        signed: whether scores have a sign.
    """

    name: str
    chrom: str
    start: int
    window: range
    one_hot: Array
    sites: Array
    scores: Array
    output: str
    score: str
    signed: bool

    def described(self, label: str) -> str:
        """What is shown, in words."""
        return f"{self.name}, {label}, positions {self.window.start} to {self.window.stop}"

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one score; ``()`` for one number."""
        shape = self.scores.shape[2:]
        return () if shape == (1,) else shape

    def of_task(self, task: str | None) -> tuple[Array, str]:
        """Scores ``[S, 4]`` of one number of the output, and what that is called.

        Args:
            task: its index, as in ``3`` or ``3,0``; not needed where there is one number.

        Raises:
            InputError: when there is no such number, or it has to be said which.
        """
        index = task_index(task, self.shape, self.output)
        if not self.shape:
            return self.scores.reshape(self.scores.shape[:2]), self.output
        return self.scores[(..., *index)], f"{self.output}[{','.join(map(str, index))}]"

    def of_tasks(self, most: int | None = None) -> tuple[Array, list[str]]:
        """Scores ``[S, 4, T]`` of all numbers of an output ``[T]``, and what these are called.

        Args:
            most: of them.

        Raises:
            InputError: when the output has another shape, or more of them.
        """
        if len(self.shape) > 1:
            raise InputError(
                f"The output {self.output} has scores of shape {list(self.shape)}, expected [T].",
                hint="Choose another with --outputs, or a kind that shows one --task.",
            )
        scores = self.scores.reshape(*self.scores.shape[:2], -1)
        if most is not None and scores.shape[2] > most:
            task_index(None, self.shape, self.output)
        return scores, [f"{self.output}[{i}]" for i in range(scores.shape[2])]


def chosen(
    store: Store, record: str | None, output: str | None, start: int | None, end: int | None
) -> Chosen:
    """The record of a store that options choose.

    Args:
        store: of scores at sites.
        record: its name or number.
        output: its name.
        start: the first position; that of the first site by default.
        end: the position after the last.

    Raises:
        InputError: when there is no such record or output, it has no scores yet, or no site is in
            the window.
    """
    facts, at = store.facts, record_index(store, record)
    name = store.output(output).name
    sites = store.sites
    asked = site_range(start, end, facts.length)
    inside = (sites[:, 0] >= asked.start) & (sites[:, 1] <= asked.stop)
    if not inside.any():
        raise InputError(
            f"No site is in the window {asked.start} to {asked.stop}, expected some: sites are "
            f"from {sites.min()} to {sites.max()}.",
            hint="Choose others with --start and --end.",
        )
    chrom, first = place_of(store, at)
    return Chosen(
        str(store.names[at]),
        chrom,
        first,
        range(int(sites[inside].min()), int(sites[inside].max())),
        np.asarray(store.one_hot[at]),
        sites[inside],
        np.asarray(store.scores(name)[at])[inside],
        name,
        score_name(store),
        facts.signed,
    )


def record_index(store: Store, record: str | None) -> int:
    """The number of a record by its name or number.

    Raises:
        InputError: when there is none, it has to be said which, or it has no scores yet.
    """
    names = store.names
    if not len(names):
        raise InputError(
            f"{_path(store)} holds no records, expected one or more.",
            hint="Check what was skipped when it was written.",
        )
    if record is None and len(names) != 1:
        raise InputError(
            f"{_path(store)} holds {len(names):,} records, expected to be told which.",
            hint=f"Give a name or a number from 0 with --record; the first are {_first(names)}.",
        )
    hits = np.flatnonzero(names == record) if record is not None else np.array([0])
    if len(hits):
        found = int(hits[0])
    elif str(record).isdecimal() and int(str(record)) < len(names):
        found = int(str(record))
    else:
        near = get_close_matches(str(record), names.tolist(), NEAR)
        raise InputError(
            f"{_path(store)} holds no record {record!r}, expected a name or a number from 0 to "
            f"{len(names) - 1}.",
            hint=f"Did you mean {' or '.join(near)}?" if near else f"The first: {_first(names)}.",
        )
    block = found // store.facts.block
    if found - store.facts.rows(block).start >= store.written[block]:
        raise InputError(
            f"The record {names[found]} has no scores yet: block {block} is not written.",
            hint=f"Finish the store: ismc run .. {store.facts.resume_options}.",
        )
    return found


def task_index(task: str | None, shape: tuple[int, ...], output: str) -> tuple[int, ...]:
    """The index of one number of a score.

    Raises:
        InputError: when it is none, or has to be said.
    """
    last = ",".join(str(size - 1) for size in shape)
    expected = f"expected {','.join('0' * len(shape))} to {last}" if shape else "expected no --task"
    said = f"The output {output} has {'one score' if not shape else f'scores {list(shape)}'}"
    if task is None:
        if shape:
            raise InputError(
                f"{said}, expected to be told which.", hint=f"Give --task, 0 to {last}."
            )
        return ()
    parts = str(task).split(",")
    index = tuple(int(part) for part in parts if part.strip().isdecimal())
    fits = len(index) == len(parts) == len(shape)
    if shape == () and index == (0,):
        return ()
    if not fits or any(i >= size for i, size in zip(index, shape, strict=False)):
        raise InputError(f"{said}, and --task is {task}, {expected}.", hint="Tasks count from 0.")
    return index


def place_of(store: Store, at: int) -> tuple[str, int]:
    """The chromosome of a record and the coordinate of its first position, if it has them."""
    places = store.coordinates
    return ("", 0) if places is None else (str(places.chrom[at]), int(places.start[at]))


def score_name(store: Store) -> str:
    """The name of the score, without its settings."""
    return store.facts.score.split("(")[0]


def _path(store: Store) -> Path | str:
    return store.path or "The store"


def _first(names: Array) -> str:
    return ", ".join(map(str, names[:FIRST])) + (", .." if len(names) > FIRST else "")
