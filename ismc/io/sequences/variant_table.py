"""A table of variants and their scores, `.tsv` or `.tsv.gz`.

Lines that begin with ``#`` say where the scores come from. The columns are those of the VCF
(``chrom``, ``pos`` counted from 1, ``id``, ``ref``, ``alt``), ``status`` (``ok``, or why there is
no score), ``window`` (the name of the window), ``site`` (the position in the window, counted from
0), and one column for each number of a score: ``output``, or ``output[i]``. Every alternative
allele of the VCF has a row for each window that contains it, and at least one row.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ismc.io.extras import extras
from ismc.io.stores.store import Store
from ismc.io.targets import text_file

CHUNK_ROWS = 4096
VCF_COLUMNS = ("chrom", "pos", "id", "ref", "alt", "status")


def write_variants(store: Store, path: Path) -> None:
    """Writes the table of a store of variants to a new file, 4,096 rows at a time.

    Raises:
        OSError: when the file cannot be written; `ismc.io.convert.convert` then removes it.
    """
    with extras():
        import pandas
    with text_file(path) as file:
        file.write("\n".join(_head(store)) + "\n")
        for number, rows in enumerate(_chunks(store)):
            pandas.DataFrame(rows).to_csv(
                file, sep="\t", index=False, header=number == 0, float_format="%.9g", na_rep="nan"
            )


def _head(store: Store) -> list[str]:
    facts = store.facts
    versions = ", ".join(f"{name} {value}" for name, value in facts.versions.items())
    return [
        f"# score: {facts.score}: {facts.formula}",
        f"# model: {facts.model} (sha256 {facts.model_digest})",
        f"# variants in windows of {facts.length} of {facts.genome}; {versions}",
    ]


def _chunks(store: Store) -> Iterator[dict[str, Any]]:
    """The columns in chunks of rows, in the order of the VCF; at least one, maybe empty, chunk."""
    table = {key: store.column(f"variants/{key}") for key in (*VCF_COLUMNS, "window")}
    numbers = {key: store.column(f"variants/{key}") for key in ("slot", "letter")}
    at, names = store.column("at"), store.names
    for begin in range(0, max(len(table["pos"]), 1), CHUNK_ROWS):
        rows = slice(begin, begin + CHUNK_ROWS)
        window, slot = table["window"][rows], numbers["slot"][rows]
        scored = window >= 0
        columns: dict[str, Any] = {key: table[key][rows] for key in VCF_COLUMNS}
        columns["window"] = np.where(scored, names[np.maximum(window, 0)], "")
        columns["site"] = np.where(scored, at[np.maximum(window, 0), np.maximum(slot, 0)], -1)
        places = window[scored], slot[scored], numbers["letter"][rows][scored]
        yield columns | _scores(store, scored, places)


def _scores(store: Store, scored: np.ndarray, places: tuple[Any, ...]) -> dict[str, np.ndarray]:
    """One column per number of each output; NaN for variants without a score."""
    columns = {}
    for output in store.facts.outputs:
        values = np.full((len(scored), *output.score), np.nan, np.float32)
        window, slot, letter = places
        blocks = window // store.facts.block
        for block in np.unique(blocks):
            in_block = blocks == block
            rows = store.facts.rows(int(block))
            scores = np.asarray(store.scores(output.name)[rows])
            chosen = scores[window[in_block] - rows.start, slot[in_block], letter[in_block]]
            values[np.flatnonzero(scored)[in_block]] = chosen
        for index in product(*(range(size) for size in output.score)):
            label = f"[{','.join(map(str, index))}]" if output.score != (1,) and index else ""
            columns[f"{output.name}{label}"] = values[(slice(None), *index)]
    return columns
