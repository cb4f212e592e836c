"""The scoring loop: reads records from a store, scores them and writes the scores, by blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from ismc.errors import InputError
from ismc.io.stores.store import Store
from ismc.ism.base import Inputs, ScanProgram
from ismc.ism.calls import ISM
from ismc.ism.checking import mode_of
from ismc.ism.checking.statistics import Checked, Mode, of
from ismc.jobs.checking import check_rows

Array = np.ndarray
OUT_OF_MEMORY = ("RESOURCE_EXHAUSTED", "out of memory", "Out of memory", "OOM when allocating")


@dataclass(frozen=True)
class BlockDone:
    """Counts and timings of one scored slice of a block.

    Attributes:
        start: the first record.
        records: the number of records.
        sites: the number of sites, over all records.
        mutants: the number of sequences that differ from their reference: three per known letter,
            four per N.
        answering: seconds spent scoring and checking.
        waiting: seconds spent waiting for reads and writes.
        checked: the number of mutants checked, see `ismc.ism.checking.statistics.Checked`.
        error: the largest error found.
        recomputed: the number of recomputed sequences.
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
    """Scores blocks; when memory runs out, it halves the tile size and tries again.

    Attributes:
        program: the program of one model, or the average of several.
        halved: how often the tile size was halved.
    """

    def __init__(self, ism: ISM) -> None:
        self.program, self.halved = ism.program, 0

    def __call__(self, one_hot: Array, at: Array | None = None) -> tuple[list[Array], list[Array]]:
        """Scores ``[n, S, 4, *score]`` and references ``[n, *output]`` of each output.

        A program without a score returns outputs; scores are then mutant minus reference.

        Args:
            one_hot: int8 ``[n, L, 4]``.
            at: ``[n, S]`` positions of each record's own sites; scores are NaN where it is -1.

        Raises:
            InputError: when even the smallest tile does not fit into memory, or the program lacks
                a site of ``at``.
        """
        inputs = self.program.inputs(np.asarray(one_hot, np.float32))
        while True:
            try:
                if at is None:
                    scores = self.program.saturated(inputs)
                else:
                    scores = self._at_own_sites(inputs, at)
                scores = [np.asarray(y) for y in scores]
                references = [np.asarray(y) for y in self.program.evaluate_reference(inputs)]
                if not self.program.score_name:
                    scores = [y - r[:, None, None] for y, r in zip(scores, references, strict=True)]
                return scores, references
            except Exception as error:
                if not _is_out_of_memory(error):
                    raise
                self._halve(error)

    def _at_own_sites(self, inputs: Inputs, at: Array) -> list[Array]:
        """Scores at each record's own sites; NaN where ``at`` is -1."""
        site_ids = {
            start: i for i, (start, stop) in enumerate(self.program.sites) if stop == start + 1
        }
        positions, ids = np.unique(at, return_inverse=True)
        if missing := [int(p) for p in positions if p >= 0 and p not in site_ids]:
            raise InputError(
                f"The program has no site {missing[0]} of one position, expected it for variants.",
                hint="Compile it for all positions, which is the default.",
            )
        if len(self.program.sites) == 1:
            return self.program.saturated(inputs)
        ids = np.asarray([site_ids.get(p, -1) for p in positions.tolist()])[ids]
        ids = ids.reshape(at.shape)
        rows = [
            self._at_sites({k: v[i : i + 1] for k, v in inputs.items()}, ids[i][at[i] >= 0])
            for i in range(len(at))
        ]
        scores = []
        for ys in zip(*rows, strict=True):
            padded = np.full((*at.shape, *ys[0].shape[2:]), np.nan, np.float32)
            for i, y in enumerate(ys):
                padded[i, at[i] >= 0] = y[0]
            scores.append(padded)
        return scores

    def _at_sites(self, inputs: Inputs, ids: Array) -> list[Array]:
        """Scores of one record at sites by number; runs only the tiles that hold these sites."""
        scores = self.program.saturated(inputs, ids.tolist())
        return [np.asarray(y)[:, ids] for y in scores]

    def _halve(self, error: Exception) -> None:
        """Halves the tile size.

        Raises:
            InputError: when the tile cannot be halved.
        """
        smaller = self.program.with_programs(_with_half_tiles)
        if smaller is None:
            fixed = any(p.has_fixed_tiles for p in self.program.scans)
            smallest = (
                "and the tile size of an artifact is fixed"
                if fixed
                else "even for one site at a time"
            )
            raise InputError(
                f"The program does not fit into memory, {smallest} ({error}).",
                hint="Compile it with a smaller memory= or fewer outputs, or use a device with "
                "more memory.",
            ) from error
        self.program, self.halved = smaller, self.halved + 1


def _with_half_tiles(program: ScanProgram) -> ScanProgram | None:
    """The program with half the sites per tile; ``None`` for one site or for an artifact."""
    if program.has_fixed_tiles:
        return None
    sizes = [p.arrangement.sites for p in program.programs.values() if p.arrangement is not None]
    size = max(sizes, default=program.tile or len(program.sites))
    return None if size <= 1 else replace(program, tile=size // 2, programs={})


def score_records(
    scorer: Scorer,
    store: Store,
    pending: Iterable[slice],
    on_block: Callable[[BlockDone], object],
    check: Mode = None,
) -> None:
    """Scores records; each slice is written in a thread while the next one is scored.

    Args:
        scorer: the program.
        store: the store that records are read from and scores are written to.
        pending: slices of records, each within one block; see `ismc.io.stores.store.Store.pending`.
        on_block: called after each slice is written.
        check: as for `ismc.compile`; by default the program's own mode.

    Raises:
        ArtifactError: when the disk is full; written blocks are kept.
        InputError: when memory runs out for the smallest tile.
        VerificationError: when a score is wrong; no score of its slice is written.
    """
    mode = mode_of(check, scorer.program.checks.mode)
    writing: Future[None] | None = None
    last: BlockDone | None = None
    with ThreadPoolExecutor(1) as pool:
        for rows in pending:
            start = perf_counter()
            one_hot = np.asarray(store.one_hot[rows])
            at = np.asarray(store.group["at"][rows]) if store.facts.slots else None
            read_end = perf_counter()
            scores, references = scorer(one_hot, at)
            arguments = scorer.program, store, rows, one_hot, at, scores, references
            scores, checks = check_rows(*arguments, mode)
            score_end = perf_counter()
            _finish_write(writing, last, on_block)
            writing = pool.submit(store.write, rows, scores, references, checks)
            last = _block_done(rows.start, one_hot, store, at, of(checks))
            waiting = perf_counter() - score_end + read_end - start
            last = replace(last, answering=score_end - read_end, waiting=waiting)
        start = perf_counter()
        if writing is not None and last is not None:
            writing.result()
            on_block(replace(last, waiting=last.waiting + perf_counter() - start))


def _finish_write(
    writing: Future[None] | None, last: BlockDone | None, on_block: Callable[[BlockDone], object]
) -> None:
    """Waits for the pending write and reports it."""
    if writing is not None and last is not None:
        writing.result()
        on_block(last)


def _block_done(
    start: int, one_hot: Array, store: Store, at: Array | None, checks: Checked
) -> BlockDone:
    """The counts of a slice, with timings of zero."""
    if at is None:
        starts = np.asarray([begin for begin, _ in store.facts.sites])
        known = int(one_hot[:, starts].sum())
        sites = len(one_hot) * len(starts)
    else:
        valid = at >= 0
        known = int(np.take_along_axis(one_hot.sum(2), np.maximum(at, 0), 1)[valid].sum())
        sites = int(valid.sum())
    mutants = len(store.facts.letters) * sites - known
    results = checks.mutants, checks.error, checks.recomputed
    return BlockDone(start, len(one_hot), sites, mutants, 0.0, 0.0, *results)


def _is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out, under TensorFlow or JAX."""
    return isinstance(error, MemoryError) or any(text in str(error) for text in OUT_OF_MEMORY)
