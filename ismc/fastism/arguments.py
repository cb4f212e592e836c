"""Converts arguments and results between the forms of fastISM and of ismc."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ismc.errors import InputError

Array = np.ndarray
Ranges = Sequence[tuple[int, int]]


def check_ranges(ranges: Ranges | None) -> list[tuple[int, int]] | None:
    """The ranges as pairs of integers, checked to have equal widths.

    Raises:
        InputError: when a range is not a pair, or the widths differ.
    """
    if ranges is None:
        return None
    try:
        pairs = [(int(start), int(end)) for start, end in ranges]
    except (TypeError, ValueError) as error:
        raise InputError(
            f"change_ranges is {ranges!r}, expected a list of (start, end)."
        ) from error
    widths = sorted({end - start for start, end in pairs})
    if len(widths) > 1:
        raise InputError(
            f"change_ranges has ranges of the widths {', '.join(map(str, widths))}, expected "
            "one width.",
            hint="ismc.compile(model, sites=...) takes ranges of several widths.",
        )
    return pairs


def flat_outputs(nest: Any) -> list[Array]:
    """The outputs of a call as a list, in the order of ``model.outputs``."""
    import keras

    return [np.asarray(y) for y in keras.tree.flatten(nest)]


def equals_block(x: Array, ranges: Ranges, block: Array) -> Array:
    """Where the sequence already equals the replacement.

    Args:
        x: ``[B, L, C]``.
        ranges: ``S`` ranges of one width.
        block: the replacement, ``[width, C]``.

    Returns:
        ``bool[B, S]``.
    """
    starts = np.array([start for start, _ in ranges])
    same = np.ones((len(x), len(starts)), bool)
    for i, letter in enumerate(block):
        same &= (x[:, starts + i] == letter).all(-1)
    return same


def nest_inputs(arrays: Mapping[str, Array], names: Any) -> Any:
    """The inputs, nested as the model takes them."""
    import keras

    return keras.tree.map_structure(lambda name: arrays[name], names)
