"""What stands in a file of scores, whatever its format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ismc import __version__
from ismc.io.fasta import LETTERS, Records

if TYPE_CHECKING:
    from ismc.compiled import CompiledISM

MEANING = (
    f"scores[b, s, c] = mutant - reference: the model's output with the letter {LETTERS}[c] "
    "written at sites[s] of sequence b, minus reference[b]. It is 0 where that letter stands "
    "already. The mutant's own output is scores[b, s, c] + reference[b]."
)


@dataclass(frozen=True)
class Contents:
    """Everything in a file but the scores themselves.

    Attributes:
        records: names and sequences ``[B, L, 4]``.
        sites: half-open ranges, ``S`` of them.
        outputs: names and shapes of the outputs, all names different.
        model: the file name of the model.
        plan: the digest of the compiler's plan.
    """

    records: Records
    sites: tuple[tuple[int, int], ...]
    outputs: tuple[tuple[str, tuple[int, ...]], ...]
    model: str
    plan: str

    @property
    def count(self) -> int:
        """``B``."""
        return len(self.records.names)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the float32 datasets, by key.

        One output is at ``scores`` ``[B, S, 4, *output]`` and ``reference`` ``[B, *output]``,
        several are at ``scores/<output>`` and ``reference/<output>``.
        """
        scored = (self.count, len(self.sites), len(LETTERS))
        found = {}
        for kind, axes in (("scores", scored), ("reference", (self.count,))):
            for name, shape in self.outputs:
                found[self.key(kind, name)] = (*axes, *shape)
        return found

    def key(self, kind: str, output: str) -> str:
        """Where the scores or the reference of an output are."""
        return kind if len(self.outputs) == 1 else f"{kind}/{output}"

    def fixed(self) -> dict[str, np.ndarray]:
        """``one_hot`` int8 ``[B, L, 4]`` and ``sites`` int64 ``[S, 2]``."""
        return {
            "one_hot": self.records.one_hot.astype(np.int8),
            "sites": np.asarray(self.sites, np.int64).reshape(-1, 2),
        }

    def attributes(self) -> dict[str, str]:
        """Where the scores come from, and what they mean."""
        return {
            "about": MEANING,
            "letters": LETTERS,
            "ismc_version": __version__,
            "model": self.model,
            "plan": self.plan,
        }


def contents_of(ism: CompiledISM, records: Records, model: str) -> Contents:
    """What the file of a compiled program's scores holds.

    Args:
        ism: a program compiled with ``score=difference``.
        records: the sequences.
        model: the file name of the model.
    """
    shapes = [shape for _, shape in ism.plan.outputs]
    outputs = tuple(zip(_different(ism.output_names), shapes, strict=True))
    return Contents(records, tuple(ism.sites), outputs, model, ism.plan.digest)


def _different(names: Sequence[str]) -> list[str]:
    """The names, with a number after those that stand before; a layer may have two outputs."""
    found: list[str] = []
    for name in names:
        label, count = name, 1
        while label in found:
            label, count = f"{name}_{count}", count + 1
        found.append(label)
    return found
