"""`predict` of programs and ensembles: batch by batch, some mutants of each checked."""

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
    """What is answered for all sequences, ``[B, S, A, *score]`` of each output.

    Args:
        ism: a compiled or loaded program, or an ensemble.
        plan: of it, or of its first program.
        inputs: by name, ``[B, ...]`` each.
        answers: to be had for a batch of them.
        blocks: ``[A, width, C]``, what is written; all letters if ``None``.
        batch_size: sequences of one batch; by default at most 32, and 64 MiB of answers.
        verbose: as for `ismc.execution.progress.progress`.
        check: as for `ismc.compile`; by default what it was compiled with.

    Raises:
        InputError: when the batch size is not positive, or ``check`` is something else.
        VerificationError: when a mutant that is checked has another answer of the model.
    """
    mode = mode_of(check, ism.checks.mode)
    if batch_size is not None and batch_size < 1:
        raise InputError(f"batch_size is {batch_size}, expected at least 1.")
    count = len(inputs[plan.sequence])
    size = batch_size or batch_of(plan, ism.shapes(), MAX_ANSWER_BYTES)
    written = letters_at(ism.sites, plan.sequence_shape[1]) if blocks is None else blocks
    results: list[Array] = []
    with progress(count, verbose) as advance:
        for i in range(0, max(count, 1), size):
            batch = {name: value[i : i + size] for name, value in inputs.items()}
            ys = [np.asarray(y) for y in answers(batch)]
            here = len(batch[plan.sequence])
            spans = spans_of(ism.sites, here)
            block = Block(batch, plan.sequence, spans, written, ys, blocks is None)
            ys = ism.checks.predicted(ism, block, mode, i)
            if not results:
                results = [np.empty((count, *y.shape[1:]), np.float32) for y in ys]
            for result, y in zip(results, ys, strict=True):
                result[i : i + size] = y
            advance(here)
    return results
