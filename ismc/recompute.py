"""Puts the model's own answers in the place of those that lost too many digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ismc.letters import Letters, every_block
from ismc.scores.letters import present

if TYPE_CHECKING:
    from ismc.calls import ISM

Array = np.ndarray


def recomputed(
    ism: ISM,
    ys: Sequence[Any],
    lost: Array,
    inputs: Mapping[str, Array],
    letters: Letters,
    sites: Sequence[int] | None = None,
) -> list[Any]:
    """Answers with those of lost mutants computed by the model.

    Args:
        ism: what is called; it counts them in its ``tally``.
        ys: ``[B, S, A or C, *output]`` per output.
        lost: ``bool[B, S, A or C]``.
        inputs: of the call, by name.
        letters: what is written.
        sites: by number, those whose answers count; all by default.
    """
    if sites is not None:
        counted = np.zeros(lost.shape[1], bool)
        counted[list(sites)] = True
        lost = lost & counted[None, :, None]
    if not lost.any():
        return list(ys)
    if letters.saturates and ism.compares_letters:
        lost = np.broadcast_to(lost.any(2, keepdims=True), lost.shape)
    blocks = every_block(ism.plan) if letters.saturates else letters.block
    places = np.argwhere(lost)
    mutants = [(int(b), *ism.plan.sites[s], blocks[a]) for b, s, a in places]
    found = ism.at_places(inputs, mutants)
    ism.tally["recomputed"] += len(mutants)
    if letters.saturates and ism.compares_letters:
        found = _across(ism, found, places, inputs)
    results = []
    for y, values in zip(ys, found, strict=True):
        result = np.array(y)
        result[tuple(places.T)] = values
        results.append(ism.runtime.put(result))
    return results


def _across(
    ism: ISM, found: Sequence[Array], places: Array, inputs: Mapping[str, Array]
) -> list[Array]:
    """What the score makes across the letters of each site, of scores of all of its letters."""
    channels = ism.plan.sequence_shape[1]
    there = present(inputs[ism.plan.sequence], ism.plan.sites)
    b, s = places[::channels, :2].T
    each = [y.reshape(-1, 1, channels, *y.shape[1:]) for y in found]
    made = ism.compared(each, there[b, s][:, None])
    return [y.reshape(-1, *y.shape[3:]) for y in made]
