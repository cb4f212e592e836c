"""Output files: checked before any work, and written atomically."""

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
        suffixes: the suffixes that its name may have.
        overwrite: whether the file may exist.
        folder: whether the path may be a directory.

    Raises:
        InputError: for another suffix, a parent folder that is missing or not writable, a directory
            unless ``folder``, or an existing file unless ``overwrite``.
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
    """Reports an OSError inside the block as an error of ismc.

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
    """A temporary path in the same folder; it is renamed to ``path`` when the block succeeds.

    Raises:
        ArtifactError: when the disk is full; no partial file remains.
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
    """A new text file to write to; compressed, without a timestamp, if its name ends in .gz."""
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
    *first, last = suffixes
    return f"{', '.join(first)} or {last}" if first else last
