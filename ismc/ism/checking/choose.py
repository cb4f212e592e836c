"""Chooses the mutants of a block to check, within a budget of rows computed by the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

import numpy as np

from ismc.ism.checking.block import Block
from ismc.plan.plan import Plan

Array = np.ndarray

TIME_SHARE = 0.02  # of a run's predicted time; searching for the largest changes is extra
MIN_ROWS = 16  # of a run: the rows of one call of the model
MAX_ROWS = 8  # per sequence of a run


def row_budget(plan: Plan, sites: int, letters: int, first: int, stop: int) -> int:
    """The number of rows that the model computes to check sequences ``first`` to ``stop`` of a run.

    It depends only on their indices, so it is the same for any batches, order and process. The
    first sequences of a run get `MIN_ROWS`, later ones what `TIME_SHARE` allows.
    """
    ours, naive = plan.seconds
    each = MAX_ROWS if not naive else TIME_SHARE * (sites * letters * ours / naive + 1)
    before, after = (_total_rows(min(each, MAX_ROWS), count) for count in (first, stop))
    return after - before


def _total_rows(each: float, count: int) -> int:
    return MIN_ROWS * max(1, int(each * count / MIN_ROWS)) if count else 0


def choose_mutants(block: Block, count: int, seed: int, all_letters: bool = False) -> Array:
    """Indices of sequence, site and substitution of the mutants to check: ``[m, 3]``.

    First come the mutants with the largest changes, of several sequences; then the edges in turn,
    a site of a sequence that has positions without a letter, and random mutants.

    Args:
        block: the sequences and their answers.
        count: the maximum number of rows the model computes: mutants, and their references.
        seed: the seed of the random choices.
        all_letters: whether to take all substitutions of a site, as scores across letters need.
    """
    rng, width = np.random.default_rng([0, seed]), len(block.blocks)
    mutants: dict[tuple[int, ...], None] = {}
    records: dict[int, None] = {}
    largest = [*_largest(block, max(1, count // 4 // (width if all_letters else 1)))]
    for place in chain(largest, _edges_and_random(block, rng, seed, 4 * count, records)):
        record, site, letter = place
        letters = range(width) if all_letters else (letter,)
        places = [(record, site, letter) for letter in letters]
        new = sum(block.changed(place) for place in places if place not in mutants)
        cost = new + (record not in records)
        if (new or place in largest) and cost <= count:
            mutants |= dict.fromkeys(places)
            records[record] = None
            count -= cost
    return np.asarray(list(mutants), np.int64).reshape(-1, 3)


def _largest(block: Block, count: int) -> Iterator[tuple[int, int, int]]:
    """The mutants whose answers deviate most: one of each sequence, then a second one, and so on.

    Answers that are not finite come first.
    """
    size = _deviations(block)
    flat = size.reshape(len(size), -1)
    columns = min(-(-count // len(flat)), flat.shape[1])
    top = np.argpartition(-flat, columns - 1, 1)[:, :columns]
    top = np.take_along_axis(top, np.argsort(-np.take_along_axis(flat, top, 1), 1), 1)
    remaining = count
    for rank in top.T:
        records = np.argsort(-flat[np.arange(len(flat)), rank], kind="stable")
        for record in records[:remaining]:
            if flat[record, rank[record]] > 0:
                site, letter = divmod(int(rank[record]), size.shape[2])
                yield int(record), site, letter
        remaining -= len(records[:remaining])


def _deviations(block: Block) -> Array:
    """The deviation of each answer's extreme numbers from their mean: ``[n, S, A]``.

    It is the distance of the minimum plus that of the maximum, as a share of the largest such
    distance, for the output where that share is largest. It is infinite if a number is not finite,
    and -1 where there is no site.
    """
    total = np.zeros(block.answers[0].shape[:3])
    with np.errstate(all="ignore"):
        for y in block.answers:
            flat = y.reshape(*y.shape[:3], -1)
            if not flat.shape[-1]:
                continue
            deviation = np.zeros(total.shape)
            for end in (flat.max(-1), flat.min(-1)):
                finite = np.isfinite(end)
                middle = np.where(finite, end, 0).sum((1, 2)) / np.maximum(finite.sum((1, 2)), 1)
                deviation += np.abs(end - middle[:, None, None])
            deviation[~np.isfinite(deviation)] = np.inf
            largest = deviation[np.isfinite(deviation)].max(initial=0.0)
            total = np.maximum(total, deviation / largest if largest else deviation)
    total[block.spans[:, :, 0] < 0] = -1.0
    return total


def _edges_and_random(
    block: Block, rng: np.random.Generator, seed: int, count: int, records: Mapping[int, None]
) -> Iterator[tuple[int, int, int]]:
    """Mutants at the edges in turn, at positions without a letter, and at random.

    They come from sequences already chosen, if there are any. Sequences that have positions without
    a letter are chosen anew.
    """
    sites = [np.flatnonzero(spans[:, 0] >= 0) for spans in block.spans]
    every = [record for record, numbers in enumerate(sites) if len(numbers)]
    empty = (block.x == 0).all(2)
    unknown = [record for record in every if empty[record].any()]
    for number in range(count if every else 0):
        candidates = unknown if unknown and number in (1, 3) else list(records) or every
        record = int(rng.choice(candidates))
        numbers = sites[record]
        if number in (0, 2):
            site = numbers[0 if (seed + number // 2) % 2 == 0 else -1]
        else:
            starts = block.spans[record, numbers, 0]
            unknown_sites = numbers[empty[record, starts]] if number == 1 else numbers
            site = rng.choice(unknown_sites if len(unknown_sites) else numbers)
        letters = [(record, int(site), int(c)) for c in rng.permutation(len(block.blocks))]
        yield next(filter(block.changed, letters), letters[0])
