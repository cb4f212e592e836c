"""Puts sites into tiles, and turns per-site offsets into the arrays that a program takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from math import ceil, gcd

import numpy as np

from ismc.plan import Band, Plan

Array = np.ndarray


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
        return Arrangement(0, 0, letters, {}, np.zeros(len(plan.sites), np.int32), {})
    size = min(len(active), tile or max(1, plan.mutants // (letters * batch)))
    tiles = ceil(len(active) / size)
    size = ceil(len(active) / tiles)
    where = active[np.minimum(np.arange(tiles * size), len(active) - 1)].reshape(tiles, size)
    order = np.full(len(plan.sites), tiles * size, np.int32)
    order[active] = np.arange(len(active))
    at: dict[str, Array] = {}
    for key, values in plan.offsets.items():
        per_site = np.asarray(values, np.int32)[where]
        at[key] = np.repeat(per_site, letters, axis=1)
    sizes: dict[str, int] = {}
    for band in plan.bands:
        at[band.key], sizes[band.key], sizes[f"{band.key}_grain"] = rows(band, where)
    return Arrangement(tiles, size, letters, at, order, sizes)


def rows(band: Band, where: Array) -> tuple[Array, int, int]:
    """First kernel row of each tile ``int32[tiles]``, how many rows, and what moves together."""
    starts = np.asarray(band.starts, np.int64)[where]
    first, last = starts.min(1), starts.max(1) + band.width
    count = min(int((last - first).max()), band.length)
    first = np.clip(first, 0, band.length - count)
    steps = np.unique(starts - first[:, None])
    grain = reduce(gcd, map(int, np.abs(steps)), gcd(band.width, count))
    return first.astype(np.int32), count, max(grain, 1)
