"""Variants as arrays of a store: the sites of each window, and the table of variants."""

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
    """The sites of each window, int64 ``[windows, max sites]``, ascending, padded with -1."""
    sites: list[set[int]] = [set() for _ in variants.windows.names]
    for row in variants.rows:
        if row.window >= 0:
            sites[row.window].add(row.site)
    array = np.full((len(sites), max(map(len, sites), default=1)), -1, np.int64)
    for padded, window in zip(array, sites, strict=True):
        padded[: len(window)] = sorted(window)
    return array


def variant_columns(variants: Variants, at: Array) -> dict[str, Array]:
    """The columns ``variants/<column>``; ``slot`` is the index of a site in its window."""
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


def variants_digest(variants: Variants) -> str:
    """SHA-256 of the windows and the alleles."""
    result = sha256(variants.windows.digest.encode())
    for row in variants.rows:
        result.update(repr([getattr(row, name) for name in COLUMNS]).encode())
    return result.hexdigest()


def variant_positions(variants: Variants) -> list[int]:
    """Every position in a window at which there is a variant, ascending."""
    return sorted({row.site for row in variants.rows if row.window >= 0})


def renumber(more: Mapping[str, Array], windows: int, width: int) -> dict[str, Array]:
    """The arrays of variants, renumbered to be appended to those of a store.

    Args:
        more: ``at`` and the table of variants, from `slots` and `table`.
        windows: the number of windows in the store.
        width: sites per window in the store; at least as many as in ``at``.
    """
    arrays, at = dict(more), more["at"]
    arrays["at"] = np.pad(at, ((0, 0), (0, width - at.shape[1])), constant_values=-1)
    window = arrays["variants/window"]
    arrays["variants/window"] = np.where(window < 0, window, window + windows)
    return arrays
