"""The formats of a file of scores: each yields arrays to fill, and leaves a whole file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ismc.errors import ArtifactError, InputError
from ismc.io.contents import Contents
from ismc.io.extras import extras

Arrays = Mapping[str, Any]
Format = Callable[[Path, Contents], AbstractContextManager[Arrays]]


@contextmanager
def reported(path: Path) -> Iterator[None]:
    """Failures of the disk inside are errors of ismc.

    Raises:
        ArtifactError: in place of the OSError.
    """
    try:
        yield
    except OSError as error:
        raise ArtifactError(
            f"{path} cannot be written ({error.strerror or error}).",
            hint="Free space, or write to another folder with -o.",
        ) from error


@contextmanager
def npz(path: Path, contents: Contents) -> Iterator[Arrays]:
    """Collects in memory and writes at the end; ``names`` and attributes are arrays of text."""
    try:
        arrays = {k: np.empty(shape, np.float32) for k, shape in contents.shapes().items()}
    except MemoryError as error:
        raise InputError(
            f"The scores do not fit into memory ({error}), as .npz needs.",
            hint="Write to a file .h5, which is filled step by step.",
        ) from error
    yield arrays
    text = {"names": contents.records.names, **contents.attributes()}
    with reported(path), path.open("xb") as file:
        np.savez(
            file,
            allow_pickle=False,
            **arrays,
            **contents.fixed(),
            **{key: np.asarray(value, np.str_) for key, value in text.items()},
        )


@contextmanager
def hdf5(path: Path, contents: Contents) -> Iterator[Arrays]:
    """Written as it is filled; ``names`` is UTF-8, attributes are those of the file."""
    with extras():
        import h5py
    with reported(path):
        file = h5py.File(path, "x")
    try:
        with reported(path):
            for key, value in contents.fixed().items():
                file.create_dataset(key, data=value)
            names = list(contents.records.names)
            file.create_dataset("names", data=names, dtype=h5py.string_dtype("utf-8"))
            file.attrs.update(contents.attributes())
            shapes = contents.shapes().items()
            arrays = {key: file.create_dataset(key, shape, np.float32) for key, shape in shapes}
        yield arrays
    finally:
        with reported(path):
            file.close()


FORMATS: Mapping[str, Format] = {".npz": npz, ".h5": hdf5}
