"""The check of a run: the model itself computes a few mutants of each block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ismc.errors import InputError, VerificationError
from ismc.ism.checking.block import Block
from ismc.ism.checking.choose import MIN_ROWS, choose_mutants, row_budget
from ismc.ism.checking.compare import Difference, compare
from ismc.ism.checking.model import every_score
from ismc.ism.checking.statistics import MODES, Checked, Mode, of

Array = np.ndarray
LETTERS = "ACGT"


def mode_of(check: Mode, default: Mode = True) -> bool | str:
    """The mode of a check; ``None`` means the default.

    Raises:
        InputError: when ``check`` is not in `ismc.ism.checking.statistics.MODES`.
    """
    choice = default if check is None else check
    if not any(choice is mode or (isinstance(mode, str) and choice == mode) for mode in MODES):
        raise InputError(
            f"check is {choice!r}, expected True, False or 'recompute'.",
            hint="True raises on a wrong answer; 'recompute' replaces it by the model's own.",
        )
    return choice  # pyright: ignore[reportReturnType]


@dataclass
class Checks:
    """How the answers of a program are checked, and the results of the checks in `predict`.

    Attributes:
        mode: ``True``, ``False`` or ``"recompute"``; see `ismc.compile`.
        seen: the number of sequences of all `predict` calls so far, by kind of call. Calls of one
            kind count as one run.
        found: the statistics of the checks so far.
    """

    mode: bool | str = True
    seen: dict[str, int] = field(default_factory=dict)
    found: Checked = field(default_factory=Checked)

    def predicted(self, ism: Any, block: Block, mode: bool | str, begin: int) -> list[Array]:
        """Checks a batch of `predict`; the answers of the program, or the model's if recomputed.

        Args:
            ism: the program or ensemble that answered.
            block: the batch and its answers.
            mode: see `ismc.compile`.
            begin: the index of the batch's first sequence in the call.

        Raises:
            VerificationError: when an answer is wrong and the mode is not ``"recompute"``.
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
    """The checked answers of a block, and its statistics: float32 ``[n, 3]``.

    `ismc.ism.checking.statistics.of` sums the statistics.

    Args:
        ism: the program or ensemble that answered.
        block: the sequences and their answers.
        mode: see `ismc.compile`.
        first: the index of the block's first sequence in its run.
        name: gives the name of a sequence, by its index in the run.
        own: as for `ismc.ism.checking.compare.compare`.

    Raises:
        VerificationError: when an answer is wrong and the mode is not ``"recompute"``.
    """
    answers, count = list(block.answers), len(block.x)
    rows = 0 if mode is False else _row_count(ism, block, first, mode)
    if not rows or _is_naive(ism):
        return answers, Checked().rows(count)
    across = block.saturates and ism.first.compares_letters
    mutants = choose_mutants(block, rows, first, across)
    if not len(mutants):
        return answers, Checked().rows(count)
    errors, worst = compare(ism, block, mutants, own)
    if worst is not None and mode != "recompute":
        raise _wrong_answer(ism, block, worst, name(first + worst.mutant[0]))
    if worst is not None:
        answers = every_score(ism, block)
        if own is not None:
            answers = [y - r[:, None, None] for y, r in zip(answers, own, strict=True)]
    summary = Checked(recomputed=0 if worst is None else count)
    real = np.asarray([block.changed(mutant) for mutant in mutants])
    return answers, summary.rows(count, mutants[real, 0].tolist(), errors[real].tolist())


def _row_count(ism: Any, block: Block, first: int, mode: bool | str) -> int:
    """The number of rows to check; at least `MIN_ROWS` per block in the mode ``"recompute"``."""
    plan = ism.first.plan
    letters = plan.letters if block.saturates else 1
    stop = first + len(block.x)
    rows = row_budget(plan, block.spans.shape[1], letters, first, stop)
    return max(rows, MIN_ROWS) if mode == "recompute" and stop > first else rows


def _is_naive(ism: Any) -> bool:
    """Whether the naive program answered, because it was measured to be faster."""
    return all(program.measured.naive_is_faster for program in ism.scans)


def _wrong_answer(ism: Any, block: Block, worst: Difference, name: str) -> VerificationError:
    record, site, letter = worst.mutant
    span = tuple(map(int, block.spans[record, site]))
    written = "with the substituted block"
    if block.saturates:
        known = len(block.blocks) == len(LETTERS)
        written = f"letter {LETTERS[letter] if known else letter}"
    where = "".join(f"[{i}]" for i in worst.entry)
    return VerificationError(
        f"The compiled program gives {worst.found:.6g} for output "
        f"{ism.output_names[worst.output]!r}{where} of {name} at site {span}, {written}, where the "
        f"model gives {worst.true:.6g}; rounding does not explain the difference.",
        hint="For exact answers compile with stop_at= and the name of the faulty layer, most "
        "likely one with a rule of your own; verify=True may name it. check='recompute' continues "
        "with the model's own answers where they differ. Please report the model's layers.",
    )
