"""Files of scores, `.npz` or `.h5`: whole, or not there.

Datasets, for ``B`` sequences, ``S`` sites and the letters ACGT:

* ``scores`` float32 ``[B, S, 4, *output]``: mutant minus reference, 0 at the letter that is there
* ``reference`` float32 ``[B, *output]``: the model's output for the sequence itself
* ``one_hot`` int8 ``[B, L, 4]``, ``names`` ``[B]``, ``sites`` int64 ``[S, 2]``, half-open ranges
* ``about``, ``letters``, ``ismc_version``, ``model``, ``plan``: text; attributes of the file in
  HDF5, arrays of one text in npz

With several outputs, the first two are ``scores/<output>`` and ``reference/<output>``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np

from ismc.errors import InputError, InternalError
from ismc.io.contents import Contents
from ismc.io.formats import FORMATS, Arrays, reported


def difference(reference: Any, mutant: Any) -> Any:
    """The score that files hold, of outputs ``[n, *output]``; pass it to `ismc.compile`."""
    return mutant - reference


@dataclass
class ScoreFile:
    """A file that is being written, sequence after sequence."""

    path: Path
    contents: Contents
    arrays: Arrays
    count: int = 0

    def add(self, scores: Sequence[np.ndarray], references: Sequence[np.ndarray]) -> None:
        """Adds the next sequences.

        Args:
            scores: ``[b, S, 4, *output]`` of each output.
            references: ``[b, *output]`` of each output.

        Raises:
            ArtifactError: when the disk is full.
        """
        names = [name for name, _ in self.contents.outputs]
        stop = self.count + len(references[0])
        with reported(self.path):
            for kind, values in (("scores", scores), ("reference", references)):
                for name, value in zip(names, values, strict=True):
                    self.arrays[self.contents.key(kind, name)][self.count : stop] = value
        self.count = stop


@contextmanager
def open_scores(path: Path, contents: Contents, *, overwrite: bool = False) -> Iterator[ScoreFile]:
    """A file under a temporary name in the same folder, renamed when all is written.

    Whatever is raised inside, the temporary file is removed and an older file stays as it was.

    Raises:
        InputError: as `check_target`.
        ArtifactError: when the file cannot be written.
        InternalError: when not every sequence was added.
    """
    check_target(path, overwrite=overwrite)
    part = path.with_name(f".{path.name}.{token_hex(4)}.part")
    try:
        with FORMATS[path.suffix](part, contents) as arrays:
            file = ScoreFile(path, contents, arrays)
            yield file
            if file.count != contents.count:
                raise InternalError(f"{file.count} of {contents.count} sequences were written.")
        check_target(path, overwrite=overwrite)
        with reported(path):
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def check_target(path: Path, *, overwrite: bool = False) -> None:
    """Checks that a file of scores may be written, without touching it.

    Raises:
        InputError: for a suffix that is no format, a folder that is missing or may not be written
            to, a directory, or a file that is there unless ``overwrite``.
    """
    folder = path.parent
    if path.suffix not in FORMATS:
        raise InputError(
            f"The output {path} ends in {path.suffix!r}, expected .npz or .h5.",
            hint="The suffix chooses the format; .h5 is written step by step.",
        )
    if not folder.is_dir():
        raise InputError(
            f"The folder {folder} does not exist, expected one for the output {path.name}.",
            hint=f"mkdir -p {folder}",
        )
    if path.is_dir():
        raise InputError(f"The output {path} is a directory, expected a file.", hint="Name a file.")
    if path.exists() and not overwrite:
        raise InputError(
            f"The output {path} exists, expected a new file.",
            hint="Choose another name, or pass --overwrite.",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(
            f"The folder {folder} is not writable, expected one for the output {path.name}.",
            hint="Change its permissions, or write elsewhere.",
        )
