"""Hypothetical contributions of letters, from scores.

A hypothetical contribution is what each of the four letters would contribute at a position. Its
product with the one-hot sequence is the contribution of the reference letter. Centred scores are
contributions. Other signed scores are centred over the four letters: a difference is 0 at the
reference letter, so its product with the sequence would be 0 everywhere. Scores without a sign are
distances, not contributions.

Contributions are 0 at positions that were not scanned.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ismc.errors import ArtifactError, InputError
from ismc.io.convert.format import Request
from ismc.io.convert.selection import Choice, choose_number
from ismc.io.stores.facts import LETTERS, Facts
from ismc.io.stores.store import Store

Array = np.ndarray


def check_bases(facts: Facts) -> None:
    """Checks that sites are single positions and letters are ACGT.

    Raises:
        InputError: for wider sites, other letters, or a store of variants.
    """
    if facts.slots:
        raise InputError(
            "The store holds variants, expected scores of every letter at all sites.",
            hint="Write the table of variants with ismc convert -o FILE.tsv.",
        )
    if facts.letters != LETTERS:
        raise InputError(
            f"The letters of the store are {facts.letters}, expected {LETTERS} for this format.",
            hint="Formats for other letters are npz, h5 and tsv.",
        )
    for start, stop in facts.sites:
        if stop - start != 1:
            raise InputError(
                f"The site {start}:{stop} has {stop - start} positions, expected one for this "
                "format.",
                hint="Score single positions, or write npz, h5 or tsv.",
            )


def check_signed(facts: Facts) -> None:
    """Checks that scores have a sign.

    Raises:
        InputError: for distances.
    """
    if not facts.signed:
        raise InputError(
            f"The score {facts.score} is a distance without a sign, expected one with a direction.",
            hint="Run again with --score difference or centred; bigwig takes distances too.",
        )


def contributing(request: Request) -> Choice:
    """The number of each score that a file of contributions takes.

    Raises:
        InputError: when the scores are not contributions of letters, or have several numbers and
            none is chosen.
    """
    facts = request.store.facts
    check_bases(facts)
    check_signed(facts)
    return choose_number(facts, request.output, request.task)


def how(facts: Facts) -> str:
    """How contributions are computed from scores, in words."""
    return "as scored" if facts.centred else "scores, less their mean over the four letters"


def hypothetical(facts: Facts, scores: Array) -> Array:
    """Hypothetical contributions ``[n, S, 4]`` from signed scores ``[n, S, 4]``."""
    return scores if facts.centred else scores - scores.mean(2, keepdims=True)


def records(
    store: Store, output: str, index: tuple[int, ...] = ()
) -> Iterator[tuple[slice, Array, Array]]:
    """Rows, sequences int8 ``[n, L, 4]`` and scores float32 ``[n, S, 4, ...]``, block by block.

    Args:
        store: a complete store.
        output: the name of an output.
        index: an index into its score ``[*score]``; all numbers by default.

    Raises:
        ArtifactError: when a block cannot be read.
        InputError: when a score is not finite.
    """
    array = store.scores(output)
    for block in range(store.facts.blocks):
        rows = store.facts.rows(block)
        scores = read_array(store, array, (rows, slice(None), slice(None), *index))
        check_finite(store, rows, scores)
        yield rows, read_array(store, store.one_hot, rows), scores


def contributions(store: Store, choice: Choice) -> Iterator[tuple[slice, Array, Array]]:
    """Rows, sequences int8 and contributions float32, both ``[n, L, 4]``, block by block.

    Raises:
        ArtifactError, InputError: as for `records`.
    """
    facts = store.facts
    at = site_positions(facts)
    for rows, one_hot, scores in records(store, choice.output.name, choice.index):
        yield rows, one_hot, spread(hypothetical(facts, scores), at, facts.length)


def site_positions(facts: Facts) -> Array:
    """The positions of sites of width 1, int64 ``[S]``."""
    return np.asarray([start for start, _ in facts.sites], np.int64)


def spread(values: Array, at: Array, length: int) -> Array:
    """Values ``[n, S, ...]`` at positions ``[S]`` of an array ``[n, length, ...]``, 0 elsewhere."""
    full = np.zeros((len(values), length, *values.shape[2:]), values.dtype)
    full[:, at] = values
    return full


def check_finite(store: Store, rows: slice, scores: Array) -> None:
    """Checks that the scores of records are finite.

    Raises:
        InputError: when one is infinite or not a number.
    """
    bad = ~np.isfinite(scores).reshape(len(scores), -1).all(1)
    if bad.any():
        name = str(store.names[rows.start + int(bad.argmax())])
        raise InputError(
            f"Scores of the record {name!r} are infinite or not a number, expected finite ones for "
            "this format.",
            hint="Exclude the record from the run, or write npz, h5 or tsv, which hold any number.",
        )


def read_array(store: Store, array: Any, where: Any) -> Array:
    """A part of an array of the store, read into memory.

    Raises:
        ArtifactError: when the array is damaged.
    """
    try:
        return np.asarray(array[where])
    except (KeyError, OSError, RuntimeError, ValueError) as error:
        raise ArtifactError(
            f"The store {store.path} cannot be read at {array.path} ({error}).",
            hint="The files of the store are damaged; score again.",
        ) from error
