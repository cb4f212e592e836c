"""HDF5 in the layout of BPNet's contributions, for Fi-NeMo and modisco ``-i``.

* ``hyp_scores`` float16 ``[N, L, 4]``: hypothetical contributions, see
  `ismc.io.convert.contributions`; 0 at positions that were not scanned
* ``input_seqs`` int8 ``[N, L, 4]``: the sequences
* ``coords_chrom`` bytes, ``coords_start``, ``coords_end`` int64 ``[N]``: the regions, half-open,
  if records have coordinates; ``names`` bytes ``[N]``; attributes of the file say where the scores
  come from

Contributions above 65504 are an error. One block of records is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
    shape = (facts.count, facts.length, len(facts.letters))
    with hdf5_file(paths[0]) as file:
        file.says(provenance(facts, choice.output.name, choice.task, how(facts)))
        file.add(regions(places(store)))
        file.blocked("hyp_scores", shape, "f2", facts.block)
        file.blocked("input_seqs", shape, "i1", facts.block)
        for rows, one_hot, values in contributions(store, choice):
            file.put("hyp_scores", rows, halves.of(rows, values))
            file.put("input_seqs", rows, one_hot)
        return halves.notes()


FORMAT = Format("bpnet", (".h5", ".hdf5"), "HDF5 of BPNet: hyp_scores, input_seqs, float16", write)
