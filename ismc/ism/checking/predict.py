"""`predict` of programs and ensembles: batch by batch, with a check of each batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ismc.errors import InputError
from ismc.execution.progress import progress
from ismc.execution.tiling import MAX_ANSWER_BYTES, batch_of
from ismc.ism.checking.block import Block, letters_at, spans_of
from ismc.ism.checking.check import mode_of
from ismc.ism.checking.statistics import Mode
from ismc.plan.plan import Plan

Array = np.ndarray
Inputs = Mapping[str, Array]


def predicted(
    ism: Any,
    plan: Plan,
    inputs: Inputs,
    answers: Callable[[Inputs], list[Any]],
    blocks: Array | None = None,
    *,
    batch_size: int | None = None,
    verbose: int | str = "auto",
    check: Mode = None,
) -> list[Array]:
    """The answers for all sequences, ``[B, S, A, *score]`` of each output.

    Args:
        ism: a compiled or loaded program, or an ensemble.
        plan: its plan, or that of its first program.
        inputs: the inputs by name, ``[B, ...]`` each.
        answers: computes the answers for a batch of inputs.
        blocks: the substitutions ``[A, width, C]``; all letters if ``None``.
        batch_size: sequences per batch; by default at most 32, and 64 MiB of results.
        verbose: as for `ismc.execution.progress.progress`.
        check: as for `ismc.compile`; by default the value given there.

    Raises:
        InputError: when the batch size is not positive, or ``check`` is no mode.
        VerificationError: when the model has another answer for a mutant of the check.
    """
    mode = mode_of(check, ism.checks.mode)
    if batch_size is not None and batch_size < 1:
        raise InputError(f"batch_size is {batch_size}, expected at least 1.")
    count = len(inputs[plan.sequence])
    size = batch_size or batch_of(plan, ism.shapes(), MAX_ANSWER_BYTES)
    substitutions = letters_at(ism.sites, plan.sequence_shape[1]) if blocks is None else blocks
    results: list[Array] = []
    with progress(count, verbose) as advance:
        for i in range(0, max(count, 1), size):
            batch = {name: value[i : i + size] for name, value in inputs.items()}
            ys = [np.asarray(y) for y in answers(batch)]
            length = len(batch[plan.sequence])
            spans = spans_of(ism.sites, length)
            block = Block(batch, plan.sequence, spans, substitutions, ys, blocks is None)
            ys = ism.checks.predicted(ism, block, mode, i)
            if not results:
                results = [np.empty((count, *y.shape[1:]), np.float32) for y in ys]
            for result, y in zip(results, ys, strict=True):
                result[i : i + size] = y
            advance(length)
    return results
