"""Selects the record, output, task and window that `ismc plot` shows."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from ismc.cli.sites import site_range
from ismc.errors import InputError
from ismc.io.stores.store import Store

Array = np.ndarray
MAX_SUGGESTIONS, MAX_NAMES = 3, 3  # in messages


@dataclass(frozen=True)
class SelectedRecord:
    """One record of a store, cut to a window, with the scores of one output.

    Attributes:
        name: the name of the record.
        chrom: its chromosome, or ``""`` without coordinates.
        start: the genomic coordinate of its first position, or 0 without coordinates.
        window: the positions that are shown, from the first site to the last.
        one_hot: int8 ``[L, 4]``.
        sites: int64 ``[S, 2]``, the sites in the window.
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

    def describe(self, label: str) -> str:
        """The record, a label and the window as text."""
        return f"{self.name}, {label}, positions {self.window.start} to {self.window.stop}"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one score; ``()`` for a single number."""
        shape = self.scores.shape[2:]
        return () if shape == (1,) else shape

    def of_task(self, task: str | None) -> tuple[Array, str]:
        """The scores ``[S, 4]`` of one task of the output, and its label.

        Args:
            task: the index of the task, as in ``3`` or ``3,0``; optional for a single number.

        Raises:
            InputError: when the index is missing or out of range.
        """
        index = task_index(task, self.shape, self.output)
        if not self.shape:
            return self.scores.reshape(self.scores.shape[:2]), self.output
        return self.scores[(..., *index)], f"{self.output}[{','.join(map(str, index))}]"

    def of_tasks(self, max_count: int | None = None) -> tuple[Array, list[str]]:
        """The scores ``[S, 4, T]`` of all tasks of an output ``[T]``, and their labels.

        Args:
            max_count: the largest number of tasks.

        Raises:
            InputError: when the output has another shape or more tasks.
        """
        if len(self.shape) > 1:
            raise InputError(
                f"The output {self.output} has scores of shape {list(self.shape)}, expected [T].",
                hint="Choose another with --model-output, or a kind that shows one --task.",
            )
        scores = self.scores.reshape(*self.scores.shape[:2], -1)
        if max_count is not None and scores.shape[2] > max_count:
            task_index(None, self.shape, self.output)
        return scores, [f"{self.output}[{i}]" for i in range(scores.shape[2])]


def select_record(
    store: Store, record: str | None, output: str | None, start: int | None, end: int | None
) -> SelectedRecord:
    """The record, output and window of a store that the options choose.

    Args:
        store: a store of scores at sites.
        record: the name or number of the record.
        output: the name of the output.
        start: the first position; by default the first site.
        end: the position after the last.

    Raises:
        InputError: when the record or the output does not exist, the record has no scores yet, or
            the window contains no site.
    """
    facts, at = store.facts, record_index(store, record)
    name = store.output(output).name
    sites = store.sites
    limits = site_range(start, end, facts.length)
    inside = (sites[:, 0] >= limits.start) & (sites[:, 1] <= limits.stop)
    if not inside.any():
        raise InputError(
            f"No site is in the window {limits.start} to {limits.stop}, expected at least one; "
            f"sites are from {sites.min()} to {sites.max()}.",
            hint="Choose another window with --start and --end.",
        )
    chrom, first = place_of(store, at)
    return SelectedRecord(
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
    """The index of a record given by its name or number.

    Raises:
        InputError: when the record does not exist, must be named, or has no scores yet.
    """
    names = store.names
    if not len(names):
        raise InputError(
            f"{_path(store)} holds no records, expected one or more.",
            hint="Check which records were skipped when it was written.",
        )
    if record is None and len(names) != 1:
        raise InputError(
            f"{_path(store)} holds {len(names):,} records, expected one to be chosen.",
            hint=f"Give a name or a number from 0 with --record; the first are {_first(names)}.",
        )
    hits = np.flatnonzero(names == record) if record is not None else np.array([0])
    if len(hits):
        index = int(hits[0])
    elif str(record).isdecimal() and int(str(record)) < len(names):
        index = int(str(record))
    else:
        near = get_close_matches(str(record), names.tolist(), MAX_SUGGESTIONS)
        raise InputError(
            f"{_path(store)} holds no record {record!r}, expected a name or a number from 0 to "
            f"{len(names) - 1}.",
            hint=f"Did you mean {' or '.join(near)}?" if near else f"The first: {_first(names)}.",
        )
    block = index // store.facts.block
    if index - store.facts.rows(block).start >= store.written[block]:
        raise InputError(
            f"The record {names[index]} has no scores yet: block {block} is not written.",
            hint=f"Finish the store: ismc run .. {store.facts.resume_options}.",
        )
    return index


def task_index(task: str | None, shape: tuple[int, ...], output: str) -> tuple[int, ...]:
    """The index of one task in a score of a given shape.

    Raises:
        InputError: when the index is missing, malformed or out of range.
    """
    last = ",".join(str(size - 1) for size in shape)
    expected = f"expected {','.join('0' * len(shape))} to {last}" if shape else "expected no --task"
    scores = f"The output {output} has {'one score' if not shape else f'scores {list(shape)}'}"
    if task is None:
        if shape:
            raise InputError(
                f"{scores}, expected one to be chosen.", hint=f"Choose with --task, 0 to {last}."
            )
        return ()
    parts = str(task).split(",")
    index = tuple(int(part) for part in parts if part.strip().isdecimal())
    fits = len(index) == len(parts) == len(shape)
    if shape == () and index == (0,):
        return ()
    if not fits or any(i >= size for i, size in zip(index, shape, strict=False)):
        raise InputError(f"{scores}, and --task is {task}, {expected}.", hint="Tasks count from 0.")
    return index


def place_of(store: Store, at: int) -> tuple[str, int]:
    """The chromosome of a record and the coordinate of its first position, or ``("", 0)``."""
    places = store.coordinates
    return ("", 0) if places is None else (str(places.chrom[at]), int(places.start[at]))


def score_name(store: Store) -> str:
    """The name of the store's score without its settings."""
    return store.facts.score.split("(")[0]


def _path(store: Store) -> Path | str:
    return store.path or "The store"


def _first(names: Array) -> str:
    return ", ".join(map(str, names[:MAX_NAMES])) + (", .." if len(names) > MAX_NAMES else "")
