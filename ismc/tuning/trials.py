"""Times programs on the device: a sample of a scan, or a batch of the naive program."""

from __future__ import annotations

import time
from dataclasses import replace
from math import ceil, inf

import numpy as np
import tensorflow as tf

from ismc.execution.inputs import random_inputs
from ismc.ism.naive import NaiveISM
from ismc.ism.program import CompiledProgram
from ismc.plan.plan import UNMEASURED, Plan
from ismc.tuning.calibration import Clock, shortest_time, wait

SAMPLE_SECONDS = 0.1
MIN_TILES = 3
MAX_SEQUENCES = 32


class Trials:
    """Times the programs of one model, on random one-hot sequences."""

    def __init__(self, clock: Clock = time.perf_counter, seed: int = 0) -> None:
        self.clock = clock
        self._rng = np.random.default_rng(seed)

    def scan(self, compiled: CompiledProgram) -> float:
        """Seconds to saturate one sequence; infinite if memory does not suffice.

        Only some evenly spaced tiles run. Their time is scaled to all sites; the reference, which
        each call computes once, is not scaled.
        """
        plan = compiled.plan
        chosen = sample(plan)
        part = replace(
            compiled, plan=replace(plan, active=chosen), programs={}, measured=UNMEASURED
        )
        count = sequences_per_tile(plan)
        x = random_inputs(plan.signature, count, self._rng)
        try:
            seconds = shortest_time(lambda: wait(part.saturated(x)), self.clock) / count
        except tf.errors.ResourceExhaustedError:
            return inf
        if len(chosen) == len(plan.active):
            return seconds
        here, naive = plan.seconds
        ours, total = (plan.letters * n * here + naive for n in (len(chosen), len(plan.active)))
        return seconds * total / ours if ours else seconds

    def naive(self, compiled: CompiledProgram, form: str, batch: int) -> float:
        """Seconds of the naive program for the mutants of one sequence.

        Infinite if it cannot run in this form, since not every layer compiles.
        """
        plan = compiled.plan
        oracle = NaiveISM(
            compiled.model.model, sequence_input=plan.sequence, form=form, batch_size=batch
        ).only(compiled.chosen, compiled.structure)
        inputs = random_inputs(plan.signature, batch, self._rng)
        try:
            seconds = shortest_time(lambda: oracle.answers(inputs), self.clock)
        except (tf.errors.OpError, NotImplementedError, TypeError, ValueError):
            return inf
        return seconds / batch * plan.letters * len(plan.sites)


def tile_sites(plan: Plan) -> int:
    """Sites per tile when one sequence is saturated."""
    return max(1, min(len(plan.active), plan.mutants // plan.letters))


def sequences_per_tile(plan: Plan) -> int:
    """Sequences per tile, a power of two: one, unless a tile has room for more than all sites."""
    full = plan.mutants // max(1, plan.letters * len(plan.active))
    return 1 << (max(1, min(full, MAX_SEQUENCES)).bit_length() - 1)


def sample(plan: Plan) -> tuple[int, ...]:
    """The sites of evenly spaced tiles, for about ``SAMPLE_SECONDS`` of predicted time."""
    size = tile_sites(plan)
    each = plan.seconds[0] * plan.letters * size
    count = max(MIN_TILES, ceil(SAMPLE_SECONDS / max(each, 1e-9)))
    total = len(plan.active) // size
    if count >= total:
        return plan.active
    firsts = [(2 * i + 1) * total // (2 * count) * size for i in range(count)]
    return tuple(site for first in firsts for site in plan.active[first : first + size])
