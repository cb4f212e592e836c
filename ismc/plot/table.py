"""Reads tables ``.tsv`` of variants with scores, written by `ismc convert` or by a user.

The first line names the columns: ``chrom``, ``pos`` (counted from 1), ``ref``, ``alt``, a column of
scores, and optional others. Each further line is a variant. Lines that begin with ``#`` are
comments.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, simplefilter

import numpy as np

from ismc.errors import InputError
from ismc.io.extras import extras
from ismc.io.sequences.lines import open_text

if TYPE_CHECKING:
    import pandas

KIND = "a table of variants"
REQUIRED = ("chrom", "pos", "ref", "alt")
OPTIONAL = ("id", "status", "window", "site", "qual", "filter", "info")
MISSING = ("", ".", "nan", "na")
MAX_SHOWN = 5


def read_variants(path: Path, column: str | None = None, usual: str = "score") -> pandas.DataFrame:
    """The variants of a table, indexed by line number from 1.

    The columns are ``chrom``, ``ref``, ``alt`` and ``window`` as text, ``position`` counted from 0,
    and ``score``, which is NaN if missing. ``attrs["column"]`` is the name of the score's column.

    Args:
        path: the file, plain or compressed.
        column: the column of scores; by default the one named ``usual`` or ``score``, or the only
            candidate.
        usual: the name of the column to look for first.

    Raises:
        InputError: when the file or a column is missing, the file is damaged, or a number is
            malformed.
    """
    frame = _parse(path)
    selected = _column(path, list(frame.columns), column, usual)
    digits = frame["pos"].str.fullmatch("[0-9]{1,18}")
    wrong = ~digits | (frame["pos"] == "0")
    _check_numbers(path, frame.loc[wrong, "pos"], "pos", "whole numbers from 1")
    with extras():
        import pandas
    score: Any = pandas.to_numeric(frame[selected], errors="coerce")
    wrong = score.isna() & ~frame[selected].str.lower().isin(MISSING)
    _check_numbers(path, frame.loc[wrong, selected], selected, "numbers, or nan for no score")
    variants: Any = frame[["chrom", "ref", "alt"]].copy()
    variants["window"] = frame.get("window", "")
    variants["position"] = frame["pos"].astype(np.int64) - 1
    variants["score"] = score.astype(float).where(np.isfinite(score))
    variants.attrs["column"] = selected
    return variants


def _parse(path: Path) -> pandas.DataFrame:
    """All columns as text, indexed by line number."""
    with extras():
        import pandas
    with open_text(path, KIND) as file:
        comments = 0
        for line in file:
            if not line.startswith("#"):
                break
            comments += 1
        else:
            raise InputError(
                f"{path} holds no line of names, expected one.",
                hint=f"Begin {KIND} with a line that names its columns.",
            )
    with open_text(path, KIND) as file, catch_warnings():
        simplefilter("error", pandas.errors.ParserWarning)  # raised for columns without a name
        try:
            frame: Any = pandas.read_csv(
                file,
                sep="\t",
                header=comments,
                index_col=False,
                dtype=str,
                na_filter=False,
                skip_blank_lines=False,
                quoting=3,  # quotes are ordinary characters
            )
        except (pandas.errors.ParserError, pandas.errors.ParserWarning) as error:
            raise InputError(
                f"{path} cannot be parsed ({error}), expected {KIND}.",
                hint="Separate columns by tabs, the same number in every line.",
            ) from error
    frame.index += comments + 2
    frame.columns = frame.columns.str.strip()
    frame = frame.fillna("").apply(lambda values: values.str.strip())
    missing = [name for name in REQUIRED if name not in frame]
    if missing:
        raise InputError(
            f"{path} has the columns {', '.join(frame.columns)} (line {comments + 1}), expected "
            f"{', '.join(missing)} too.",
            hint="The first line without # names the columns, separated by tabs.",
        )
    first = frame[frame.columns[0]]
    return frame[~first.str.startswith("#") & (frame != "").any(axis=1)]


def _column(path: Path, names: Sequence[str], column: str | None, usual: str) -> str:
    """The name of the column of scores."""
    candidates = [name for name in names if name not in REQUIRED + OPTIONAL]
    if column is not None:
        if column not in names:
            near = get_close_matches(column, candidates, 3)
            raise InputError(
                f"{path} has no column {column!r}, expected one of {', '.join(candidates[:20])}.",
                hint=f"Did you mean {' or '.join(near)}?" if near else "Name a column of scores.",
            )
        return column
    for name in (usual, "score"):
        if name in candidates:
            return name
    if len(candidates) != 1:
        raise InputError(
            f"{path} has {len(candidates)} columns that may be scores "
            f"({', '.join(candidates[:MAX_SHOWN])}"
            f"{', ...' if len(candidates) > MAX_SHOWN else ''}), expected one.",
            hint="Name the column of scores with --column."
            if candidates
            else "Add a column score.",
        )
    return candidates[0]


def _check_numbers(path: Path, wrong: Any, column: str, expected: str) -> None:
    """Checks that there are no malformed numbers.

    Raises:
        InputError: when ``wrong``, the malformed texts by line, is not empty.
    """
    if len(wrong):
        texts = ", ".join(f"{text!r} (line {line})" for line, text in wrong.head(MAX_SHOWN).items())
        more = f", and {len(wrong) - MAX_SHOWN} more" if len(wrong) > MAX_SHOWN else ""
        raise InputError(
            f"{path}: {column} is {texts}{more}, expected {expected}.", hint="Correct these lines."
        )
