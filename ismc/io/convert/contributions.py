"""Contributions of letters, as consumers of hypothetical scores read them.

A hypothetical contribution says what each letter would bring at a position, whether it is there or
not; times the one-hot sequence it is the contribution of the letter that is there. Scores that are
centred already are contributions. Others that have a sign are centred over the four letters: a
difference is 0 at the letter that is there, so that times the sequence nothing would be left of it.
Scores without a sign are distances, and no contributions.

Where only some positions were scanned, contributions are 0 at all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ismc.errors import ArtifactError, InputError
from ismc.io.convert.format import Request
from ismc.io.convert.selection import Choice, chosen
from ismc.io.stores.facts import LETTERS, Facts
from ismc.io.stores.store import Store

Array = np.ndarray


def check_bases(facts: Facts) -> None:
    """Checks that scores are of single positions and of the letters ACGT.

    Raises:
        InputError: for wider sites, other letters, or sites of variants.
    """
    if facts.slots:
        raise InputError(
            "The store holds variants, expected scores of every letter at all sites.",
            hint="ismc convert writes a table .tsv of them.",
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
    """Checks that letters contribute with a sign.

    Raises:
        InputError: for a distance.
    """
    if not facts.signed:
        raise InputError(
            f"The score {facts.score} is a distance without a sign, expected one that says which "
            "way the output goes.",
            hint="Run again with --score difference or centred; bigwig takes distances too.",
        )


def contributing(request: Request) -> Choice:
    """The number of each score that a file of contributions holds.

    Raises:
        InputError: when the store has no contributions of letters, or more than one number.
    """
    facts = request.store.facts
    check_bases(facts)
    check_signed(facts)
    return chosen(facts, request.output, request.task)


def how(facts: Facts) -> str:
    """What was done to scores to make contributions of them, in words."""
    return "as scored" if facts.centred else "scores, less their mean over the four letters"


def hypothetical(facts: Facts, scores: Array) -> Array:
    """Contributions of scores ``[n, S, 4]`` that have a sign."""
    return scores if facts.centred else scores - scores.mean(2, keepdims=True)


def records(
    store: Store, output: str, index: tuple[int, ...] = ()
) -> Iterator[tuple[slice, Array, Array]]:
    """Rows, sequences int8 ``[n, L, 4]`` and scores float32 ``[n, S, 4, ...]``, block by block.

    Args:
        store: a complete one.
        output: the name of an output.
        index: where to look in its score ``[*score]``; all of it by default.

    Raises:
        ArtifactError: when a block cannot be read.
        InputError: when a score is no finite number.
    """
    array = store.scores(output)
    for block in range(store.facts.blocks):
        rows = store.facts.rows(block)
        scores = read(store, array, (rows, slice(None), slice(None), *index))
        check_finite(store, rows, scores)
        yield rows, read(store, store.one_hot, rows), scores


def contributions(store: Store, choice: Choice) -> Iterator[tuple[slice, Array, Array]]:
    """Rows, sequences int8 and contributions float32, both ``[n, L, 4]``, block by block.

    Raises:
        ArtifactError, InputError: as `records`.
    """
    facts = store.facts
    at = positions(facts)
    for rows, one_hot, scores in records(store, choice.output.name, choice.index):
        yield rows, one_hot, spread(hypothetical(facts, scores), at, facts.length)


def positions(facts: Facts) -> Array:
    """int64 ``[S]``, of sites of one position each."""
    return np.asarray([start for start, _ in facts.sites], np.int64)


def spread(values: Array, at: Array, length: int) -> Array:
    """Values ``[n, S, ...]`` at positions ``[S]`` of ``[n, length, ...]``, 0 elsewhere."""
    found = np.zeros((len(values), length, *values.shape[2:]), values.dtype)
    found[:, at] = values
    return found


def check_finite(store: Store, rows: slice, scores: Array) -> None:
    """Checks the scores of some records.

    Raises:
        InputError: when one is no finite number.
    """
    bad = ~np.isfinite(scores).reshape(len(scores), -1).all(1)
    if bad.any():
        name = str(store.names[rows.start + int(bad.argmax())])
        raise InputError(
            f"Scores of the record {name!r} are infinite or not a number, expected finite ones for "
            "this format.",
            hint="Leave the record out of the run; npz, h5 and tsv hold any number.",
        )


def read(store: Store, array: Any, where: Any) -> Array:
    """A part of an array of the store.

    Raises:
        ArtifactError: when it is damaged.
    """
    try:
        return np.asarray(array[where])
    except (KeyError, OSError, RuntimeError, ValueError) as error:
        raise ArtifactError(
            f"The store {store.path} cannot be read at {array.path} ({error}).",
            hint="Its files are damaged; score it again.",
        ) from error
