"""`Block`: sequences with the answers for their mutants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ismc.execution.inputs import is_one_hot

Array = np.ndarray


@dataclass(frozen=True)
class Block:
    """Sequences, and the answers for all their mutants.

    Shapes: ``n`` sequences, ``S`` sites, ``A`` substitutions, ``W`` the width of the widest site.

    Attributes:
        inputs: the inputs of the model by name, ``[n, ...]`` each.
        sequence: the name of the mutated input, ``[n, L, C]``.
        spans: half-open positions of the sites, ``[n, S, 2]``; -1 if a sequence has fewer sites.
        blocks: the substitutions of a site, ``[A, W, C]``.
        answers: the scores ``[n, S, A, *score]`` of each output.
        saturates: whether the substitutions are all letters.
    """

    inputs: Mapping[str, Array]
    sequence: str
    spans: Array
    blocks: Array
    answers: Sequence[Array]
    saturates: bool = True

    @property
    def x(self) -> Array:
        """The sequences, ``[n, L, C]``."""
        return self.inputs[self.sequence]

    @property
    def kind(self) -> str:
        """The kind of program that answers: one-hot sequences have a program of their own."""
        return "letters" if self.saturates and is_one_hot(self.x) else f"other {self.saturates}"

    def written(self, mutants: Array) -> Array:
        """The sequences ``[m, L, C]`` of mutants ``[m, 3]``: sequence, site and substitution."""
        mutated = self.x[mutants[:, 0]].copy()
        for row, (record, site, block) in zip(mutated, mutants, strict=True):
            start, stop = self.spans[record, site]
            row[start:stop] = self.blocks[block, : stop - start]
        return mutated

    def changed(self, mutant: Sequence[int]) -> bool:
        """Whether a mutant differs from its sequence."""
        record, site, block = mutant
        start, stop = self.spans[record, site]
        return bool((self.x[record, start:stop] != self.blocks[block, : stop - start]).any())

    def answered(self, output: int, mutants: Array) -> Array:
        """The answers for mutants ``[m, 3]``: ``[m, *score]``."""
        records, sites, blocks = mutants.T
        return self.answers[output][records, sites, blocks]


def spans_of(sites: Sequence[tuple[int, int]], count: int, at: Array | None = None) -> Array:
    """Spans ``[n, S, 2]`` of the same sites in all sequences, or of positions ``at`` ``[n, S]``."""
    if at is None:
        return np.broadcast_to(np.asarray(sites, np.int64), (count, len(sites), 2))
    return np.stack([at, np.where(at < 0, -1, at + 1)], -1).astype(np.int64)


def letters_at(sites: Sequence[tuple[int, int]], channels: int) -> Array:
    """Every letter over the widest site, ``[C, W, C]``."""
    width = max((stop - start for start, stop in sites), default=1)
    return np.repeat(np.eye(channels, dtype=np.float32)[:, None], width, 1)
