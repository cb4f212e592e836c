"""Assigns sites to tiles, and builds a program's index tables from the offsets of each site."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from math import ceil, gcd, prod

import numpy as np

from ismc.execution.signature import OFFSET, ORDER, SPANS, TILE_COUNT, TILE_IDS, Name
from ismc.plan import cost
from ismc.plan.plan import Band, Plan

Array = np.ndarray
MAX_BLOCK_ROWS = 128
MAX_ANSWER_BYTES = 64 << 20  # bytes of answers per call, about


@dataclass(frozen=True)
class Arrangement:
    """The parts of the sites, which run concurrently, and the tiles of each part.

    All parts have the same number of tiles and of sites per tile; the last active site of a part is
    repeated as padding.

    Attributes:
        parts: the range ``(start, stop)`` of each part's sites; together they cover all sites.
        tiles: the number of tiles per part.
        sites: the number of sites per tile.
        letters: substitutions per site, ``A``.
        at: by key, offsets ``int32[parts, tiles, sites * letters]``, or kernel rows
            ``int32[parts, tiles]``.
        order: ``int32[parts, longest part]``, the index of each site in the tiles of its part, or
            ``tiles * sites`` if the site is inactive.
        spans: ``int32[parts, longest part, 2]``, the start and stop of each site.
        sizes: by key, the band and the step of each Dense after Flatten.
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
        plan: the plan of the scan.
        letters: substitutions per site.
        batch: sequences per call.
        tile: sites per tile; 0 takes the plan's number.
        threads: the maximum number of parts; fewer are made if each would have too little work.
    """
    active = np.asarray(plan.active, np.int64)
    work = plan.seconds[0] * letters * batch * len(active)
    parts = _parts(plan, max(1, min(threads, len(active), int(work / cost.MIN_SECONDS_PER_THREAD))))
    active_by_part = [active[(active >= begin) & (active < end)] for begin, end in parts]
    most_active = max(len(part) for part in active_by_part)
    size = max(1, min(most_active, tile or plan.mutants // (letters * batch)))
    tiles = ceil(most_active / size)
    size = ceil(most_active / max(tiles, 1))
    max_sites = max(end - begin for begin, end in parts)
    order = np.full((len(parts), max_sites), tiles * size, np.int32)
    where = np.zeros((len(parts), tiles * size), np.int64)
    for i, ((begin, _), part) in enumerate(zip(parts, active_by_part, strict=True)):
        order[i, part - begin] = np.arange(len(part))
        where[i] = part[np.minimum(np.arange(tiles * size), len(part) - 1)]
    where = where.reshape(len(parts), tiles, size)
    indices = [np.minimum(np.arange(begin, begin + max_sites), end - 1) for begin, end in parts]
    spans = np.asarray(plan.sites, np.int32).reshape(-1, 2)[np.array(indices)]
    at, sizes = tables(plan, where, letters)
    for key, values in plan.offsets.items():
        at[key] = np.repeat(np.asarray(values, np.int32)[where], letters, axis=2)
    return Arrangement(parts, tiles, size, letters, at, order, spans, sizes)


def _parts(plan: Plan, count: int) -> tuple[tuple[int, int], ...]:
    """Ranges of site numbers whose counts of active sites differ by at most one."""
    active = np.sort(np.asarray(plan.active, np.int64))
    bounds = [int(active[len(active) * i // count]) for i in range(1, count)]
    return tuple(pairwise([0, *bounds, len(plan.sites)]))


def tables_of(arrangement: Arrangement) -> list[dict[Name, Array]]:
    """The arguments that each part has of its own; they are the same for every call."""
    at = arrangement.at
    return [
        {
            **{(OFFSET, key): np.asarray(at[key][i], np.int32) for key in sorted(at)},
            ORDER: arrangement.order[i],
            SPANS: arrangement.spans[i],
            TILE_IDS: np.arange(arrangement.tiles, dtype=np.int32),
            TILE_COUNT: np.asarray(arrangement.tiles, np.int32),
        }
        for i in range(len(arrangement.parts))
    ]


def chosen_tiles(arrangement: Arrangement, sites: Sequence[int]) -> list[dict[Name, Array]]:
    """The arguments of each part that make a program run only the tiles of the given sites."""
    arguments = []
    for (begin, end), order in zip(arrangement.parts, arrangement.order, strict=True):
        rows = [site - begin for site in sites if begin <= site < end]
        tiles = np.unique(order[rows] // max(arrangement.sites, 1))
        tiles = tiles[tiles < arrangement.tiles]
        padded = np.resize(tiles, arrangement.tiles) if tiles.size else np.zeros(arrangement.tiles)
        count = np.asarray(tiles.size, np.int32)
        arguments.append({TILE_IDS: padded.astype(np.int32), TILE_COUNT: count})
    return arguments


def batch_of(plan: Plan, shapes: Sequence[Sequence[int]], max_bytes: int) -> int:
    """The number of sequences whose answers of these shapes fit ``max_bytes``, from 1 to 32."""
    mutants = len(plan.sites) * plan.sequence_shape[1]
    bytes_per_sequence = 4 * mutants * sum(prod(shape) for shape in shapes)
    return max(1, min(32, max_bytes // max(bytes_per_sequence, 1)))


def repeat_inputs(inputs: Mapping[str, Array], batch: int) -> dict[str, Array]:
    """Inputs repeated to a given number of sequences."""
    return {
        name: value if len(value) == batch else value[np.arange(batch) % len(value)]
        for name, value in inputs.items()
    }


def buckets(plan: Plan, letters: int) -> list[int]:
    """The batch sizes that programs are compiled for: powers of two, up to a full tile."""
    mutants = max(1, len(plan.active) * letters)
    size = 1
    while size * 2 * mutants <= plan.mutants and size < 1024:
        size *= 2
    return [1 << i for i in range(size.bit_length())]


def batches(
    plan: Plan, count: int, letters: int, devices: int = 1
) -> Iterator[tuple[int, int, int]]:
    """The first sequence, the count, and the compiled batch size (a power of two) of each call.

    Calls are small enough that every device gets one.
    """
    largest = min(buckets(plan, letters)[-1], ceil(count / devices))
    for begin in range(0, count, largest):
        size = min(largest, count - begin)
        yield begin, size, 1 << (size - 1).bit_length()


def tables(plan: Plan, where: Array, letters: int) -> tuple[dict[str, Array], dict[str, int]]:
    """The offsets and sizes of every Dense after Flatten.

    ``where`` is the sites of each tile, ``[parts, tiles, sites]``.
    """
    at: dict[str, Array] = {}
    sizes: dict[str, int] = {}
    for band in plan.bands:
        offsets = block_positions(band, where, letters) if band.by_position else rows(band, where)
        at |= offsets[0]
        sizes |= offsets[1]
    return at, sizes


def rows(band: Band, where: Array) -> tuple[dict[str, Array], dict[str, int]]:
    """The first kernel row of each tile, ``int32[parts, tiles]``; the row count and the step."""
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


def block_positions(
    band: Band, where: Array, letters: int
) -> tuple[dict[str, Array], dict[str, int]]:
    """The mutants that change each block of positions, and the starts of their spans.

    A position is a group of ``grain`` kernel rows, the common divisor of all spans. The tables, by
    part, are ``starts``, the first position of each mutant's span; and for each block the ``first``
    mutant that changes it, its first ``position``, and the position ``from`` which its products
    count (the last block overlaps the one before). Parts that change fewer blocks than others are
    padded with blocks whose products do not count.
    """
    starts = np.asarray(band.starts, np.int64)[where].reshape(len(where), -1)
    grain = reduce(gcd, map(int, np.unique(np.abs(starts))), gcd(band.width, band.length))
    starts, width, length = starts // grain, band.width // grain, band.length // grain
    block = min(max(1, MAX_BLOCK_ROWS // grain), max(1, width // 2), length)
    blocks = np.arange(0, length, block)
    changed_by_part = [_changed(part, blocks, block, width) for part in starts]
    count = max(len(begins) for begins, _, _ in changed_by_part)
    max_changed = max(
        (int((last - first).max(initial=0)) for _, first, last in changed_by_part), default=0
    )
    at = {
        "starts": np.repeat(starts, letters, axis=1),
        "first": np.zeros((len(changed_by_part), count), np.int64),
        "from": np.full((len(changed_by_part), count), length),
        "position": np.zeros((len(changed_by_part), count), np.int64),
    }
    for i, (begins, first, _) in enumerate(changed_by_part):
        used = slice(len(begins))
        at["first"][i, used] = np.minimum(first, starts.shape[1] - max_changed) * letters
        at["from"][i, used] = begins
        at["position"][i, used] = np.minimum(begins, length - block)
    complete = all(len(begins) == len(blocks) for begins, _, _ in changed_by_part)
    ordered = int(complete and length % block == 0)
    sizes = {"most": max_changed * letters, "block": block, "grain": grain, "ordered": ordered}
    tables = {f"{band.key}_{name}": table.astype(np.int32) for name, table in at.items()}
    return tables, {f"{band.key}_{name}": size for name, size in sizes.items()}


def _changed(starts: Array, blocks: Array, block: int, width: int) -> tuple[Array, Array, Array]:
    """The blocks that spans change, and the range of spans that change each block.

    Args:
        starts: the first position of each span.
        blocks: the first position of each block.
        block: positions per block.
        width: positions per span.

    Returns:
        For each changed block, its first position, the first span that changes it, and the one
        after the last.
    """
    changes = (starts[None] < blocks[:, None] + block) & (starts[None] + width > blocks[:, None])
    blocks, changes = blocks[changes.any(1)], changes[changes.any(1)]
    first = np.array([row.argmax() for row in changes], np.int64)
    last = starts.size - np.array([row[::-1].argmax() for row in changes], np.int64)
    return blocks, first, last
