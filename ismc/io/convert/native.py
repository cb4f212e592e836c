"""The layout of ismc in one file, `.npz` or `.h5`: every array of a store, block by block.

For ``N`` records of length ``L``, ``S`` sites and the letters ACGT:

* ``scores`` float32 ``[N, S, 4, *score]``; ``reference`` float32 ``[N, *output]``: the model's
  outputs for the unmutated records; with several outputs, ``scores/<output>`` and
  ``reference/<output>``
* ``one_hot`` int8 ``[N, L, 4]``, ``names`` ``[N]``, ``sites`` int64 ``[S, 2]``: half-open ranges
* ``chrom``, ``start``, ``end``, ``summit``, ``strand`` ``[N]``, and ``genome_chroms``,
  ``genome_sizes`` ``[K]``, if records are regions of a genome
* ``at`` and ``variants/<column>`` in place of ``sites``, if variants were scored; see
  `ismc.io.stores.store`
* ``about``, a definition of the scores, and the texts of `ismc.io.convert.provenance`: attributes
  of the file in HDF5, arrays of one text in npz

The file has all outputs, and numbers equal those of the store bit for bit. One block is in memory
at a time. Arrays are not compressed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ismc.errors import InputError
from ismc.io.convert.contributions import read_array
from ismc.io.convert.format import Format, Request
from ismc.io.convert.hdf5_file import hdf5_file
from ismc.io.convert.npz_file import npz_file
from ismc.io.convert.provenance import provenance
from ismc.io.stores.content import CHECK
from ismc.io.stores.store import Store

Array = np.ndarray


def npz(request: Request, paths: Sequence[Path]) -> list[str]:
    """Writes an `.npz` file, array by array."""
    store = _every_output(request)
    with npz_file(paths[0]) as file:
        for key, array in _blocked(store).items():
            file.blocks(key, _shape(store, array), array.dtype, _blocks(store, array))
        file.add(_unblocked_arrays(store))
        file.add({key: np.asarray(text, np.str_) for key, text in _texts(store).items()})
    return []


def h5(request: Request, paths: Sequence[Path]) -> list[str]:
    """Writes an `.h5` file."""
    store = _every_output(request)
    with hdf5_file(paths[0]) as file:
        file.says(_texts(store))
        file.add(_unblocked_arrays(store))
        for key, array in _blocked(store).items():
            file.blocked(key, _shape(store, array), array.dtype)
            for block, values in enumerate(_blocks(store, array)):
                file.put(key, store.facts.rows(block), values)
    return []


def _every_output(request: Request) -> Store:
    """The store of a request without a choice of output or task.

    Raises:
        InputError: when an output or a task is chosen.
    """
    if request.output is not None or request.task is not None:
        raise InputError(
            "An output or task is chosen, expected none: npz and h5 hold all outputs.",
            hint="Leave out --model-output and --task, or choose a format with --to.",
        )
    return request.store


def _texts(store: Store) -> dict[str, str]:
    facts = store.facts
    where = "at[b, s]" if facts.slots else "sites[s]"
    about = (
        f"scores[b, s, c] is {facts.formula}: r is the model's output for sequence b, m its "
        f"output with the letter {facts.letters}[c] at {where}, d = m - r. reference[b] is r."
    )
    return {"about": about, **provenance(facts)}


def _blocked(store: Store) -> dict[str, Any]:
    """The Zarr arrays that are copied in blocks of records."""
    arrays = {"one_hot": store.one_hot}
    for kind in ("scores", "reference"):
        for output in store.facts.outputs:
            key = store.facts.key(kind, output.name)
            arrays[key] = store.group[key]
    return arrays


def _shape(store: Store, array: Any) -> tuple[int, ...]:
    """The shape of the valid rows."""
    return len(store), *array.shape[1:]


def _blocks(store: Store, array: Any) -> Iterator[Array]:
    for block in range(store.facts.blocks):
        yield read_array(store, array, store.facts.rows(block))


def _unblocked_arrays(store: Store) -> dict[str, Array]:
    """The other arrays, text as ``str``, except the marks and checks of blocks."""
    arrays, blocked = {}, {*_blocked(store), "written", CHECK}
    for key, array in sorted(store.group.members(max_depth=None)):
        if key not in blocked and hasattr(array, "shape"):
            values = read_array(store, array, store.rows_of(key))
            text = values.dtype.kind in "OT"
            arrays[key] = np.asarray(values.tolist(), np.str_) if text else values
    return arrays


NPZ = Format("npz", (".npz",), "all outputs, float32, as arrays of NumPy", npz)
H5 = Format("h5", (".h5", ".hdf5"), "all outputs, float32, in HDF5", h5)
