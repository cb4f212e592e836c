"""The model's own scores for mutants, of programs, artifacts and ensembles alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from ismc.ism.checking.block import Block

Array = np.ndarray

MUTANTS = 256  # per batch


def model_scores(
    ism: Any, block: Block, mutants: Array, offset: float = 0.0, across: bool = True
) -> tuple[list[Array], list[float]]:
    """The model's scores ``[m, *score]`` of each output, for mutants of a block.

    Args:
        ism: a compiled or loaded program, or an ensemble, whose members are averaged.
        block: the sequences and sites.
        mutants: indices of sequence, site and substitution, ``[m, 3]``. If the score compares
            letters, all letters of each site in turn.
        offset: added to the mutants' outputs before scoring, as a share of the largest number.
        across: whether to apply the part of the score across letters.

    Returns:
        The scores, and the largest absolute number of each output for the references.
    """
    views = [(m.program, m, ism.named_for(m, block.inputs)) for m in ism.members]
    views = views or [(ism, None, block.inputs)]
    parts = [_scores_of_view(*view, block, mutants, offset, across) for view in views]
    averaged = [np.asarray(sum(ys)) / len(ys) for ys in zip(*(y for y, _ in parts), strict=True)]
    return averaged, [max(sizes) for sizes in zip(*(found for _, found in parts), strict=True)]


def every_score(ism: Any, block: Block) -> list[Array]:
    """The model's scores ``[n, S, A, *score]`` of all mutants; NaN where there is no site."""
    places = np.argwhere(np.ones((*block.spans.shape[:2], len(block.blocks)), bool))
    places = places[block.spans[places[:, 0], places[:, 1], 0] >= 0]
    results = [np.full(y.shape, np.nan, np.float32) for y in block.answers]
    size = MUTANTS // len(block.blocks) * len(block.blocks) or len(block.blocks)
    for i in range(0, len(places), size):
        part = places[i : i + size]
        records, sites, letters = part.T
        for y, scores in zip(results, model_scores(ism, block, part)[0], strict=True):
            y[records, sites, letters] = scores
    return results


def _scores_of_view(
    program: Any,
    member: Any,
    inputs: Any,
    block: Block,
    mutants: Array,
    offset: float,
    across: bool,
) -> tuple[list[Array], list[float]]:
    """The scores of one program, in the ensemble's orientation if it is a member."""
    seen = (lambda x: x) if member is None else member.view.seen
    records, row_of = np.unique(mutants[:, 0], return_inverse=True)
    name = program.plan.sequence
    before, after = seen(block.x[records]), seen(block.written(mutants))
    changed = (after != before[row_of]).reshape(len(after), -1).any(1)
    both = np.concatenate([records, mutants[changed, 0]])
    rows = {key: value[both] for key, value in inputs.items()}
    rows[name] = np.concatenate([before, after[changed]])
    answers = [np.asarray(y) for y in program.evaluate_reference(rows)]
    own = [y[: len(records)][row_of] for y in answers]
    sizes = [float(np.abs(y[np.isfinite(y)]).max(initial=0.0)) for y in own]
    ys = [y.copy() for y in own]
    for y, found in zip(ys, answers, strict=True):
        y[changed] = found[len(records) :]
    if offset:
        ys = [y + offset * _largest(r) for y, r in zip(ys, own, strict=True)]
    found = [np.asarray(y) for y in program.scored(own, ys)]
    if across and block.saturates and program.compares_letters:
        found = _across_letters(program, member, block, mutants, found)
    if member is None or not member.view.reverse:
        return found, sizes
    mirrored = map(member.keeps_positions, range(len(found)))
    return [y[:, ::-1] if keeps else y for y, keeps in zip(found, mirrored, strict=True)], sizes


def _largest(own: Array) -> Array:
    """The largest absolute number of each row, in a shape that broadcasts with the rows."""
    rows = np.abs(own.reshape(len(own), -1)).max(1, initial=0.0)
    return rows.reshape(-1, *[1] * (own.ndim - 1))


def _across_letters(
    program: Any, member: Any, block: Block, mutants: Array, found: list[Array]
) -> list[Array]:
    """Applies the part of a score across letters; each site has one row per letter."""
    letters = len(block.blocks)
    reverse = member is not None and member.view.reverse
    places = mutants[::letters, :2]
    present = np.stack([_present(program, member, block, *place) for place in places])[:, None]
    sites = [y.reshape(len(places), 1, letters, *y.shape[1:]) for y in found]
    if reverse:
        sites = [np.ascontiguousarray(y[:, :, ::-1]) for y in sites]
    ys = [np.asarray(y) for y in program.compared(sites, present)]
    ys = [y[:, :, ::-1] if reverse else y for y in ys]
    return [y.reshape(like.shape) for y, like in zip(ys, found, strict=True)]


def _present(program: Any, member: Any, block: Block, record: int, site: int) -> Array:
    """Which letter fills a site in the program's view, ``float32[C]``."""
    x, span = block.x[record], tuple(map(int, block.spans[record, site]))
    reverse = False
    if member is not None:
        inside = member.view.site(span, program.input_shape[0])
        reverse = inside is None and member.view.reverse
        if inside is not None:
            x, span = member.view.seen(x[None])[0], inside
    letters = np.eye(x.shape[1], dtype=x.dtype)
    present = (x[span[0] : span[1], None] == letters).all((0, 2)).astype(np.float32)
    return present[::-1] if reverse else present
