"""A table of variants and their scores, `.tsv` or `.tsv.gz`.

Lines that begin with ``#`` say where the scores come from. The columns are those of the VCF
(``chrom``, ``pos`` counted from 1, ``id``, ``ref``, ``alt``), ``status`` (``ok``, or why there is
no score), ``window`` (the name of the window that it was scored in), ``site`` (its position in the
window, counted from 0), and one column for each number of a score: ``output``, or ``output[i]``.
Every alternative of every line of the VCF has a row for each window it lies in, and at least one.
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

ROWS = 4096
SAID = ("chrom", "pos", "id", "ref", "alt", "status")


def write_variants(store: Store, path: Path) -> None:
    """Writes the table of a store of variants, some thousand rows at a time, to a new file.

    Raises:
        OSError: when it cannot be written; `ismc.io.convert.convert` leaves nothing then.
    """
    with extras():
        import pandas
    with text_file(path) as file:
        file.write("\n".join(_head(store)) + "\n")
        for number, rows in enumerate(_parts(store)):
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


def _parts(store: Store) -> Iterator[dict[str, Any]]:
    """Columns of some rows at a time, in the order of the VCF; at least one, maybe empty."""
    table = {key: store.column(f"variants/{key}") for key in (*SAID, "window")}
    numbers = {key: store.column(f"variants/{key}") for key in ("slot", "letter")}
    at, names = store.column("at"), store.names
    for begin in range(0, max(len(table["pos"]), 1), ROWS):
        rows = slice(begin, begin + ROWS)
        window, slot = table["window"][rows], numbers["slot"][rows]
        scored = window >= 0
        found: dict[str, Any] = {key: table[key][rows] for key in SAID}
        found["window"] = np.where(scored, names[np.maximum(window, 0)], "")
        found["site"] = np.where(scored, at[np.maximum(window, 0), np.maximum(slot, 0)], -1)
        places = window[scored], slot[scored], numbers["letter"][rows][scored]
        yield found | _scores(store, scored, places)


def _scores(store: Store, scored: np.ndarray, places: tuple[Any, ...]) -> dict[str, np.ndarray]:
    """A column for each number of each output, NaN where a variant has none."""
    found = {}
    for output in store.facts.outputs:
        values = np.full((len(scored), *output.score), np.nan, np.float32)
        window, slot, letter = places
        blocks = window // store.facts.block
        for block in np.unique(blocks):
            here = blocks == block
            rows = store.facts.rows(int(block))
            held = np.asarray(store.scores(output.name)[rows])
            some = held[window[here] - rows.start, slot[here], letter[here]]
            values[np.flatnonzero(scored)[here]] = some
        for index in product(*(range(size) for size in output.score)):
            label = f"[{','.join(map(str, index))}]" if output.score != (1,) and index else ""
            found[f"{output.name}{label}"] = values[(slice(None), *index)]
    return found
