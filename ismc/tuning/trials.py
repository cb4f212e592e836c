"""Times programs on the real device: a part of a scan, scaled; a batch of the naive program."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from math import ceil, inf
from typing import Any

import numpy as np
import tensorflow as tf

from ismc.execution.inputs import random_inputs
from ismc.ism.compiled import CompiledISM
from ismc.ism.naive import NaiveISM
from ismc.plan.plan import UNMEASURED, Plan
from ismc.tuning.calibration import Clock, finished, least

ENOUGH = 0.1
TILES = 3
SEQUENCES = 32


class Trials:
    """Timings of programs of one model, on random one-hot sequences."""

    def __init__(self, clock: Clock = time.perf_counter, seed: int = 0) -> None:
        self.clock = clock
        self._rng = np.random.default_rng(seed)

    def scan(self, compiled: CompiledISM) -> float:
        """Seconds of a saturation of one sequence.

        Some tiles are run, at even distances, and the rest is counted by sites, beside the
        reference, which each call computes once. Infinite where memory does not suffice.
        """
        plan = compiled.plan
        chosen = sample(plan)
        part = replace(
            compiled, plan=replace(plan, active=chosen), programs={}, measured=UNMEASURED
        )
        count = together(plan)
        x = self._inputs(compiled, count)
        try:
            seconds = least(lambda: finished(part.saturate(x)), self.clock) / count
        except tf.errors.ResourceExhaustedError:
            return inf
        if len(chosen) == len(plan.active):
            return seconds
        here, naive = plan.seconds
        ours, whole = (plan.letters * n * here + naive for n in (len(chosen), len(plan.active)))
        return seconds * whole / ours if ours else seconds

    def naive(self, compiled: CompiledISM, form: str, batch: int) -> float:
        """Seconds of the naive program for as many mutants as a saturation of one sequence.

        Infinite where it cannot run in this form: not every layer compiles.
        """
        plan = compiled.plan
        oracle = NaiveISM(
            compiled.model.model, sequence_input=plan.sequence, form=form, batch_size=batch
        ).only(compiled.chosen, compiled.structure)
        inputs = random_inputs(plan.signature, batch, self._rng)
        try:
            seconds = least(lambda: oracle.answers(inputs), self.clock)
        except (tf.errors.OpError, NotImplementedError, TypeError, ValueError):
            return inf
        return seconds / batch * plan.letters * len(plan.sites)

    def _inputs(self, compiled: CompiledISM, count: int) -> Any:
        made: Mapping[str, np.ndarray] = random_inputs(compiled.plan.signature, count, self._rng)
        return tf.nest.map_structure(lambda name: made[name], compiled.model.inputs)


def tile_sites(plan: Plan) -> int:
    """Sites of a tile for one sequence that is saturated."""
    return max(1, min(len(plan.active), plan.mutants // plan.letters))


def together(plan: Plan) -> int:
    """Sequences that a tile holds at a time: one, unless a tile holds more than all sites."""
    full = plan.mutants // max(1, plan.letters * len(plan.active))
    return 1 << (max(1, min(full, SEQUENCES)).bit_length() - 1)


def sample(plan: Plan) -> tuple[int, ...]:
    """Sites that fill some tiles, at even distances: for about ``ENOUGH`` predicted seconds."""
    size = tile_sites(plan)
    each = plan.seconds[0] * plan.letters * size
    count = max(TILES, ceil(ENOUGH / max(each, 1e-9)))
    total = len(plan.active) // size
    if count >= total:
        return plan.active
    firsts = [(2 * i + 1) * total // (2 * count) * size for i in range(count)]
    return tuple(site for first in firsts for site in plan.active[first : first + size])
