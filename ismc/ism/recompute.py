"""Puts the model's own answers in the place of those that lost too many digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ismc.execution.substitutions import Substitutions, every_block
from ismc.ism.checking.block import Block, spans_of
from ismc.ism.checking.model import model_scores

Array = np.ndarray


def recomputed(
    ism: Any,
    answers: Sequence[Any],
    inputs: Mapping[str, Array],
    letters: Substitutions,
    sites: Sequence[int] | None = None,
) -> list[Any]:
    """Answers with those of lost mutants computed by the model.

    Args:
        ism: an `ismc.ism.base.ISM`; it counts them in its ``tally``.
        answers: ``[B, S, A or C, *output]`` per output, and at last which mutants lost digits.
        inputs: of the call, by name.
        letters: what is written.
        sites: by number, those whose answers count; all by default.
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
    found, _ = model_scores(ism, block, places)
    ism.tally["recomputed"] += len(places)
    results = []
    for y, values in zip(ys, found, strict=True):
        result = np.array(y)
        result[tuple(places.T)] = values
        results.append(ism.runtime.put(result))
    return results
