"""The variants that `ismc plot` shows: those of a table, or those of a store of variants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ismc.cli.plot_record import Chosen, place_of, record_index, score_name, task_index
from ismc.errors import InputError
from ismc.io.sequences.alphabet import LETTERS
from ismc.io.stores.store import Store
from ismc.plot.table import SHOWN, read_variants


@dataclass(frozen=True)
class Found:
    """Variants to draw.

    Attributes:
        rows: position in the coordinates of the window, alternative letter and score of each.
        column: what the scores are called.
        left_out: how many are not drawn, by reason.
    """

    rows: Sequence[tuple[int, str, float]]
    column: str
    left_out: dict[str, int]

    def __str__(self) -> str:
        rest = _listed(self.left_out)
        return f"{len(self.rows):,} variants{rest and f' ({rest})'}"


def of_table(path: Path, column: str | None, shown: Chosen, usual: str) -> Found:
    """The variants of a table that lie in a window, and are one letter for another.

    Where the table names this record in its column ``window``, only these rows are taken. Without
    coordinates, ``chrom`` is the name of the record and ``pos`` counts its positions.

    Args:
        path: of the table.
        column: of the scores.
        shown: the record and the window.
        usual: the column that is looked for.

    Raises:
        InputError: when the table does not fit, no variant is in the window, or references are not
            the letters of the record.
    """
    table: Any = read_variants(path, column, usual)
    own = table["window"] == shown.name
    here = own if own.any() else table["chrom"] == (shown.chrom or shown.name)
    index = table["position"] - shown.start
    here &= (index >= shown.window.start) & (index < shown.window.stop)
    single = (table["ref"].str.len() == 1) & table["alt"].str.upper().isin(list(LETTERS))
    scored = table["score"].notna()
    good = here & single & scored
    _check_references(path, table[good], shown)
    left = {
        "outside the window": int((~here).sum()),
        "not one letter for another": int((here & ~single).sum()),
        "without a score": int((here & single & ~scored).sum()),
    }
    if not good.any():
        chroms = ", ".join(map(str, table["chrom"].unique()[:SHOWN])) or "none"
        first, last = (shown.start + at for at in (shown.window.start + 1, shown.window.stop))
        raise InputError(
            f"None of the {len(table):,} variants of {path} is drawn: {_listed(left)}, expected "
            f"some of {shown.chrom or shown.name} from {first} to {last}.",
            hint=f"Choose another record, window or column; chrom in the table is {chroms}.",
        )
    some = table[good]
    rows = zip(some["position"].tolist(), some["alt"].str.upper(), some["score"], strict=True)
    return Found(list(rows), table.attrs["column"], left)


def of_store(
    store: Store, record: str | None, output: str | None, task: str | None
) -> tuple[Found, str, str, str]:
    """The variants of a window of a store of variants; its name, chromosome and output.

    Raises:
        InputError: when there is no such record, output or task, or the record has no variant.
    """
    at, found = record_index(store, record), store.output(output)
    shape = () if found.score == (1,) else found.score
    index = task_index(task, shape, found.name)
    scores = np.asarray(store.scores(found.name)[at]).reshape(
        store.facts.width, len(LETTERS), *shape
    )
    windows, slots, letters = (
        store.column(f"variants/{key}") for key in ("window", "slot", "letter")
    )
    mine = windows == at
    name, (chrom, start) = str(store.names[at]), place_of(store, at)
    if not mine.any():
        raise InputError(f"The record {name} has no variant with a score.", hint="Name another.")
    positions = np.asarray(store.group["at"][at])[slots[mine]] + start
    values = scores[(slots[mine], letters[mine], *index)]
    rows = [
        (int(position), LETTERS[letter], float(value))
        for position, letter, value in zip(positions, letters[mine], values, strict=True)
        if np.isfinite(value)
    ]
    label = f"{found.name}[{','.join(map(str, index))}]" if index else found.name
    left = {"without a score": int(mine.sum()) - len(rows)}
    return Found(rows, score_name(store), left), name, chrom, label


def _listed(left: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {why}" for why, count in left.items() if count)


def _check_references(path: Path, table: Any, shown: Chosen) -> None:
    """Whether ``ref`` is the letter that is there; N is any letter."""
    rows = shown.one_hot[(table["position"] - shown.start).to_numpy()]
    there = np.where(rows.any(1), np.array(list(LETTERS))[rows.argmax(1)], "N")
    wrong = (there != "N") & (there != table["ref"].str.upper().to_numpy())
    if wrong.any():
        some = ", ".join(
            f"{ref} where {letter} is (line {line})"
            for line, ref, letter in zip(
                table.index[wrong][:SHOWN], table["ref"][wrong], there[wrong], strict=False
            )
        )
        raise InputError(
            f"{path}: ref of {wrong.sum():,} variants is not the letter of the record: {some}.",
            hint="Check that variants and records are of the same genome, and pos counts from 1.",
        )
