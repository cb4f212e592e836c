"""Two files for TF-MoDISco: ``modisco motifs -s TARGET.ohe.npz -a TARGET.attr.npz``.

* ``TARGET.ohe.npz``: ``arr_0`` int8 ``[N, 4, L]``, the sequences
* ``TARGET.attr.npz``: ``arr_0`` float32 ``[N, 4, L]``, hypothetical contributions, see
  `ismc.io.convert.contributions`; 0 at positions that were not scanned

``arr_0`` is the first array of both files, and the only one that modisco reads (as does Fi-NeMo
with ``extract-regions-modisco-fmt``). The files also have ``names``, ``sites``, coordinates and
``facts``, a JSON text. Neither is compressed. One block of records is in memory at a time; modisco
itself loads both files and needs 4 L (1 + 4) bytes per record, and the same again for its window.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ismc.io.convert.contributions import contributing, contributions, how, read_array
from ismc.io.convert.format import Format, Request
from ismc.io.convert.npz_file import npz_file
from ismc.io.convert.provenance import places, provenance
from ismc.io.stores.store import Store

Array = np.ndarray


def write(request: Request, paths: Sequence[Path]) -> list[str]:
    """Writes both files; reads the store once for each."""
    store, facts = request.store, request.store.facts
    choice = contributing(request)
    shape = (facts.count, len(facts.letters), facts.length)
    channels_first = (values.swapaxes(1, 2) for _, _, values in contributions(store, choice))
    texts = json.dumps(
        provenance(facts, choice.output.name, choice.task, how(facts)), sort_keys=True
    )
    more = {**places(store), "sites": store.sites, "facts": np.asarray(texts)}
    ohe, attr = paths
    with npz_file(ohe) as file:
        file.blocks("arr_0", shape, np.int8, _sequences(store))
        file.add(more)
    with npz_file(attr) as file:
        file.blocks("arr_0", shape, np.float32, channels_first)
        file.add(more)
    return []


def _sequences(store: Store) -> Iterator[Array]:
    for block in range(store.facts.blocks):
        yield read_array(store, store.one_hot, store.facts.rows(block)).swapaxes(1, 2)


FORMAT = Format(
    "modisco",
    (".npz",),
    "TARGET.ohe.npz and TARGET.attr.npz for modisco motifs -s -a",
    write,
    (".ohe.npz", ".attr.npz"),
)
