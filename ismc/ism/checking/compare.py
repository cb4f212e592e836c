"""Compares answers with the model's own, within the error that rounding explains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ismc.ism.checking.block import Block
from ismc.ism.checking.model import model_scores
from ismc.ism.checking.tolerance import ATOL, ROUNDING, exceeds, towards

Array = np.ndarray

BFLOAT16_ERROR = 2.0**-8  # of products in bfloat16, if it was not measured
ERROR_MARGIN = 8.0  # times the measured error, which thousands of sequences exceed


@dataclass(frozen=True)
class Difference:
    """An answer that differs from the model's by more than rounding explains.

    Attributes:
        output: the index of the output.
        mutant: the indices of sequence, site and substitution.
        entry: the index of the number in the answer for one mutant.
        found: the program's number.
        true: the model's number.
    """

    output: int
    mutant: tuple[int, int, int]
    entry: tuple[int, ...]
    found: float
    true: float


def compare(
    ism: Any, block: Block, mutants: Array, own: list[Array] | None = None
) -> tuple[Array, Difference | None]:
    """The errors of mutants ``[m]`` as shares of the largest score, and the worst difference.

    Args:
        ism: the program or ensemble that answered.
        block: the sequences and their answers.
        mutants: the mutants to compare, ``[m, 3]``.
        own: the values that were subtracted from the answers, ``[n, *output]`` of each output, if
            the program does not compute the score itself.
    """
    truths, sizes = model_scores(ism, block, mutants)
    if own is not None:
        truths = [true - y[mutants[:, 0]] for true, y in zip(truths, own, strict=True)]
    rounded, errors, worst = rounding_of(ism), np.zeros(len(mutants)), None
    for i, (true, size) in enumerate(zip(truths, sizes, strict=True)):
        answers = block.answered(i, mutants)
        errors = np.maximum(errors, _errors(answers, true, size))
        scale = max(size, ERROR_MARGIN * rounded * _change(block, i, mutants) / ATOL)
        if worst is None and exceeds(answers, true, scale) is not None:
            most = _magnified(ism, block, mutants)[i]
            place = exceeds(towards(true, answers, most), true, scale)
            if place is not None:
                row, *entry = place
                record, site, letter = map(int, mutants[row])
                numbers = float(answers[place]), float(true[place])
                worst = Difference(i, (record, site, letter), tuple(entry), *numbers)
    return errors, worst


def rounding_of(ism: Any) -> float:
    """The error of rounded products as a share of the largest change; 0 for float32."""
    return max(
        (program.measured.error or BFLOAT16_ERROR)
        if 'products="bfloat16"' in program.source
        else 0.0
        for program in ism.scans
    )


def _errors(got: Array, true: Array, size: float) -> Array:
    """The largest error of each mutant over the largest score, or over ``size`` if that is 0."""
    same = (got == true) | (np.isnan(got) & np.isnan(true))
    with np.errstate(invalid="ignore"):
        errors = np.where(same, 0.0, np.abs(got - true)).reshape(len(true), -1)
    errors[np.isnan(errors)] = np.inf
    largest = float(np.abs(true[np.isfinite(true)]).max(initial=0.0)) or size or 1.0
    return errors.max(1, initial=0.0) / largest


def _change(block: Block, output: int, mutants: Array) -> float:
    """The largest change between the letters of a site, or of one block between sites."""
    y = block.answers[output][mutants[:, 0]]
    y = y[np.arange(len(y)), mutants[:, 1]] if len(block.blocks) > 1 else y[:, :, 0]
    with np.errstate(invalid="ignore"):
        changes = np.ptp(y, axis=1)
    return float(changes[np.isfinite(changes)].max(initial=0.0))


def _magnified(ism: Any, block: Block, mutants: Array) -> list[Array]:
    """How far rounding of the outputs moves scores; a logarithm near 0 moves far."""
    if not ism.score_name:
        return [np.zeros(1)] * len(block.answers)
    ends = [model_scores(ism, block, mutants, off, False)[0] for off in (0, ROUNDING, -ROUNDING)]
    magnified = []
    with np.errstate(invalid="ignore"):
        for middle, *shifted in zip(*ends, strict=True):
            distances = np.abs(np.stack(shifted) - middle)
            largest = np.where(np.isfinite(distances), distances, 0.0).max(0)
            magnified.append(2 * _over_letters(largest, block) if _compares(ism) else largest)
    return magnified


def _over_letters(y: Array, block: Block) -> Array:
    """The maximum over the letters of a site, for each letter: scores subtract the mean."""
    sites = y.reshape(-1, len(block.blocks), *y.shape[1:])
    return np.broadcast_to(sites.max(1, keepdims=True), sites.shape).reshape(y.shape)


def _compares(ism: Any) -> bool:
    return ism.first.compares_letters
