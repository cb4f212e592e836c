"""Which mutants of a block are checked, and how many rows of calls of the model that takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

import numpy as np

from ismc.ism.checking.block import Block
from ismc.plan.plan import Plan

Array = np.ndarray

SHARE = 0.02  # of a run, as the plan predicts it; looking for the largest changes comes on top
FEW = 16  # rows of one call of the model: what a run takes at least
MOST = 8  # rows for each sequence of a run, at most


def allotted(plan: Plan, sites: int, letters: int, first: int, stop: int) -> int:
    """How many rows of calls of the model sequences ``first`` to ``stop`` of a run are checked by.

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

    First come those with the largest changes, of several sequences; then the edges in turn, a site
    of a sequence that has positions without a letter, and random ones.

    Args:
        block: sequences and their answers.
        count: rows of calls of the model, at most: mutants, and their sequences themselves.
        seed: of what is random.
        whole_sites: whether all substitutions of a site are taken, as scores across letters need.
    """
    rng, width = np.random.default_rng([0, seed]), len(block.blocks)
    found: dict[tuple[int, ...], None] = {}
    records: dict[int, None] = {}
    largest = [*_largest(block, max(1, count // 4 // (width if whole_sites else 1)))]
    for place in chain(largest, _others(block, rng, seed, 4 * count, records)):
        record, site, letter = place
        letters = range(width) if whole_sites else (letter,)
        places = [(record, site, letter) for letter in letters]
        new = sum(block.changed(place) for place in places if place not in found)
        cost = new + (record not in records)
        if (new or place in largest) and cost <= count:
            found |= dict.fromkeys(places)
            records[record] = None
            count -= cost
    return np.asarray(list(found), np.int64).reshape(-1, 3)


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
            for end in (flat.max(-1), flat.min(-1)):
                fine = np.isfinite(end)
                middle = np.where(fine, end, 0).sum((1, 2)) / np.maximum(fine.sum((1, 2)), 1)
                far += np.abs(end - middle[:, None, None])
            far[~np.isfinite(far)] = np.inf
            most = far[np.isfinite(far)].max(initial=0.0)
            total = np.maximum(total, far / most if most else far)
    total[block.spans[:, :, 0] < 0] = -1.0
    return total


def _others(
    block: Block, rng: np.random.Generator, seed: int, count: int, records: Mapping[int, None]
) -> Iterator[tuple[int, int, int]]:
    """Edges in turn, sites of sequences with positions without a letter, and random ones.

    They are of sequences that are taken already, if there are any, but for unknown letters.
    """
    sites = [np.flatnonzero(spans[:, 0] >= 0) for spans in block.spans]
    every = [record for record, there in enumerate(sites) if len(there)]
    empty = (block.x == 0).all(2)
    unknown = [record for record in every if empty[record].any()]
    for number in range(count if every else 0):
        some = unknown if unknown and number in (1, 3) else list(records) or every
        record = int(rng.choice(some))
        there = sites[record]
        if number in (0, 2):
            site = there[0 if (seed + number // 2) % 2 == 0 else -1]
        else:
            starts = block.spans[record, there, 0]
            hidden = there[empty[record, starts]] if number == 1 else there
            site = rng.choice(hidden if len(hidden) else there)
        letters = [(record, int(site), int(c)) for c in rng.permutation(len(block.blocks))]
        yield next(filter(block.changed, letters), letters[0])
