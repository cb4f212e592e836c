"""Several files that are written atomically: all appear together, or none does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from ismc.io.targets import check_target, disk_errors


def check_free(paths: Sequence[Path], *, overwrite: bool) -> None:
    """Checks that files may be written, without touching them.

    Raises:
        InputError: as for `ismc.io.targets.check_target`, with any suffix.
    """
    for path in paths:
        check_target(path, ("",), overwrite=overwrite)


@contextmanager
def atomic_write_all(paths: Sequence[Path], *, overwrite: bool) -> Iterator[list[Path]]:
    """Temporary paths in the same folder; they are renamed to ``paths`` when the block succeeds.

    If a rename fails, the earlier ones are undone and older files are restored.

    Raises:
        ArtifactError: when the disk is full; no partial file remains.
        InputError: when one of the files was created meanwhile.
    """
    token = token_hex(4)
    parts = [path.with_name(f".{token}.part.{path.name}") for path in paths]
    try:
        with disk_errors(paths[0]):
            yield parts
            check_free(paths, overwrite=overwrite)
            _rename_all(parts, paths)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _rename_all(parts: Sequence[Path], paths: Sequence[Path]) -> None:
    """Renames all parts, or none; a single part replaces an older file in one step."""
    if len(paths) == 1:
        parts[0].replace(paths[0])
        return
    older = [part.with_name(f"{part.name}.old") for part in parts]
    renamed: list[Path] = []
    try:
        for part, path, old in zip(parts, paths, older, strict=True):
            if path.exists():
                path.replace(old)
            part.replace(path)
            renamed.append(path)
    except BaseException:
        for path in renamed:
            path.unlink(missing_ok=True)
        for path, old in zip(paths, older, strict=True):
            if old.exists():
                old.replace(path)
        raise
    for old in older:
        old.unlink(missing_ok=True)
