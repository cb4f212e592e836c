"""The variants of a file as arrays of a store: their sites in each window, and their table."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import numpy as np

from ismc.io.sequences.variants import Variants

Array = np.ndarray
COLUMNS = ("line", "chrom", "pos", "id", "ref", "alt", "status", "window", "letter")
NUMBERS = ("line", "pos", "window", "slot", "letter")


def slots(variants: Variants) -> Array:
    """The sites of each window, int64 ``[windows, most]``, ascending, -1 where there are fewer."""
    sites: list[set[int]] = [set() for _ in variants.windows.names]
    for row in variants.rows:
        if row.window >= 0:
            sites[row.window].add(row.site)
    found = np.full((len(sites), max(map(len, sites), default=1)), -1, np.int64)
    for line, some in zip(found, sites, strict=True):
        line[: len(some)] = sorted(some)
    return found


def table(variants: Variants, at: Array) -> dict[str, Array]:
    """The variants, a column each, ``variants/<column>``; ``slot`` is the place among the sites."""
    columns: dict[str, list[Any]] = {
        name: [getattr(row, name) for row in variants.rows] for name in COLUMNS
    }
    columns["slot"] = [
        int(np.searchsorted(at[r.window][at[r.window] >= 0], r.site)) if r.window >= 0 else -1
        for r in variants.rows
    ]
    text = np.dtypes.StringDType()
    return {
        f"variants/{name}": np.asarray(values, np.int64 if name in NUMBERS else text)
        for name, values in columns.items()
    }


def digest(variants: Variants) -> str:
    """Of windows and alleles."""
    found = sha256(variants.windows.digest.encode())
    for row in variants.rows:
        found.update(repr([getattr(row, name) for name in COLUMNS]).encode())
    return found.hexdigest()


def positions(variants: Variants) -> list[int]:
    """Every position of a window at which some variant lies."""
    return sorted({row.site for row in variants.rows if row.window >= 0})


def behind(more: Mapping[str, Array], windows: int, width: int) -> dict[str, Array]:
    """The arrays of variants as they stand behind others.

    Args:
        more: ``at`` and the table of variants, as `slots` and `table` make them.
        windows: how many there are before.
        width: sites of each window, as many or more than ``at`` has.
    """
    found, at = dict(more), more["at"]
    found["at"] = np.pad(at, ((0, 0), (0, width - at.shape[1])), constant_values=-1)
    window = found["variants/window"]
    found["variants/window"] = np.where(window < 0, window, window + windows)
    return found
