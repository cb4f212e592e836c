"""Checks scores of records of a store against the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ismc.ism.checking.block import Block, letters_at, spans_of
from ismc.ism.checking.check import checked

if TYPE_CHECKING:
    from ismc.io.stores.store import Store

Array = np.ndarray


def check_rows(
    program: Any,
    store: Store,
    rows: slice,
    one_hot: Array,
    at: Array | None,
    scores: list[Array],
    references: list[Array],
    mode: bool | str,
) -> tuple[list[Array], Array]:
    """The checked scores of records, and the result of the check.

    See `ismc.ism.checking.check.checked`. All records of one source count as one run, no matter
    which processes score them.

    Args:
        program: the program that computed the scores.
        store: the store that the scores are written to.
        rows: the records, all in one block.
        one_hot: int8 ``[n, L, 4]``.
        at: ``[n, S]`` positions of each record's own sites, or ``None``.
        scores: ``[n, S, 4, *score]`` of each output.
        references: ``[n, *output]`` of each output.
        mode: see `ismc.compile`.

    Raises:
        VerificationError: when a score is wrong and ``mode`` does not ask to recompute it.
    """
    inputs = program.inputs(np.asarray(one_hot, np.float32))
    (sequence,) = inputs
    spans = spans_of(program.sites, len(one_hot), at)
    blocks = letters_at([(0, 1)] if at is not None else program.sites, one_hot.shape[2])
    block = Block(inputs, sequence, spans, blocks, scores)
    subtracted = None if program.score_name else references
    begin = store.facts.first_with(rows.start)
    return checked(
        program,
        block,
        mode,
        rows.start - begin,
        lambda i: f"record {store.names[begin + i]!r}",
        subtracted,
    )
