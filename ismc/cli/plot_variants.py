"""Selects the variants that `ismc plot` shows, from a table or from a store of variants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ismc.cli.plot_record import SelectedRecord, place_of, record_index, score_name, task_index
from ismc.errors import InputError
from ismc.io.sequences.alphabet import LETTERS
from ismc.io.stores.store import Store
from ismc.plot.table import MAX_SHOWN, read_variants


@dataclass(frozen=True)
class DrawnVariants:
    """Variants to draw.

    Attributes:
        rows: position (in the coordinates of the window), alternative letter and score of each.
        column: the name of the scores.
        omitted: the number of variants that are not drawn, by reason.
    """

    rows: Sequence[tuple[int, str, float]]
    column: str
    omitted: dict[str, int]

    def __str__(self) -> str:
        reasons = _join_counts(self.omitted)
        return f"{len(self.rows):,} variants{reasons and f' ({reasons})'}"


def of_table(path: Path, column: str | None, shown: SelectedRecord, usual: str) -> DrawnVariants:
    """The single-letter variants of a table that are in the window of a record.

    If the column ``window`` names the record, only these rows are used. For a record without
    coordinates, ``chrom`` is the name of the record and ``pos`` counts its positions.

    Args:
        path: the table.
        column: the column of scores.
        shown: the record and the window.
        usual: the column of scores to look for by default.

    Raises:
        InputError: when the table is invalid, no variant is in the window, or a reference allele
            differs from the record.
    """
    table: Any = read_variants(path, column, usual)
    named = table["window"] == shown.name
    inside = named if named.any() else table["chrom"] == (shown.chrom or shown.name)
    index = table["position"] - shown.start
    inside &= (index >= shown.window.start) & (index < shown.window.stop)
    single = (table["ref"].str.len() == 1) & table["alt"].str.upper().isin(list(LETTERS))
    scored = table["score"].notna()
    valid = inside & single & scored
    _check_references(path, table[valid], shown)
    omitted = {
        "outside the window": int((~inside).sum()),
        "not one letter for another": int((inside & ~single).sum()),
        "without a score": int((inside & single & ~scored).sum()),
    }
    if not valid.any():
        chroms = ", ".join(map(str, table["chrom"].unique()[:MAX_SHOWN])) or "none"
        first, last = (shown.start + at for at in (shown.window.start + 1, shown.window.stop))
        raise InputError(
            f"None of the {len(table):,} variants of {path} can be drawn: {_join_counts(omitted)}, "
            f"expected variants of {shown.chrom or shown.name} from {first} to {last}.",
            hint=f"Choose another record, window or column; chrom in the table is {chroms}.",
        )
    drawn = table[valid]
    rows = zip(drawn["position"].tolist(), drawn["alt"].str.upper(), drawn["score"], strict=True)
    return DrawnVariants(list(rows), table.attrs["column"], omitted)


def of_store(
    store: Store, record: str | None, output: str | None, task: str | None
) -> tuple[DrawnVariants, str, str, str]:
    """The variants of one window of a store of variants, and its name, chromosome and output.

    Raises:
        InputError: when the record, output or task does not exist, or the record has no variant
            with a score.
    """
    at, selected = record_index(store, record), store.output(output)
    shape = () if selected.score == (1,) else selected.score
    index = task_index(task, shape, selected.name)
    scores = np.asarray(store.scores(selected.name)[at]).reshape(
        store.facts.width, len(LETTERS), *shape
    )
    windows, slots, letters = (
        store.column(f"variants/{key}") for key in ("window", "slot", "letter")
    )
    in_window = windows == at
    name, (chrom, start) = str(store.names[at]), place_of(store, at)
    if not in_window.any():
        raise InputError(
            f"The record {name} has no variant with a score, expected at least one.",
            hint="Choose another with --record.",
        )
    positions = np.asarray(store.group["at"][at])[slots[in_window]] + start
    values = scores[(slots[in_window], letters[in_window], *index)]
    rows = [
        (int(position), LETTERS[letter], float(value))
        for position, letter, value in zip(positions, letters[in_window], values, strict=True)
        if np.isfinite(value)
    ]
    label = f"{selected.name}[{','.join(map(str, index))}]" if index else selected.name
    omitted = {"without a score": int(in_window.sum()) - len(rows)}
    return DrawnVariants(rows, score_name(store), omitted), name, chrom, label


def _join_counts(omitted: dict[str, int]) -> str:
    """The nonzero counts with their reasons, as in ``2 outside the window``."""
    return ", ".join(f"{count:,} {reason}" for reason, count in omitted.items() if count)


def _check_references(path: Path, table: Any, shown: SelectedRecord) -> None:
    """Checks that ``ref`` is the record's reference letter, where that is not N.

    Raises:
        InputError: when a reference allele differs.
    """
    rows = shown.one_hot[(table["position"] - shown.start).to_numpy()]
    reference = np.where(rows.any(1), np.array(list(LETTERS))[rows.argmax(1)], "N")
    wrong = (reference != "N") & (reference != table["ref"].str.upper().to_numpy())
    if wrong.any():
        examples = ", ".join(
            f"{ref} in place of {letter} (line {line})"
            for line, ref, letter in zip(
                table.index[wrong][:MAX_SHOWN], table["ref"][wrong], reference[wrong], strict=False
            )
        )
        raise InputError(
            f"{path}: ref of {wrong.sum():,} variants differs from the letter of the record: "
            f"{examples}.",
            hint="Check that variants and records are of the same genome, and pos counts from 1.",
        )
