"""A table of scores, `.tsv` or `.tsv.gz`: one row per record, site and alternative letter.

Lines that begin with ``#`` say where the scores come from (``comment="#"`` in pandas). Columns:

* ``name`` of the record; ``chrom``, ``start``: the start of the site in the genome, counted from 0
  on the forward strand; both empty if records have no coordinates
* ``site``: the start of the site in the record, counted from 0; ``reference``: the reference
  letters of the site, ``N`` where unknown; ``alternative``: the letter substituted for all of them
* one column for each number of the score: ``output``, or ``output[i]``, ``output[i,j]``; of all
  outputs, or of the chosen output or task

Numbers have nine digits, which restore the float32 of the store. A letter substituted by itself has
no row. A store of variants is written by `ismc.io.sequences.variant_table`. One block of records
and the text of one record are in memory at a time.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import product, repeat
from pathlib import Path
from typing import Any

import numpy as np

from ismc.io.convert.contributions import read_array
from ismc.io.convert.format import Format, Request
from ismc.io.convert.provenance import places, provenance
from ismc.io.convert.selection import Choice, choose_number, choose_output
from ismc.io.stores.facts import Facts
from ismc.io.stores.store import Store
from ismc.io.targets import text_file

Array = np.ndarray
COLUMNS = ("name", "chrom", "start", "site", "reference", "alternative")


def write(request: Request, paths: Sequence[Path]) -> list[str]:
    """Writes the table."""
    store, facts = request.store, request.store.facts
    if facts.slots:
        from ismc.io.sequences.variant_table import write_variants

        write_variants(store, paths[0])
        return []
    choices = list(_choices(request))
    with text_file(paths[0]) as file:
        names = [choice.output.name for choice in choices]
        one = names[0] if len({*names}) == 1 else ""
        task = choices[0].task if len(choices) == 1 else ""
        file.writelines(f"# {k}: {v}\n" for k, v in provenance(facts, one, task).items())
        table = csv.writer(file, "excel-tab", lineterminator="\n")
        table.writerow([*COLUMNS, *map(_label, choices)])
        for columns in _rows(store, choices):
            table.writerows(zip(*columns, strict=False))
    return []


def _choices(request: Request) -> Iterator[Choice]:
    """The numbers of scores, one for each column."""
    facts = request.store.facts
    if request.task is not None:
        yield choose_number(facts, request.output, request.task)
        return
    outputs = facts.outputs if request.output is None else [choose_output(facts, request.output)]
    for output in outputs:
        for index in product(*(range(size) for size in output.score)):
            yield Choice(output, index)


def _rows(store: Store, choices: Sequence[Choice]) -> Iterator[list[Iterable[Any]]]:
    """The columns of each record; constant columns are endless iterators."""
    facts, columns = store.facts, places(store)
    start, stop = np.asarray(facts.sites, np.int64).T
    letters = np.asarray([*facts.letters])
    filled = np.char.multiply(letters[None], (stop - start)[:, None])
    outputs = {choice.output.name: choice.output for choice in choices}
    for block in range(facts.blocks):
        rows = facts.rows(block)
        one_hot = read_array(store, store.one_hot, rows)
        scores = {name: read_array(store, store.scores(name), rows) for name in outputs}
        for i, record in enumerate(one_hot):
            reference = _letters(facts, record)
            site, alternative = np.nonzero(reference[:, None] != filled)
            place: tuple[Iterable[Any], ...] = repeat(""), repeat("")
            if "chrom" in columns:
                begin = columns["start"][rows.start + i]
                place = repeat(columns["chrom"][rows.start + i]), (begin + start[site]).tolist()
            numbers = (scores[c.output.name][(i, site, alternative, *c.index)] for c in choices)
            yield [
                repeat(columns["names"][rows.start + i]),
                *place,
                start[site].tolist(),
                reference[site].tolist(),
                letters[alternative].tolist(),
                *(map("{:.9g}".format, values.tolist()) for values in numbers),
            ]


def _letters(facts: Facts, record: Array) -> Array:
    """The reference letters of each site of a sequence ``[L, C]``, text ``[S]``."""
    known = np.asarray([*facts.letters, "N"])
    text = "".join(known[np.where(record.any(1), record.argmax(1), len(facts.letters))])
    return np.asarray([text[start:stop] for start, stop in facts.sites])


def _label(choice: Choice) -> str:
    return f"{choice.output.name}[{choice.task}]" if choice.task else choice.output.name


FORMAT = Format(
    "tsv", (".tsv", ".tsv.gz"), "a table, one row per record, site and alternative letter", write
)
