"""HDF5 files that are written block by block, with an error when the disk is full.

HDF5 cannot close a file after a failed write, and crashes the process when that exits. It therefore
writes through a Python file object: after the first failure, later writes are discarded, and the
failure is raised once HDF5 has closed the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from ismc.io.extras import extras

Array = np.ndarray


class _Disk:
    """A file object for HDF5 that stores its first failure and discards later writes."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self.failure: OSError | None = None

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size) or b""

    def readinto(self, buffer: Any) -> int:
        return self._file.readinto(buffer) or 0

    def write(self, data: Any) -> int:
        remaining = memoryview(data)
        size = remaining.nbytes
        try:
            while self.failure is None and remaining.nbytes:
                remaining = remaining[self._file.write(remaining) :]
        except OSError as failure:
            self.failure = failure
        return size

    def truncate(self, size: int) -> int:
        try:
            if self.failure is None:
                self._file.truncate(size)
        except OSError as failure:
            self.failure = failure
        return size

    def flush(self) -> None:
        """Does nothing, as writes are not buffered."""

    def check(self) -> None:
        if self.failure is not None:
            raise self.failure


class Hdf5:
    """An HDF5 file that is open for writing."""

    def __init__(self, file: Any, disk: _Disk) -> None:
        self._file, self._disk = file, disk

    def add(self, arrays: Mapping[str, Array]) -> None:
        """Adds complete datasets; ``str`` becomes UTF-8 of variable length."""
        import h5py

        for key, values in arrays.items():
            text = values.dtype.kind in "UT"
            data = [str(value) for value in values.ravel()] if text else values
            kind = h5py.string_dtype("utf-8") if text else values.dtype
            self._file.create_dataset(key, values.shape, kind, data=data)
            self._disk.check()

    def says(self, texts: Mapping[str, str]) -> None:
        """Adds attributes of the file."""
        self._file.attrs.update(texts)
        self._disk.check()

    def blocked(
        self, key: str, shape: tuple[int, ...], dtype: np.dtype | type | str, rows: int = 0
    ) -> None:
        """Adds an empty dataset; compressed in chunks of ``rows`` rows, unless ``rows`` is 0."""
        packed: dict[str, Any] = {}
        if rows and 0 not in shape:
            chunks = (min(rows, shape[0]), *shape[1:])
            packed = {"chunks": chunks, "compression": "gzip", "shuffle": True}
        self._file.create_dataset(key, shape, dtype, **packed)

    def put(self, key: str, rows: slice, values: Array) -> None:
        """Writes rows of a dataset.

        Raises:
            OSError: when the disk is full.
        """
        self._file[key][rows] = values
        self._disk.check()


@contextmanager
def hdf5_file(path: Path) -> Iterator[Hdf5]:
    """A new HDF5 file.

    Raises:
        OSError: when the disk is full.
    """
    with extras():
        import h5py
    with path.open("x+b", buffering=0) as raw:
        disk = _Disk(raw)
        with h5py.File(disk, "w") as file:
            yield Hdf5(file, disk)
        disk.check()
