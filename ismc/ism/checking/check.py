"""The check of a run: some mutants of each block are also computed by the model itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ismc.errors import InputError, VerificationError
from ismc.ism.checking.block import Block
from ismc.ism.checking.choose import FEW, allotted, chosen
from ismc.ism.checking.compare import Difference, compared
from ismc.ism.checking.model import every_score
from ismc.ism.checking.statistics import MODES, Checked, Mode, of

Array = np.ndarray
LETTERS = "ACGT"


def mode_of(check: Mode, default: Mode = True) -> bool | str:
    """What is done about answers, ``None`` standing for the default.

    Raises:
        InputError: when it is none of `ismc.ism.checking.statistics.MODES`.
    """
    found = default if check is None else check
    if not any(found is mode or (isinstance(mode, str) and found == mode) for mode in MODES):
        raise InputError(
            f"check is {found!r}, expected True, False or 'recompute'.",
            hint="True stops at a wrong answer; 'recompute' takes the model's own in its place.",
        )
    return found  # pyright: ignore[reportReturnType]


@dataclass
class Checks:
    """How the answers of a program are checked, and what checks have found in its `predict`.

    Attributes:
        mode: ``True``, ``False`` or ``"recompute"``; see `ismc.compile`.
        seen: sequences that `predict` has answered for, by the kind of call; calls of a kind are
            one run.
        found: the mutants that were checked.
    """

    mode: bool | str = True
    seen: dict[str, int] = field(default_factory=dict)
    found: Checked = field(default_factory=Checked)

    def predicted(self, ism: Any, block: Block, mode: bool | str, begin: int) -> list[Array]:
        """The answers of a batch of `predict`, checked: those that were found, or the model's.

        Args:
            ism: what answered.
            block: its answers.
            mode: see `ismc.compile`.
            begin: the number of the first sequence in the call.

        Raises:
            VerificationError: when they are wrong, and are not to be recomputed.
        """
        if mode is False:
            return list(block.answers)
        first = self.seen.get(block.kind, 0)
        answers, rows = checked(
            ism, block, mode, first, lambda number: f"sequence {begin + number - first}"
        )
        self.seen[block.kind] = first + len(block.x)  # not after an error: the next call is checked
        self.found += of(rows)
        return answers


def checked(
    ism: Any,
    block: Block,
    mode: bool | str,
    first: int,
    name: Callable[[int], str],
    own: list[Array] | None = None,
) -> tuple[list[Array], Array]:
    """The answers of a block, and what checks found: float32 ``[n, 3]``.

    See `ismc.ism.checking.statistics.of`.

    Args:
        ism: what answered.
        block: its answers.
        mode: see `ismc.compile`.
        first: the number of the block's first sequence in its run.
        name: what a sequence of the run is called, by number.
        own: as for `ismc.ism.checking.compare.compared`.

    Raises:
        VerificationError: when answers are wrong, and are not to be recomputed.
    """
    answers, count = list(block.answers), len(block.x)
    wanted = 0 if mode is False else _wanted(ism, block, first, mode)
    if not wanted or _is_naive(ism):
        return answers, Checked().rows(count)
    across = block.saturates and getattr(ism, "first", ism).compares_letters
    mutants = chosen(block, wanted, first, across)
    if not len(mutants):
        return answers, Checked().rows(count)
    errors, worst = compared(ism, block, mutants, own)
    if worst is not None and mode != "recompute":
        raise _wrong(ism, block, worst, name(first + worst.mutant[0]))
    if worst is not None:
        answers = every_score(ism, block)
        if own is not None:
            answers = [y - r[:, None, None] for y, r in zip(answers, own, strict=True)]
    told = Checked(recomputed=0 if worst is None else count)
    there = np.asarray([block.changed(mutant) for mutant in mutants])
    return answers, told.rows(count, mutants[there, 0].tolist(), errors[there].tolist())


def _wanted(ism: Any, block: Block, first: int, mode: bool | str) -> int:
    """How many mutants are checked; a program that may be wrong is looked at in every block."""
    plan = getattr(ism, "first", ism).plan
    letters = plan.letters if block.saturates else 1
    stop = first + len(block.x)
    found = allotted(plan, block.spans.shape[1], letters, first, stop)
    return max(found, FEW) if mode == "recompute" and stop > first else found


def _is_naive(ism: Any) -> bool:
    """Whether the naive program was measured to be the faster one, and has answered."""
    members = getattr(ism, "members", None)
    programs = [ism] if members is None else [member.program for member in members]
    return all(program.measured.naive_is_faster for program in programs)


def _wrong(ism: Any, block: Block, worst: Difference, name: str) -> VerificationError:
    record, site, letter = worst.mutant
    span = tuple(map(int, block.spans[record, site]))
    written = "the block that is written"
    if block.saturates:
        known = len(block.blocks) == len(LETTERS)
        written = f"letter {LETTERS[letter] if known else letter}"
    where = "".join(f"[{i}]" for i in worst.entry)
    return VerificationError(
        f"The compiled program gives {worst.found:.6g} for output "
        f"{ism.output_names[worst.output]!r}{where} of {name} at site {span}, {written}, where the "
        f"model gives {worst.true:.6g}; that is more than rounding explains.",
        hint="Compile with stop_at= naming the layer that is at fault, most likely one with a rule "
        "of your own, for exact answers; verify=True may name it. check='recompute' goes on with "
        "the model's own answers where they differ. Please report the model's layers.",
    )
