"""Tables of variants with scores, `.tsv`, as `ismc convert` writes them, or a user.

A line of names, among them ``chrom``, ``pos`` counted from 1, ``ref``, ``alt`` and a column of
scores; then a line for each variant. Lines that begin with ``#`` are comments.
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
from ismc.io.sequences.lines import opened

if TYPE_CHECKING:
    import pandas

KIND = "a table of variants"
NEEDED = ("chrom", "pos", "ref", "alt")
OTHERS = ("id", "status", "window", "site", "qual", "filter", "info")
NOTHING = ("", ".", "nan", "na")
SHOWN = 5


def read_variants(path: Path, column: str | None = None, usual: str = "score") -> pandas.DataFrame:
    """The variants of a table; the index is the number of the line, counted from 1.

    Columns are ``chrom``, ``ref``, ``alt`` and ``window`` as text, ``position`` counted from 0, and
    ``score``, NaN where there is none. ``attrs["column"]`` says which column that was.

    Args:
        path: the file, plain or compressed.
        column: the column of scores; by default the one named ``usual`` or ``score``, or the only
            one that could be.
        usual: a name that is looked for.

    Raises:
        InputError: when the file is missing or damaged, columns are, or a number is none.
    """
    frame = _parsed(path)
    chosen = _column(path, list(frame.columns), column, usual)
    digits = frame["pos"].str.fullmatch("[0-9]{1,18}")
    wrong = ~digits | (frame["pos"] == "0")
    _numbers(path, frame.loc[wrong, "pos"], "pos", "whole numbers from 1")
    with extras():
        import pandas
    score: Any = pandas.to_numeric(frame[chosen], errors="coerce")
    wrong = score.isna() & ~frame[chosen].str.lower().isin(NOTHING)
    _numbers(path, frame.loc[wrong, chosen], chosen, "numbers, or nan where there is no score")
    found: Any = frame[["chrom", "ref", "alt"]].copy()
    found["window"] = frame.get("window", "")
    found["position"] = frame["pos"].astype(np.int64) - 1
    found["score"] = score.astype(float).where(np.isfinite(score))
    found.attrs["column"] = chosen
    return found


def _parsed(path: Path) -> pandas.DataFrame:
    """All columns as text; the index is the number of the line."""
    with extras():
        import pandas
    with opened(path, KIND) as file:
        comments = 0
        for line in file:
            if not line.startswith("#"):
                break
            comments += 1
        else:
            raise InputError(f"{path} holds no line of names.", hint=f"Name {KIND}.")
    with opened(path, KIND) as file, catch_warnings():
        simplefilter("error", pandas.errors.ParserWarning)  # of columns that have no name
        try:
            frame: Any = pandas.read_csv(
                file,
                sep="\t",
                header=comments,
                index_col=False,
                dtype=str,
                na_filter=False,
                skip_blank_lines=False,
                quoting=3,  # quotes are letters like others
            )
        except (pandas.errors.ParserError, pandas.errors.ParserWarning) as error:
            raise InputError(
                f"{path} cannot be parsed ({error}), expected {KIND}.",
                hint="Columns are parted by tabs, as many in every line.",
            ) from error
    frame.index += comments + 2
    frame.columns = frame.columns.str.strip()
    frame = frame.fillna("").apply(lambda values: values.str.strip())
    missing = [name for name in NEEDED if name not in frame]
    if missing:
        raise InputError(
            f"{path} has the columns {', '.join(frame.columns)} (line {comments + 1}), expected "
            f"{', '.join(missing)} too.",
            hint="The first line without # names the columns, parted by tabs.",
        )
    first = frame[frame.columns[0]]
    return frame[~first.str.startswith("#") & (frame != "").any(axis=1)]


def _column(path: Path, names: Sequence[str], column: str | None, usual: str) -> str:
    """The column of scores."""
    could = [name for name in names if name not in NEEDED + OTHERS]
    if column is not None:
        if column not in names:
            near = get_close_matches(column, could, 3)
            raise InputError(
                f"{path} has no column {column!r}, expected one of {', '.join(could[:20])}.",
                hint=f"Did you mean {' or '.join(near)}?" if near else "Name a column of scores.",
            )
        return column
    for name in (usual, "score"):
        if name in could:
            return name
    if len(could) != 1:
        raise InputError(
            f"{path} has {len(could)} columns that may be scores "
            f"({', '.join(could[:SHOWN])}{', ...' if len(could) > SHOWN else ''}), expected one.",
            hint="Name the column of scores with --column." if could else "Add a column score.",
        )
    return could[0]


def _numbers(path: Path, wrong: Any, column: str, expected: str) -> None:
    if len(wrong):
        some = ", ".join(f"{text!r} (line {line})" for line, text in wrong.head(SHOWN).items())
        more = f", and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise InputError(
            f"{path}: {column} is {some}{more}, expected {expected}.", hint="Correct these lines."
        )
