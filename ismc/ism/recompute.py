"""Replaces answers that lost too many digits by the model's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ismc.execution.substitutions import Substitutions, every_block
from ismc.ism.checking.block import Block, spans_of
from ismc.ism.checking.model import model_scores

Array = np.ndarray


def recompute_lost(
    ism: Any,
    answers: Sequence[Any],
    inputs: Mapping[str, Array],
    letters: Substitutions,
    sites: Sequence[int] | None = None,
) -> list[Any]:
    """The answers of a call, those of lost mutants recomputed by the model.

    Args:
        ism: an `ismc.ism.base.ISM`; its ``tally`` counts the recomputed mutants.
        answers: ``[B, S, A or C, *output]`` per output, then the flags of mutants that lost digits.
        inputs: the inputs of the call, by name.
        letters: the substitutions of the call.
        sites: the indices of the sites whose answers are used; all by default.
    """
    *ys, flags = answers
    lost = np.asarray(flags) > 0
    if sites is not None:
        counted = np.zeros(lost.shape[1], bool)
        counted[list(sites)] = True
        lost = lost & counted[None, :, None]
    if not lost.any():
        return ys
    if letters.saturates and ism.compares_letters:
        lost = np.broadcast_to(lost.any(2, keepdims=True), lost.shape)
    name, places = ism.plan.sequence, np.argwhere(lost)
    blocks = every_block(ism.plan) if letters.saturates else letters.block
    spans = spans_of(ism.sites, len(inputs[name]))
    block = Block(inputs, name, spans, blocks, ys, letters.saturates)
    scores, _ = model_scores(ism, block, places)
    ism.tally["recomputed"] += len(places)
    results = []
    for y, values in zip(ys, scores, strict=True):
        result = np.array(y)
        result[tuple(places.T)] = values
        results.append(ism.runtime.put(result))
    return results
