"""How far answers may be from the model's own, and how far they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ismc.ism.checking.block import Block
from ismc.ism.checking.model import model_scores
from ismc.ism.checking.tolerance import ATOL, ROUNDING, exceeds, towards

Array = np.ndarray

BFLOAT16 = 2.0**-8  # the error of products in bfloat16, where it was not measured
MARGIN = 8.0  # of the measured error: thousands of sequences have larger ones than a few


@dataclass(frozen=True)
class Difference:
    """An answer that is farther from the model's than rounding explains.

    Attributes:
        output: by number.
        mutant: sequence, site and substitution.
        entry: where the number stands in the answer for one mutant.
        found: the program's number.
        true: the model's.
    """

    output: int
    mutant: tuple[int, int, int]
    entry: tuple[int, ...]
    found: float
    true: float


def compared(
    ism: Any, block: Block, mutants: Array, own: list[Array] | None = None
) -> tuple[Array, Difference | None]:
    """Errors of mutants ``[m]``, each a share of the largest of their scores; the worst difference.

    Args:
        ism: what answered.
        block: its answers.
        mutants: those that are compared, ``[m, 3]``.
        own: what answers for mutants were measured from, ``[n, *output]`` of each output, if the
            program does not know the score itself.
    """
    truths, sizes = model_scores(ism, block, mutants)
    if own is not None:
        truths = [true - y[mutants[:, 0]] for true, y in zip(truths, own, strict=True)]
    rounded, errors, worst = rounding_of(ism), np.zeros(len(mutants)), None
    for i, (true, size) in enumerate(zip(truths, sizes, strict=True)):
        found = block.answered(i, mutants)
        errors = np.maximum(errors, _errors(found, true, size))
        scale = max(size, MARGIN * rounded * _change(block, i, mutants) / ATOL)
        if worst is None and exceeds(found, true, scale) is not None:
            most = _magnified(ism, block, mutants)[i]
            place = exceeds(towards(true, found, most), true, scale)
            if place is not None:
                row, *entry = place
                record, site, letter = map(int, mutants[row])
                numbers = float(found[place]), float(true[place])
                worst = Difference(i, (record, site, letter), tuple(entry), *numbers)
    return errors, worst


def rounding_of(ism: Any) -> float:
    """The error of products that are rounded, over the largest change; 0 for float32."""
    members = getattr(ism, "members", None)
    if members is not None:
        return max(rounding_of(member.program) for member in members)
    if 'products="bfloat16"' not in ism.source:
        return 0.0
    return ism.measured.error or BFLOAT16


def _errors(found: Array, true: Array, size: float) -> Array:
    """The largest error of each mutant over the largest score, or number of the output itself."""
    same = (found == true) | (np.isnan(found) & np.isnan(true))
    with np.errstate(invalid="ignore"):
        off = np.where(same, 0.0, np.abs(found - true)).reshape(len(true), -1)
    off[np.isnan(off)] = np.inf
    largest = float(np.abs(true[np.isfinite(true)]).max(initial=0.0)) or size or 1.0
    return off.max(1, initial=0.0) / largest


def _change(block: Block, output: int, mutants: Array) -> float:
    """The largest change from letter to letter of a site; from site to site of one letter."""
    y = block.answers[output][mutants[:, 0]]
    y = y[np.arange(len(y)), mutants[:, 1]] if len(block.blocks) > 1 else y[:, :, 0]
    with np.errstate(invalid="ignore"):
        found = np.ptp(y, axis=1)
    return float(found[np.isfinite(found)].max(initial=0.0))


def _magnified(ism: Any, block: Block, mutants: Array) -> list[Array]:
    """How far scores move where outputs are rounded otherwise: a logarithm near 0 moves far."""
    if not ism.score_name:
        return [np.zeros(1)] * len(block.answers)
    ends = [model_scores(ism, block, mutants, off, False)[0] for off in (0, ROUNDING, -ROUNDING)]
    found = []
    with np.errstate(invalid="ignore"):
        for middle, *others in zip(*ends, strict=True):
            moved = np.abs(np.stack(others) - middle)
            most = np.where(np.isfinite(moved), moved, 0.0).max(0)
            found.append(2 * _over_letters(most, block) if _compares(ism) else most)
    return found


def _over_letters(y: Array, block: Block) -> Array:
    """The largest of all letters of a site, for each of them: they are measured from their mean."""
    sites = y.reshape(-1, len(block.blocks), *y.shape[1:])
    return np.broadcast_to(sites.max(1, keepdims=True), sites.shape).reshape(y.shape)


def _compares(ism: Any) -> bool:
    return getattr(ism, "first", ism).compares_letters
