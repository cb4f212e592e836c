"""Puts sites into tiles, and turns per-site offsets into the arrays that a program takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import ceil, gcd, prod

import numpy as np

from ismc.plan import Band, Plan

Array = np.ndarray
ROWS = 128


@dataclass(frozen=True)
class Arrangement:
    """Sites in tiles, for programs of ``letters`` substitutions per site.

    Attributes:
        tiles: how many tiles there are.
        sites: how many sites each holds; the last one is filled up with its last site.
        letters: substitutions per site, ``A``.
        at: ``int32[tiles, sites * letters]`` offsets by key; kernel rows are ``int32[tiles]``.
        order: ``int32[S]``, where each site stands among the tiles; one past them if inactive.
        sizes: band and grain of each Dense after Flatten, by key.
    """

    tiles: int
    sites: int
    letters: int
    at: Mapping[str, Array]
    order: Array
    sizes: Mapping[str, int]


def arrange(plan: Plan, letters: int, batch: int = 1, tile: int = 0) -> Arrangement:
    """The tiles of a plan. ``tile`` overrides the sites of one tile."""
    active = np.asarray(plan.active, np.int64)
    if not active.size:
        at, sizes = tables(plan, np.zeros((0, 0), np.int64), letters)
        return Arrangement(0, 0, letters, at, np.zeros(len(plan.sites), np.int32), sizes)
    size = min(len(active), tile or max(1, plan.mutants // (letters * batch)))
    tiles = ceil(len(active) / size)
    size = ceil(len(active) / tiles)
    where = active[np.minimum(np.arange(tiles * size), len(active) - 1)].reshape(tiles, size)
    order = np.full(len(plan.sites), tiles * size, np.int32)
    order[active] = np.arange(len(active))
    at, sizes = tables(plan, where, letters)
    for key, values in plan.offsets.items():
        per_site = np.asarray(values, np.int32)[where]
        at[key] = np.repeat(per_site, letters, axis=1)
    return Arrangement(tiles, size, letters, at, order, sizes)


def tables_of(plan: Plan, found: Arrangement) -> list[Array]:
    """The last arguments of a program, the same for every call."""
    at = [np.asarray(found.at[key], np.int32) for key in sorted(found.at)]
    every = np.arange(found.tiles, dtype=np.int32)
    return [
        *at,
        found.order,
        plan.starts.astype(np.int32),
        every,
        np.asarray(found.tiles, np.int32),
    ]


def chosen_tiles(found: Arrangement, sites: Sequence[int]) -> tuple[Array, Array]:
    """The last two arguments of a program that runs the tiles of some sites alone."""
    tiles = np.unique(found.order[list(sites)] // max(found.sites, 1))
    tiles = tiles[tiles < found.tiles]
    every = np.resize(tiles, found.tiles) if tiles.size else np.zeros(found.tiles)
    return every.astype(np.int32), np.asarray(tiles.size, np.int32)


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
    """The offsets and sizes of every Dense after Flatten; ``where`` are the sites of each tile."""
    at: dict[str, Array] = {}
    sizes: dict[str, int] = {}
    for band in plan.bands:
        found = positions(band, where, letters) if band.by_position else rows(band, where)
        at |= found[0]
        sizes |= found[1]
    return at, sizes


def rows(band: Band, where: Array) -> tuple[dict[str, Array], dict[str, int]]:
    """First kernel row of each tile ``int32[tiles]``, how many rows, and what moves together."""
    starts = np.asarray(band.starts, np.int64)[where]
    if not starts.size:
        return {}, {}
    first, last = starts.min(1), starts.max(1) + band.width
    count = min(int((last - first).max()), band.length)
    first = np.clip(first, 0, band.length - count)
    steps = np.unique(starts - first[:, None])
    grain = reduce(gcd, map(int, np.abs(steps)), gcd(band.width, count))
    sizes = {band.key: count, f"{band.key}_grain": max(grain, 1)}
    return {band.key: first.astype(np.int32)}, sizes


def positions(band: Band, where: Array, letters: int) -> tuple[dict[str, Array], dict[str, int]]:
    """Which mutants change each block of positions, and where their spans start.

    A position is as many kernel rows as all spans move by. Tables: ``starts``, the first position
    of each mutant's span; and per block the ``first`` mutant that changes it, its first position,
    and that ``from`` which its products count (the last block overlaps the one before).
    """
    starts = np.asarray(band.starts, np.int64)[where].reshape(-1)
    grain = reduce(gcd, map(int, np.unique(np.abs(starts))), gcd(band.width, band.length))
    starts, width, length = starts // grain, band.width // grain, band.length // grain
    block = min(max(1, ROWS // grain), max(1, width // 2), length)
    begins = np.arange(0, length, block)
    changes = (starts[None] < begins[:, None] + block) & (starts[None] + width > begins[:, None])
    begins, changes = begins[changes.any(1)], changes[changes.any(1)]
    first = np.array([row.argmax() for row in changes], np.int64)
    last = starts.size - np.array([row[::-1].argmax() for row in changes], np.int64)
    most = int((last - first).max()) if begins.size else 0
    first = np.minimum(first, starts.size - most)
    tables = {
        "starts": np.repeat(starts, letters),
        "first": first * letters,
        "from": begins,
        "position": np.minimum(begins, length - block),
    }
    sizes = {"most": most * letters, "block": block, "grain": grain}
    at = {f"{band.key}_{name}": table.astype(np.int32) for name, table in tables.items()}
    return at, {f"{band.key}_{name}": size for name, size in sizes.items()}
