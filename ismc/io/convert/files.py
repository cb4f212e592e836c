"""Several files that appear together, or none of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from ismc.io.targets import check_target, disk_errors


def check_free(paths: Sequence[Path], *, overwrite: bool) -> None:
    """Checks that files may be written, without touching them.

    Raises:
        InputError: as `ismc.io.targets.check_target`, whatever their suffixes.
    """
    for path in paths:
        check_target(path, ("",), overwrite=overwrite)


@contextmanager
def atomic_write_all(paths: Sequence[Path], *, overwrite: bool) -> Iterator[list[Path]]:
    """Names in the same folder to write to; they become the files when nothing was raised.

    The first of them that cannot take its name puts all others back as they were. Older files are
    then in their places again.

    Raises:
        ArtifactError: when the disk is full; nothing is left then.
        InputError: when one of the files is there by now.
    """
    token = token_hex(4)
    parts = [path.with_name(f".{token}.part.{path.name}") for path in paths]
    try:
        with disk_errors(paths[0]):
            yield parts
            check_free(paths, overwrite=overwrite)
            _take(parts, paths)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _take(parts: Sequence[Path], paths: Sequence[Path]) -> None:
    """Renames all; a single file takes the place of an older one in one step."""
    if len(paths) == 1:
        parts[0].replace(paths[0])
        return
    older = [part.with_name(f"{part.name}.old") for part in parts]
    taken: list[Path] = []
    try:
        for part, path, old in zip(parts, paths, older, strict=True):
            if path.exists():
                path.replace(old)
            part.replace(path)
            taken.append(path)
    except BaseException:
        for path in taken:
            path.unlink(missing_ok=True)
        for path, old in zip(paths, older, strict=True):
            if old.exists():
                old.replace(path)
        raise
    for old in older:
        old.unlink(missing_ok=True)
