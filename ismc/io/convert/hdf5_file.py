"""Files of HDF5 that are written block by block, and fail in order when the disk is full.

HDF5 cannot close a file that it could not write to, and takes the process with it when that ends.
So it writes by way of Python here: after the first failure nothing more reaches the disk, and the
failure is raised once HDF5 is done.
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
    """A file as HDF5 wants one, that keeps its first failure to itself."""

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
        left = memoryview(data)
        size = left.nbytes
        try:
            while self.failure is None and left.nbytes:
                left = left[self._file.write(left) :]
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
        """Nothing is held back."""

    def check(self) -> None:
        if self.failure is not None:
            raise self.failure


class Hdf5:
    """A file that is being written."""

    def __init__(self, file: Any, disk: _Disk) -> None:
        self._file, self._disk = file, disk

    def add(self, arrays: Mapping[str, Array]) -> None:
        """Adds whole datasets; ``str`` is UTF-8 of any length."""
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
        """Adds a dataset to fill; compressed by so many rows, if not 0."""
        packed: dict[str, Any] = {}
        if rows and 0 not in shape:
            chunks = (min(rows, shape[0]), *shape[1:])
            packed = {"chunks": chunks, "compression": "gzip", "shuffle": True}
        self._file.create_dataset(key, shape, dtype, **packed)

    def put(self, key: str, rows: slice, values: Array) -> None:
        """Fills rows.

        Raises:
            OSError: when the disk is full.
        """
        self._file[key][rows] = values
        self._disk.check()


@contextmanager
def hdf5_file(path: Path) -> Iterator[Hdf5]:
    """A new file.

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
