"""The check of records of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ismc.ism.checking.block import Block, letters_at, spans_of
from ismc.ism.checking.check import checked

if TYPE_CHECKING:
    from ismc.io.stores.store import Store

Array = np.ndarray


def checked_rows(
    ism: Any,
    store: Store,
    rows: slice,
    one_hot: Array,
    at: Array | None,
    scores: list[Array],
    references: list[Array],
    mode: bool | str,
) -> tuple[list[Array], Array]:
    """The scores of records, checked, and what the check found.

    See `ismc.ism.checking.check.checked`.
    Records that came together are one run, whoever scores them.

    Args:
        ism: what answered.
        store: that scores are written to.
        rows: the records, of one block.
        one_hot: int8 ``[n, L, 4]``.
        at: ``[n, S]`` positions of each record's own sites, or ``None``.
        scores: ``[n, S, 4, *score]`` of each output.
        references: ``[n, *output]`` of each output.
        mode: see `ismc.compile`.

    Raises:
        VerificationError: when scores are wrong, and are not to be recomputed.
    """
    inputs = ism.inputs(np.asarray(one_hot, np.float32))
    (sequence,) = inputs
    spans = spans_of(ism.sites, len(one_hot), at)
    blocks = letters_at([(0, 1)] if at is not None else ism.sites, one_hot.shape[2])
    block = Block(inputs, sequence, spans, blocks, scores)
    own = None if ism.score_name else references
    begin = store.facts.first_with(rows.start)
    return checked(
        ism, block, mode, rows.start - begin, lambda i: f"record {store.names[begin + i]!r}", own
    )
