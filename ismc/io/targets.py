"""Where a file is written: checked before any work, and taken whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from gzip import GzipFile
from io import TextIOWrapper
from pathlib import Path
from secrets import token_hex
from typing import TextIO

from ismc.errors import ArtifactError, InputError


def check_target(
    path: Path, suffixes: Sequence[str], *, overwrite: bool = False, folder: bool = False
) -> None:
    """Checks that a file may be written, without touching it.

    Args:
        path: the file.
        suffixes: those that it may end in.
        overwrite: whether it may be there.
        folder: whether it may be a folder.

    Raises:
        InputError: for another suffix, a folder that is missing or may not be written to, a
            directory, or a file that is there unless ``overwrite``.
    """
    parent = path.parent
    if not path.name.endswith(tuple(suffixes)):
        raise InputError(
            f"The output {path} ends in {path.suffix!r}, expected {_either(suffixes)}.",
            hint="The suffix chooses the format.",
        )
    if not parent.is_dir():
        raise InputError(
            f"The folder {parent} does not exist, expected one for the output {path.name}.",
            hint=f"mkdir -p {parent}",
        )
    if path.is_dir() and not folder:
        raise InputError(f"The output {path} is a directory, expected a file.", hint="Name a file.")
    if path.exists() and not overwrite:
        raise InputError(
            f"The output {path} exists, expected a new file.",
            hint="Choose another name, or pass --overwrite.",
        )
    if not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(
            f"The folder {parent} is not writable, expected one for the output {path.name}.",
            hint="Change its permissions, or write elsewhere.",
        )


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
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
def atomic_write(path: Path) -> Iterator[Path]:
    """A name in the same folder to write to; it becomes the file when nothing was raised.

    Raises:
        ArtifactError: when the disk is full; nothing is left then.
    """
    part = path.with_name(f".{token_hex(4)}.part.{path.name}")
    try:
        with disk_errors(path):
            yield part
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def text_file(path: Path) -> Iterator[TextIO]:
    """The file to write text to, compressed without a date if its name ends so."""
    with path.open("xb") as raw:
        if not path.name.endswith(".gz"):
            with TextIOWrapper(raw, "utf-8", newline="") as file:
                yield file
            return
        with (
            GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
            TextIOWrapper(packed, "utf-8", newline="") as file,
        ):
            yield file


def _either(suffixes: Sequence[str]) -> str:
    *some, last = suffixes
    return f"{', '.join(some)} or {last}" if some else last
