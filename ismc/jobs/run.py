"""The long run: records of a store that have no scores get them, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from ismc.errors import InputError
from ismc.io.stores.store import Store
from ismc.ism.checking import mode_of
from ismc.ism.checking.statistics import Checked, Mode, of
from ismc.jobs.checking import checked_rows

Array = np.ndarray
FULL = ("RESOURCE_EXHAUSTED", "out of memory", "Out of memory", "OOM when allocating")


@dataclass(frozen=True)
class BlockDone:
    """What some records of one block took.

    Attributes:
        start: the first of them.
        records: how many they are.
        sites: of all its records.
        mutants: sequences that differ from their reference: three per known letter, four per N.
        answering: seconds that the program took.
        waiting: seconds that the program stood still, for reading and for writing.
        checked, error, recomputed: what checks found, see `ismc.ism.checking.statistics.Checked`.
    """

    start: int
    records: int
    sites: int
    mutants: int
    answering: float
    waiting: float
    checked: int = 0
    error: float = 0.0
    recomputed: int = 0


class Scorer:
    """Answers for blocks; where memory runs out, tiles of half the sites are tried.

    Attributes:
        ism: what is called: a compiled or loaded program, or an ensemble.
        halved: how often tiles were halved.
    """

    def __init__(self, ism: Any) -> None:
        self.ism, self.halved = ism, 0

    def __call__(self, one_hot: Array, at: Array | None = None) -> tuple[list[Array], list[Array]]:
        """Scores ``[n, S, 4, *score]`` and references ``[n, *output]`` of each output.

        A program without a score answers with outputs; scores are then mutant minus reference.

        Args:
            one_hot: int8 ``[n, L, 4]``.
            at: ``[n, S]`` positions of each record's own sites, -1 for none; NaN stands there.

        Raises:
            InputError: when one site of one sequence does not fit into memory.
        """
        x = np.asarray(one_hot, np.float32)
        while True:
            try:
                if at is None:
                    found = self.ism.flat(self.ism.saturate(x))
                else:
                    found = self._own_sites(x, at)
                found = [np.asarray(y) for y in found]
                own = [np.asarray(y) for y in self.ism.flat(self.ism.reference(x))]
                if not self.ism.score_name:
                    found = [y - r[:, None, None] for y, r in zip(found, own, strict=True)]
                return found, own
            except Exception as error:
                if not _is_full(error):
                    raise
                self._halve(error)

    def _own_sites(self, x: Array, at: Array) -> list[Array]:
        """Answers at the sites of each record."""
        known = {start: i for i, (start, stop) in enumerate(self.ism.sites) if stop == start + 1}
        positions, numbers = np.unique(at, return_inverse=True)
        if missing := [int(p) for p in positions if p >= 0 and p not in known]:
            raise InputError(
                f"The program has no site {missing[0]} of one position, expected it for variants.",
                hint="Compile it for all positions, which is the default.",
            )
        if len(self.ism.sites) == 1:
            return self.ism.flat(self.ism.saturate(x))
        numbers = np.asarray([known.get(p, -1) for p in positions.tolist()])[numbers]
        numbers = numbers.reshape(at.shape)
        rows = [self._at(x[i : i + 1], numbers[i][at[i] >= 0]) for i in range(len(x))]
        found = []
        for ys in zip(*rows, strict=True):
            result = np.full((*at.shape, *ys[0].shape[2:]), np.nan, np.float32)
            for i, y in enumerate(ys):
                result[i, at[i] >= 0] = y[0]
            found.append(result)
        return found

    def _at(self, x: Array, numbers: Array) -> list[Array]:
        """Answers for one record at sites by number; only tiles that hold them are run."""
        found = self.ism.saturated(self.ism.inputs(x), numbers.tolist())
        return [np.asarray(y)[:, numbers] for y in found]

    def _halve(self, error: Exception) -> None:
        smaller = with_half_tiles(self.ism)
        if smaller is None:
            fixed = any(not hasattr(p, "build") for p in _programs(self.ism))
            smallest = "and an artifact has one tile" if fixed else "even for one site at a time"
            raise InputError(
                f"The program does not fit into memory, {smallest} ({error}).",
                hint="Compile it with less memory=, or take a device with more, or fewer outputs.",
            ) from error
        self.ism, self.halved = smaller, self.halved + 1


def with_half_tiles(ism: Any) -> Any:
    """The same program with tiles of half the sites; nothing for one site, or an artifact."""
    if hasattr(ism, "with_programs"):
        return ism.with_programs(with_half_tiles)
    if not hasattr(ism, "build"):
        return None
    used = [p.arrangement.sites for p in ism.programs.values() if hasattr(p, "arrangement")]
    now = max(used, default=ism.tile or len(ism.sites))
    return None if now <= 1 else replace(ism, tile=now // 2, programs={})


def _programs(ism: Any) -> list[Any]:
    """Those of an ensemble, or the one that there is."""
    members = getattr(ism, "members", None)
    return [ism] if members is None else [member.program for member in members]


def score_records(
    scorer: Scorer,
    store: Store,
    wanted: Iterable[slice],
    on_block: Callable[[BlockDone], object],
    check: Mode = None,
) -> None:
    """Scores records and writes them, some while the next are scored.

    Args:
        scorer: answers for some records.
        store: where records are read and scores are written.
        wanted: records, each slice of one block; see `ismc.io.stores.store.Store.pending`.
        on_block: is told of each slice that was written.
        check: as for `ismc.compile`; by default what the program was compiled with.

    Raises:
        ArtifactError: when the disk is full; what was written stays.
        InputError: when memory runs out for the smallest program.
        VerificationError: when a score is wrong; no score of its slice is written.
    """
    mode = mode_of(check, scorer.ism.checks.mode)
    writing: Future[None] | None = None
    last: BlockDone | None = None
    with ThreadPoolExecutor(1) as pool:
        for rows in wanted:
            began = perf_counter()
            one_hot = np.asarray(store.one_hot[rows])
            at = np.asarray(store.group["at"][rows]) if store.facts.slots else None
            read = perf_counter()
            scores, references = scorer(one_hot, at)
            given = scorer.ism, store, rows, one_hot, at, scores, references
            scores, found = checked_rows(*given, mode)
            answered = perf_counter()
            _finished(writing, last, on_block)
            writing = pool.submit(store.write, rows, scores, references, found)
            last = _block_done(rows.start, one_hot, store, at, of(found))
            waiting = perf_counter() - answered + read - began
            last = replace(last, answering=answered - read, waiting=waiting)
        began = perf_counter()
        if writing is not None and last is not None:
            writing.result()
            on_block(replace(last, waiting=last.waiting + perf_counter() - began))


def _finished(
    writing: Future[None] | None, last: BlockDone | None, on_block: Callable[[BlockDone], object]
) -> None:
    """Waits for what is being written, and tells of it."""
    if writing is not None and last is not None:
        writing.result()
        on_block(last)


def _block_done(
    start: int, one_hot: Array, store: Store, at: Array | None, found: Checked
) -> BlockDone:
    if at is None:
        starts = np.asarray([begin for begin, _ in store.facts.sites])
        known = int(one_hot[:, starts].sum())
        sites = len(one_hot) * len(starts)
    else:
        held = at >= 0
        known = int(np.take_along_axis(one_hot.sum(2), np.maximum(at, 0), 1)[held].sum())
        sites = int(held.sum())
    mutants = len(store.facts.letters) * sites - known
    more = found.mutants, found.error, found.recomputed
    return BlockDone(start, len(one_hot), sites, mutants, 0.0, 0.0, *more)


def _is_full(error: Exception) -> bool:
    """Whether memory ran out, on whatever runtime."""
    return isinstance(error, MemoryError) or any(text in str(error) for text in FULL)
