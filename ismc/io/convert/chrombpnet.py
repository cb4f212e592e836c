"""HDF5 in the layout of ChromBPNet's contributions, for its tools, Fi-NeMo and modisco ``-i``.

* ``shap/seq`` float16 ``[N, 4, L]``: hypothetical contributions, see
  `ismc.io.convert.contributions`; 0 at positions that were not scanned
* ``raw/seq`` int8 ``[N, 4, L]``: the sequences
* ``projected_shap/seq`` float16 ``[N, 4, L]``: the product of the two
* ``coords_chrom`` bytes, ``coords_start``, ``coords_end`` int64 ``[N]``: the regions, half-open,
  if records have coordinates; ``names`` bytes ``[N]``; attributes of the file say where the scores
  come from

Readers take the three datasets by these names, and the regions from a BED file in the same order.
Text is fixed-width bytes, which PyTables and deepdish read too. Contributions above 65504 are an
error. One block of records is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ismc.io.convert.contributions import contributing, contributions, how
from ismc.io.convert.format import Format, Request
from ismc.io.convert.halves import Halves
from ismc.io.convert.hdf5_file import hdf5_file
from ismc.io.convert.provenance import places, provenance, regions


def write(request: Request, paths: Sequence[Path]) -> list[str]:
    """Writes the file."""
    store, facts = request.store, request.store.facts
    choice = contributing(request)
    halves = Halves(store)
    shape = (facts.count, len(facts.letters), facts.length)
    with hdf5_file(paths[0]) as file:
        file.says(provenance(facts, choice.output.name, choice.task, how(facts)))
        file.add(regions(places(store)))
        for key, kind in (("raw", "i1"), ("shap", "f2"), ("projected_shap", "f2")):
            file.blocked(f"{key}/seq", shape, kind, facts.block)
        for rows, one_hot, values in contributions(store, choice):
            raw, shap = one_hot.swapaxes(1, 2), halves.of(rows, values).swapaxes(1, 2)
            file.put("raw/seq", rows, raw)
            file.put("shap/seq", rows, shap)
            file.put("projected_shap/seq", rows, np.where(raw > 0, shap, np.float16(0)))
        return halves.notes()


FORMAT = Format(
    "chrombpnet",
    (".h5", ".hdf5"),
    "HDF5 of ChromBPNet: shap/seq, raw/seq, projected_shap/seq, float16",
    write,
)
