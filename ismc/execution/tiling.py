"""Puts sites into tiles, and turns per-site offsets into the arrays that a program takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from math import ceil, gcd, prod

import numpy as np

from ismc.plan import cost
from ismc.plan.plan import Band, Plan

Array = np.ndarray
ROWS = 128
FLIGHT = 64 << 20  # bytes of answers of one call, about


@dataclass(frozen=True)
class Arrangement:
    """Sites in parts that run side by side, and the tiles of each, for programs of ``letters``.

    Every part has as many tiles, and as many sites in a tile: its last site fills up what is left.

    Attributes:
        parts: the first site of each part and the one after its last; together they are all.
        tiles: how many tiles a part has.
        sites: how many sites a tile has.
        letters: substitutions per site, ``A``.
        at: ``int32[parts, tiles, sites * letters]`` offsets by key; kernel rows are
            ``int32[parts, tiles]``.
        order: ``int32[parts, most]``, where each site of a part stands among its tiles; one past
            them if inactive.
        spans: ``int32[parts, most, 2]``, first position of each site, and the one after its last.
        sizes: band and grain of each Dense after Flatten, by key.
    """

    parts: tuple[tuple[int, int], ...]
    tiles: int
    sites: int
    letters: int
    at: Mapping[str, Array]
    order: Array
    spans: Array
    sizes: Mapping[str, int]


def arrange(
    plan: Plan, letters: int, batch: int = 1, tile: int = 0, threads: int = 1
) -> Arrangement:
    """The parts and tiles of a plan.

    Args:
        plan: what is scanned.
        letters: substitutions per site.
        batch: sequences of a call.
        tile: sites of one tile, or 0 for as many as the plan says.
        threads: how many parts there may be; there are no more than are worth it.
    """
    active = np.asarray(plan.active, np.int64)
    work = plan.seconds[0] * letters * batch * len(active)
    parts = _parts(plan, max(1, min(threads, len(active), int(work / cost.WORTH))))
    held = [active[(active >= begin) & (active < end)] for begin, end in parts]
    most = max(len(part) for part in held)
    size = max(1, min(most, tile or plan.mutants // (letters * batch)))
    tiles = ceil(most / size)
    size = ceil(most / max(tiles, 1))
    longest = max(end - begin for begin, end in parts)
    order = np.full((len(parts), longest), tiles * size, np.int32)
    where = np.zeros((len(parts), tiles * size), np.int64)
    for i, ((begin, _), part) in enumerate(zip(parts, held, strict=True)):
        order[i, part - begin] = np.arange(len(part))
        where[i] = part[np.minimum(np.arange(tiles * size), len(part) - 1)]
    where = where.reshape(len(parts), tiles, size)
    numbers = [np.minimum(np.arange(begin, begin + longest), end - 1) for begin, end in parts]
    spans = np.asarray(plan.sites, np.int32).reshape(-1, 2)[np.array(numbers)]
    at, sizes = tables(plan, where, letters)
    for key, values in plan.offsets.items():
        at[key] = np.repeat(np.asarray(values, np.int32)[where], letters, axis=2)
    return Arrangement(parts, tiles, size, letters, at, order, spans, sizes)


def _parts(plan: Plan, count: int) -> tuple[tuple[int, int], ...]:
    """Ranges of sites, by number, that have as many active ones each, or one less."""
    active = np.sort(np.asarray(plan.active, np.int64))
    cuts = [int(active[len(active) * i // count]) for i in range(1, count)]
    return tuple(pairwise([0, *cuts, len(plan.sites)]))


def tables_of(found: Arrangement) -> list[list[Array]]:
    """The last arguments of a program for each part, the same for every call."""
    every = np.arange(found.tiles, dtype=np.int32)
    return [
        [
            *(np.asarray(found.at[key][i], np.int32) for key in sorted(found.at)),
            found.order[i],
            found.spans[i],
            every,
            np.asarray(found.tiles, np.int32),
        ]
        for i in range(len(found.parts))
    ]


def chosen_tiles(found: Arrangement, sites: Sequence[int]) -> list[tuple[Array, Array]]:
    """The last two arguments of a program that runs the tiles of some sites alone, by part."""
    chosen = []
    for (begin, end), order in zip(found.parts, found.order, strict=True):
        here = [site - begin for site in sites if begin <= site < end]
        tiles = np.unique(order[here] // max(found.sites, 1))
        tiles = tiles[tiles < found.tiles]
        every = np.resize(tiles, found.tiles) if tiles.size else np.zeros(found.tiles)
        chosen.append((every.astype(np.int32), np.asarray(tiles.size, np.int32)))
    return chosen


def batch_of(plan: Plan, shapes: Sequence[Sequence[int]], most: int) -> int:
    """How many sequences have so many bytes of answers of these shapes, 32 at most."""
    mutants = len(plan.sites) * plan.sequence_shape[1]
    one = 4 * mutants * sum(prod(shape) for shape in shapes)
    return max(1, min(32, most // max(one, 1)))


def filled(inputs: Mapping[str, Array], batch: int) -> dict[str, Array]:
    """Inputs repeated to so many sequences."""
    return {
        name: value if len(value) == batch else value[np.arange(batch) % len(value)]
        for name, value in inputs.items()
    }


def buckets(plan: Plan, letters: int) -> list[int]:
    """How many sequences programs are compiled for: powers of two, as many as fill a tile."""
    mutants = max(1, len(plan.active) * letters)
    most = 1
    while most * 2 * mutants <= plan.mutants and most < 1024:
        most *= 2
    return [1 << i for i in range(most.bit_length())]


def batches(
    plan: Plan, count: int, letters: int, devices: int = 1
) -> Iterator[tuple[int, int, int]]:
    """First sequence, number, and compiled size of each call; sizes are powers of two.

    No call takes so many sequences that devices are left without one.
    """
    most = min(buckets(plan, letters)[-1], ceil(count / devices))
    for begin in range(0, count, most):
        size = min(most, count - begin)
        yield begin, size, 1 << (size - 1).bit_length()


def tables(plan: Plan, where: Array, letters: int) -> tuple[dict[str, Array], dict[str, int]]:
    """The offsets and sizes of every Dense after Flatten.

    ``where`` are the sites of each tile, ``[parts, tiles, sites]``.
    """
    at: dict[str, Array] = {}
    sizes: dict[str, int] = {}
    for band in plan.bands:
        found = positions(band, where, letters) if band.by_position else rows(band, where)
        at |= found[0]
        sizes |= found[1]
    return at, sizes


def rows(band: Band, where: Array) -> tuple[dict[str, Array], dict[str, int]]:
    """First kernel row of each tile, ``int32[parts, tiles]``; how many; what moves together."""
    starts = np.asarray(band.starts, np.int64)[where]
    if not starts.size:
        return {}, {}
    first, last = starts.min(2), starts.max(2) + band.width
    count = min(int((last - first).max()), band.length)
    first = np.clip(first, 0, band.length - count)
    steps = np.unique(starts - first[:, :, None])
    grain = reduce(gcd, map(int, np.abs(steps)), gcd(band.width, count))
    sizes = {band.key: count, f"{band.key}_grain": max(grain, 1)}
    return {band.key: first.astype(np.int32)}, sizes


def positions(band: Band, where: Array, letters: int) -> tuple[dict[str, Array], dict[str, int]]:
    """Which mutants change each block of positions, and where their spans start.

    A position is as many kernel rows as all spans move by. Tables, by part: ``starts``, the first
    position of each mutant's span; and per block the ``first`` mutant that changes it, its first
    position, and that ``from`` which its products count (the last block overlaps the one before).
    Parts that change fewer blocks than others have some of which nothing counts.
    """
    starts = np.asarray(band.starts, np.int64)[where].reshape(len(where), -1)
    grain = reduce(gcd, map(int, np.unique(np.abs(starts))), gcd(band.width, band.length))
    starts, width, length = starts // grain, band.width // grain, band.length // grain
    block = min(max(1, ROWS // grain), max(1, width // 2), length)
    blocks = np.arange(0, length, block)
    found = [_changed(part, blocks, block, width) for part in starts]
    count = max(len(begins) for begins, _, _ in found)
    most = max((int((last - first).max(initial=0)) for _, first, last in found), default=0)
    at = {
        "starts": np.repeat(starts, letters, axis=1),
        "first": np.zeros((len(found), count), np.int64),
        "from": np.full((len(found), count), length),
        "position": np.zeros((len(found), count), np.int64),
    }
    for i, (begins, first, _) in enumerate(found):
        here = slice(len(begins))
        at["first"][i, here] = np.minimum(first, starts.shape[1] - most) * letters
        at["from"][i, here] = begins
        at["position"][i, here] = np.minimum(begins, length - block)
    every = all(len(begins) == len(blocks) for begins, _, _ in found)
    ordered = int(every and length % block == 0)
    sizes = {"most": most * letters, "block": block, "grain": grain, "ordered": ordered}
    named = {f"{band.key}_{name}": table.astype(np.int32) for name, table in at.items()}
    return named, {f"{band.key}_{name}": size for name, size in sizes.items()}


def _changed(starts: Array, blocks: Array, block: int, width: int) -> tuple[Array, Array, Array]:
    """The blocks that spans from ``starts`` on change: their first positions, and their mutants.

    Of the mutants, the first that changes a block, and the one after the last.
    """
    changes = (starts[None] < blocks[:, None] + block) & (starts[None] + width > blocks[:, None])
    blocks, changes = blocks[changes.any(1)], changes[changes.any(1)]
    first = np.array([row.argmax() for row in changes], np.int64)
    last = starts.size - np.array([row[::-1].argmax() for row in changes], np.int64)
    return blocks, first, last
