"""HDF5 in the layout of Basenji's saturation mutagenesis, ``scores.h5``.

* ``seqs`` bool ``[N, L, 4]``: the sequences from the first to the last scanned site; as in
  Basenji, ``L`` is the length of that range only
* one dataset of scores, float16 ``[N, L, 4, targets]``, named by the score and its settings (``/``
  becomes ``_``): scores as in the store, also those without a sign; all targets, or the chosen one;
  0 at positions of the range that were not scanned
* ``chr``, ``strand`` bytes, ``start``, ``end`` int64 ``[N]``: the range, half-open, if records
  have coordinates; ``label`` bytes ``[N]``: the names of records

Readers subtract the score of the reference letter from the four scores of a site, so differences
and centred scores look the same. Sequences of a store are those of the forward strand, so
``strand`` is always ``+``. Scores above 65504 are an error. One block of records is in memory at a
time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ismc.io.convert.contributions import check_bases, records, site_positions, spread
from ismc.io.convert.format import Format, Request
from ismc.io.convert.halves import Halves
from ismc.io.convert.hdf5_file import hdf5_file
from ismc.io.convert.provenance import in_bytes, places, provenance
from ismc.io.convert.selection import choose_number, choose_output
from ismc.io.stores.store import Store

Array = np.ndarray
RESERVED_KEYS = ("seqs", "chr", "start", "end", "strand", "label")


def write(request: Request, paths: Sequence[Path]) -> list[str]:
    """Writes the file."""
    store, facts = request.store, request.store.facts
    check_bases(facts)
    output = choose_output(facts, request.output)
    choice = None
    if request.task is not None or len(output.score) != 1:
        choice = choose_number(facts, output.name, request.task)
    targets = output.score[0] if choice is None else 1
    halves, key = Halves(store), facts.score.replace("/", "_")
    if key in RESERVED_KEYS:
        key += "_score"
    at = site_positions(facts)
    first, last = int(at.min()), int(at.max()) + 1
    shape = (facts.count, last - first, len(facts.letters))
    with hdf5_file(paths[0]) as file:
        file.says(provenance(facts, output.name, "" if choice is None else choice.task))
        file.add(_labels(store, first, last))
        file.blocked("seqs", shape, "?", facts.block)
        file.blocked(key, (*shape, targets), "f2", facts.block)
        for rows, one_hot, scores in records(store, output.name, choice.index if choice else ()):
            values = scores[..., None] if choice else scores
            file.put("seqs", rows, one_hot[:, first:last] > 0)
            file.put(key, rows, halves.of(rows, spread(values, at - first, last - first)))
        return halves.notes()


def _labels(store: Store, first: int, last: int) -> dict[str, Array]:
    columns = places(store)
    labels = {"label": in_bytes(columns["names"])}
    if "chrom" in columns:
        labels["chr"] = in_bytes(columns["chrom"])
        labels["start"] = columns["start"] + first
        labels["end"] = columns["start"] + last
        labels["strand"] = np.full(len(columns["start"]), b"+")
    return labels


FORMAT = Format(
    "basenji",
    (".h5", ".hdf5"),
    "scores.h5 of Basenji: seqs and one dataset of scores, float16",
    write,
)
