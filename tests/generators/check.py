"""Compares random models with the oracle: one of them, or many in processes of their own.

``python -m tests.generators.check 0 10000 --eager --processes 2`` checks 10,000 seeds from 0 and
prints how many are wrong. Each seed becomes a line of the log, and what is in the log is not
checked again. With ``--eager`` programs run operation by operation, in a tenth of the time. With
``--plan-only`` models are only planned: what each pass promises is verified, and the text of the
graph is read back.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["ISMC_VERIFY"] = "1"

import keras
import tensorflow as tf

import ismc
from ismc.frontend.read import read
from ismc.ir.parse import parse
from ismc.ism.compiled import CompiledISM
from tests.generators.models import Case, random_case
from tests.generators.wide import random_wide_case
from tests.support.as_written import as_written
from tests.support.comparing import assert_same_outputs

GENERATORS = {"narrow": random_case, "wide": random_wide_case}
EVERY = 20  # models between two collections of garbage
EAGER, COMPILED = 1000, 200  # seeds of one process; TensorFlow keeps what it has compiled
MUTANTS = 256  # of one call of the model
Record = dict[str, Any]


def scanned(case: Case, *, eager: bool = False) -> tuple[Any, CompiledISM]:
    """What the compiled program of a case answers, and the program.

    Args:
        case: the model and one way of scanning it.
        eager: whether the program is run as it is written, without XLA.
    """
    ism = ismc.compile(case.model, **case.options, verify=False, cache=False)
    if not eager:
        return case.scan(ism), ism
    with as_written(ism) as ism:
        return case.scan(ism), ism


def plan(case: Case) -> None:
    """Plans a case, with a verifier between passes, and reads back the text of its graph."""
    graph = read(case.model).graph
    back = parse(str(graph))
    assert (back, str(back)) == (graph, str(graph)), f"{graph}\nis read back as\n{back}"
    ismc.compile(case.model, **case.options, verify=False, cache=False)


def problem_of(case: Case, *, eager: bool = False, plan_only: bool = False) -> str:
    """What is wrong with the compiled program of a case, or its plan; empty when nothing is."""
    try:
        if plan_only:
            plan(case)
            return ""
        found, ism = scanned(case, eager=eager)
        expected = case.scan(ismc.NaiveISM(case.model, **case.options, batch_size=MUTANTS))
        assert_same_outputs(found, expected, ism.sites)
    except Exception as error:  # noqa: BLE001  (whatever goes wrong is the finding)
        frames = (
            [] if isinstance(error, AssertionError) else traceback.format_tb(error.__traceback__)
        )
        return f"{case}\n{type(error).__name__}: {str(error)[:2000]}\n{''.join(frames[-3:])}"
    return ""


@dataclass(frozen=True)
class Run:
    """What is checked, and where it is written.

    Attributes:
        kind: the generator, ``"narrow"`` or ``"wide"``.
        eager: whether programs are run as they are written.
        log: a line of JSON for each seed.
        plan_only: whether models are only planned.
    """

    kind: str
    eager: bool
    log: Path
    plan_only: bool = False

    @property
    def settings(self) -> dict[str, Any]:
        """What tells its lines in the log from those of other runs."""
        return {"kind": self.kind, "eager": self.eager, "plan_only": self.plan_only}

    def write(self, seed: int, problem: str) -> None:
        """Adds a seed to the log, in one piece: several processes write."""
        line = self.settings | {"seed": seed, "problem": problem}
        with self.log.open("ab", buffering=0) as file:
            file.write(f"{json.dumps(line)}\n".encode())

    def known(self) -> dict[int, str]:
        """What is wrong with each seed of the log; nothing with most of them."""
        if not self.log.exists():
            return {}
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        mine = (
            line for line in lines if {"plan_only": False, **line}.items() >= self.settings.items()
        )
        return {line["seed"]: line["problem"] for line in mine}

    def work(self, seeds: Sequence[int], alone: bool) -> None:
        """Checks seeds, in a process of their own; one of several uses one core."""
        if not alone:
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        gc.collect()
        gc.freeze()
        for i, seed in enumerate(seeds):
            case = GENERATORS[self.kind](seed)
            self.write(seed, problem_of(case, eager=self.eager, plan_only=self.plan_only))
            keras.utils.clear_session(free_memory=i % EVERY == EVERY - 1)


def checked(run: Run, seeds: range, processes: int) -> dict[int, str]:
    """What is wrong with each seed; what the log knows is not checked again.

    Processes are replaced now and then. One that dies is a finding of the seed it was at, and the
    seeds behind that one are given to another.
    """
    known = run.known()
    left = [seed for seed in seeds if seed not in known]
    size = max(
        1, min(EAGER if run.eager or run.plan_only else COMPILED, ceil(len(left) / processes))
    )
    tasks = [left[i : i + size] for i in range(0, len(left), size)]
    context = get_context("spawn")
    running: list[tuple[Any, list[int]]] = []
    while tasks or running:
        while tasks and len(running) < processes:
            task = tasks.pop(0)
            process = context.Process(target=run.work, args=(task, processes == 1), daemon=True)
            process.start()
            running.append((process, task))
        time.sleep(0.2)
        for process, task in [pair for pair in running if not pair[0].is_alive()]:
            running.remove((process, task))
            known = run.known()
            _told(known, seeds)
            rest = [seed for seed in task if seed not in known]
            if rest:
                run.write(rest[0], f"seed {rest[0]}: the process ended with {process.exitcode}")
            if rest[1:]:
                tasks.append(rest[1:])
    return {seed: problem for seed, problem in run.known().items() if seed in seeds}


def _told(known: dict[int, str], seeds: range) -> None:
    found = [problem for seed, problem in known.items() if seed in seeds]
    wrong = sum(map(bool, found))
    print(f"{len(found)} of {len(seeds)} checked, {wrong} wrong", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 1 when a model is wrong."""
    parser = argparse.ArgumentParser(description="Compares random models with the oracle.")
    parser.add_argument("first", type=int, help="the first seed")
    parser.add_argument("count", type=int, help="how many seeds")
    parser.add_argument("--wide", action="store_true", help="wide models")
    parser.add_argument("--eager", action="store_true", help="programs as written, without XLA")
    parser.add_argument("--plan-only", action="store_true", help="only plans, with the verifier")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--log", type=Path, help="a line for each seed; by default a new file")
    args = parser.parse_args(arguments)
    kind = "wide" if args.wide else "narrow"
    log = args.log or Path(f"random-{kind}-{time.time_ns()}.jsonl")
    seeds = range(args.first, args.first + args.count)
    begin, run = time.perf_counter(), Run(kind, args.eager, log, args.plan_only)
    before = sum(seed in seeds for seed in run.known())
    found = checked(run, seeds, args.processes)
    minutes = (time.perf_counter() - begin) / 60
    wrong = sorted(seed for seed, problem in found.items() if problem)
    how = "planned" if args.plan_only else "as written" if args.eager else "compiled"
    print(*(found[seed] for seed in wrong), sep="\n\n")
    print(
        f"{len(found)} {kind} models, seeds {seeds.start} to {seeds.stop - 1}, "
        f"{how}: {len(wrong)} wrong {wrong}; "
        f"{len(found) - before} now, in {minutes:.1f} min, "
        f"{(len(found) - before) / minutes:.0f} a minute; {log}"
    )
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
