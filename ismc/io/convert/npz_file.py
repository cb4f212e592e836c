"""`.npz` files as of `numpy.savez`, but written block by block.

At most one block is in memory. Arrays are not compressed, so that they can be read at the speed of
the disk. The file has no timestamp.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import numpy as np

Array = np.ndarray


class Npz:
    """An archive of arrays that is open for writing."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive

    def add(self, arrays: Mapping[str, Array]) -> None:
        """Adds complete arrays, without Python objects."""
        for key, values in arrays.items():
            with self._archive.open(ZipInfo(f"{key}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(values), allow_pickle=False)

    def blocks(
        self, key: str, shape: tuple[int, ...], dtype: np.dtype | type, blocks: Iterable[Array]
    ) -> None:
        """Adds an array of that shape from blocks of its rows, in order."""
        kind = np.dtype(dtype)
        head = {"descr": kind.str, "fortran_order": False, "shape": shape}
        with self._archive.open(ZipInfo(f"{key}.npy"), "w", force_zip64=True) as file:
            np.lib.format.write_array_header_1_0(file, head)
            for block in blocks:
                file.write(np.ascontiguousarray(block, kind).data)


@contextmanager
def npz_file(path: Path) -> Iterator[Npz]:
    """A new archive.

    Raises:
        OSError: when the disk is full.
    """
    with path.open("xb") as raw, ZipFile(raw, "w") as archive:
        yield Npz(archive)
