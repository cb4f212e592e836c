"""One row: every side answers, the answers are compared, then all are timed in turn."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.errors import BenchmarkError, SideError
from benchmarks.protocol import Worker, started
from benchmarks.records import share, speedups, summed_up
from benchmarks.rows import Row

Record = dict[str, Any]
Say = Callable[[str], None]

BATCHES = (8, 16, 32, 64, 128, 256)
WINDOW, WINDOWS = 3, 3  # sites that are compared
EXACT, APPROXIMATE = 1e-3, 5e-2  # errors up to which a side is timed
FINALISTS = {"naive": 2}
BUDGET = 60.0  # seconds for all rounds of one side


class Race:
    """The sides of one row that still run, and what is known of each."""

    def __init__(self, row: Row, folder: Path, stack: ExitStack, say: Say) -> None:
        self.row, self.folder, self.stack, self.say = row, folder, stack, say
        self.workers: dict[str, Worker] = {}
        self.sides: dict[str, Record] = {}
        self.gflops: list[float] = []  # product rate of the machine, a number a round
        self.job = {
            "model": row.model,
            "arguments": dict(row.arguments),
            "sites": row.sites,
            "folder": str(folder),
        }

    def start(self, side: str) -> Record:
        """Starts a side; one that cannot load the model is out, with its own error."""
        self.say(f"{side}: loading")
        worker = started(side)
        self.workers[side] = self.stack.enter_context(worker)
        reply = self.ask(side, "load", **self.job)
        kept = ("compile", "versions", "needed", "approximate")
        self.sides.setdefault(side, {}).update({k: reply[k] for k in kept if k in reply})
        return reply

    def ask(self, side: str, op: str, **request: Any) -> Record:
        """A reply; a side that fails is out."""
        try:
            return self.workers[side].ask(op, **request)
        except SideError as problem:
            if side in ("ismc", "naive"):
                raise BenchmarkError(f"{side}: {op}: {problem}") from problem
            versions = self.sides.get(side, {}).get("versions", {})
            self.sides[side] = {"cannot": str(problem), "while": op, "versions": versions}
            self.workers.pop(side).__exit__(None, None, None)
            self.say(f"{side}: cannot: {problem}")
            return {}

    def compare(self, windows: list[list[int]]) -> None:
        """The largest error of every side at some sites; a side that is wrong is out."""
        reference, truth = self.folder / "reference.npz", self.folder / "naive.npz"
        self.ask("naive", "answer", windows=windows, file=str(truth), reference=str(reference))
        for side in [name for name in self.workers if name != "naive"]:
            self.say(f"{side}: answering")
            file = self.folder / f"{side}.npz"
            reply = self.ask(side, "answer", windows=windows, file=str(file))
            if not reply:
                continue
            wanted = _arrays(truth)
            if reply.get("distances"):
                wanted = [distances(wanted, _arrays(reference))]
            found = error(_arrays(file), wanted)
            limit = APPROXIMATE if self.sides[side].get("approximate") else EXACT
            self.sides[side]["error"] = found
            if not found <= limit:
                self.out(side, f"Its answers differ by {found:.1e} of the largest value.")

    def out(self, side: str, why: str) -> None:
        """Takes a side out of the race.

        Raises:
            BenchmarkError: when it is ours.
        """
        if side == "ismc":
            raise BenchmarkError(f"{self.row.title}: {why}")
        self.workers.pop(side).__exit__(None, None, None)
        self.sides[side] |= {"cannot": why, "while": "answer"}

    def sweep(self) -> dict[str, list[Record]]:
        """The best variants of every side, of the naive program two: a sweep may flatter one."""
        best = {}
        for side in list(self.workers):
            self.say(f"{side}: looking for its best form")
            if reply := self.ask(side, "sweep", batches=BATCHES):
                found = sorted(reply["sweep"], key=lambda entry: entry["seconds"])
                best[side] = [entry["variant"] for entry in found[: FINALISTS.get(side, 1)]]
                self.sides[side]["sweep"] = reply["sweep"]
        return best

    def time(self, best: dict[str, list[Record]], rounds: int) -> None:
        """The product rate and all sides in turn; a side that takes long has fewer rounds."""
        replies: dict[str, list[list[Record]]] = {side: [] for side in best}
        spent = dict.fromkeys(best, 0.0)
        for turn in range(rounds):
            self.gflops.append(self.ask("naive", "gemm")["gflops"])
            for side in [name for name in best if name in self.workers]:
                if turn and spent[side] * (turn + 1) / turn > BUDGET:
                    continue
                self.say(f"{side}: round {turn + 1} of {rounds}")
                begin = time.perf_counter()
                replies[side].append([self._once(side, variant) for variant in best[side]])
                spent[side] += time.perf_counter() - begin
        for side in [name for name in best if name in self.workers]:
            each = [summed_up(found) for found in zip(*replies[side], strict=True)]
            chosen = min(range(len(each)), key=lambda i: each[i]["seconds"])
            self.sides[side] |= {"variant": best[side][chosen], **each[chosen]}

    def _once(self, side: str, variant: Record) -> Record:
        return self.ask(side, "time", variant=variant, mutants=self.row.naive_mutants)


def race(name: str, row: Row, against: Sequence[str], rounds: int, say: Say) -> Record:
    """The record of one row.

    Raises:
        BenchmarkError: when ours or the naive program fails, or ours is wrong.
    """
    with TemporaryDirectory() as folder, ExitStack() as stack:
        run = Race(row, Path(folder), stack, say)
        known = run.start("naive")
        peers = [side for side in row.against if side in against]
        if peers:
            run.ask("naive", "export", folder=folder)
        compiled = run.start("ismc")
        for side in peers:
            run.start(side)
        start, stop = row.sites or (0, known["length"])
        run.compare(windows(start, stop))
        run.time(run.sweep(), rounds)
    seconds = run.sides["ismc"]["seconds"]
    return {
        "row": name,
        "title": row.title,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "model": row.model,
        "arguments": dict(row.arguments),
        "parameters": known["parameters"],
        "sites": [start, stop],
        "mutants": known["mutants"],
        "gpus": known["gpus"],
        "gemm_gflops": run.gflops,
        "operations": compiled["operations"],
        "minimum": compiled["minimum"],
        "share": share(compiled["minimum"], seconds, run.gflops),
        "speedups": speedups(run.sides),
        "sides": run.sides,
    }


def windows(start: int, stop: int) -> list[list[int]]:
    """Sites at both ends and in the middle, half-open.

    >>> windows(0, 1000)
    [[0, 3], [498, 501], [997, 1000]]
    """
    if stop - start <= WINDOW * WINDOWS:
        return [[start, stop]]
    begins = np.linspace(start, stop - WINDOW, WINDOWS).astype(int).tolist()
    return [[begin, begin + WINDOW] for begin in begins]


def error(found: list[np.ndarray], wanted: list[np.ndarray]) -> float:
    """The largest difference over the largest value, of all outputs; infinite for other shapes."""
    if [a.shape for a in found] != [b.shape for b in wanted]:
        return float("inf")
    pairs = zip(found, wanted, strict=True)
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs)


def distances(mutants: list[np.ndarray], reference: list[np.ndarray]) -> np.ndarray:
    """The L2 distance of every mutant to the reference over all outputs, ``[S, C]``."""
    squares = [
        np.square(y - r).reshape(*y.shape[:2], -1).sum(-1)
        for y, r in zip(mutants, reference, strict=True)
    ]
    return np.sqrt(np.sum(squares, 0))


def _arrays(file: Path) -> list[np.ndarray]:
    with np.load(file) as arrays:
        return [arrays[f"arr_{i}"] for i in range(len(arrays.files))]
