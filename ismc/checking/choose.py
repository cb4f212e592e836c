"""Which mutants of a block are checked, and how many."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ismc.checking.block import Block
from ismc.plan import Plan

Array = np.ndarray

SHARE = 0.02  # of a run, as the plan predicts it; looking for the largest changes comes on top
FEW = 16  # mutants of one call of the model: the least that a run checks
MOST = 8  # mutants of a sequence, on average


def allotted(plan: Plan, sites: int, letters: int, first: int, stop: int) -> int:
    """How many mutants of the sequences from ``first`` to ``stop`` of a run are checked.

    It is told by their numbers alone, so that it does not matter who scores them, and when. The
    first sequences of a run get a few; later ones, batch by batch, what `SHARE` allows.
    """
    ours, naive = plan.seconds
    each = MOST if not naive else SHARE * (sites * letters * ours / naive + 1)
    before, after = (_in_all(min(each, MOST), count) for count in (first, stop))
    return after - before


def _in_all(each: float, count: int) -> int:
    return FEW * max(1, int(each * count / FEW)) if count else 0


def chosen(block: Block, count: int, seed: int, whole_sites: bool = False) -> Array:
    """Numbers of sequence, site and substitution of mutants to check: ``[m, 3]``.

    Half are those with the largest changes, from as many sequences as there are; then the edges in
    turn, sites of sequences with positions without a letter, and random ones.

    Args:
        block: sequences and their answers.
        count: about how many.
        seed: of what is random.
        whole_sites: whether all substitutions of a site are taken, as scores across letters need.
    """
    rng = np.random.default_rng([0, seed])
    width = len(block.blocks)
    if whole_sites:
        count = max(1, count // width)
    half = (count + 1) // 2
    found: dict[tuple[int, ...], None] = {}
    for place in _largest(block, half):
        found[_key(place, whole_sites)] = None
    for place in _others(block, rng, seed, 4 * count):
        if len(found) >= count:
            break
        if whole_sites or _changes(block, place):
            found[_key(place, whole_sites)] = None
    rows = np.asarray(list(found), np.int64).reshape(-1, 3)
    if not whole_sites:
        return rows
    rows = np.repeat(rows, width, 0)
    rows[:, 2] = np.tile(np.arange(width), len(rows) // width)
    return rows


def _key(place: tuple[int, int, int], whole_sites: bool) -> tuple[int, ...]:
    return (*place[:2], 0) if whole_sites else place


def _largest(block: Block, count: int) -> Iterator[tuple[int, int, int]]:
    """The mutants whose answers lie farthest from the others: one of each sequence, then a second.

    What is not finite comes first.
    """
    size = _sizes(block)
    flat = size.reshape(len(size), -1)
    most = min(-(-count // len(flat)), flat.shape[1])
    top = np.argpartition(-flat, most - 1, 1)[:, :most]
    top = np.take_along_axis(top, np.argsort(-np.take_along_axis(flat, top, 1), 1), 1)
    left = count
    for rank in top.T:
        records = np.argsort(-flat[np.arange(len(flat)), rank], kind="stable")
        for record in records[:left]:
            if flat[record, rank[record]] > 0:
                site, letter = divmod(int(rank[record]), size.shape[2])
                yield int(record), site, letter
        left -= len(records[:left])


def _sizes(block: Block) -> Array:
    """How far the least and the largest number of each answer are from the mean: ``[n, S, A]``.

    In shares of the farthest, of the output where that is most; infinite where a number is not
    finite, and -1 where there is no site.
    """
    total = np.zeros(block.answers[0].shape[:3])
    with np.errstate(all="ignore"):
        for y in block.answers:
            flat = y.reshape(*y.shape[:3], -1)
            if not flat.shape[-1]:
                continue
            far = np.zeros(total.shape)
            for end in {id(e): e for e in (flat.max(-1), flat.min(-1))}.values():
                fine = np.isfinite(end)
                middle = np.where(fine, end, 0).sum((1, 2)) / np.maximum(fine.sum((1, 2)), 1)
                far += np.abs(end - middle[:, None, None])
            far[~np.isfinite(far)] = np.inf
            most = far[np.isfinite(far)].max(initial=0.0)
            total = np.maximum(total, far / most if most else far)
    total[block.spans[:, :, 0] < 0] = -1.0
    return total


def _others(
    block: Block, rng: np.random.Generator, seed: int, count: int
) -> Iterator[tuple[int, int, int]]:
    """Edges in turn, sites of sequences with positions without a letter, and random ones."""
    sites = [np.flatnonzero(spans[:, 0] >= 0) for spans in block.spans]
    some = [record for record, there in enumerate(sites) if len(there)]
    empty = (block.x == 0).all(2)
    unknown = [record for record in some if empty[record].any()]
    for number in range(count if some else 0):
        record = int(rng.choice(unknown if unknown and number in (1, 3) else some))
        there = sites[record]
        if number in (0, 2):
            site = there[0 if (seed + number // 2) % 2 == 0 else -1]
        else:
            starts = block.spans[record, there, 0]
            hidden = there[empty[record, starts]] if number == 1 else there
            site = rng.choice(hidden if len(hidden) else there)
        yield record, int(site), int(rng.integers(len(block.blocks)))


def _changes(block: Block, place: tuple[int, int, int]) -> bool:
    """Whether a mutant differs from its sequence."""
    record, site, letter = place
    start, stop = block.spans[record, site]
    return bool((block.x[record, start:stop] != block.blocks[letter, : stop - start]).any())
