"""`ismc convert`: the scores of a store, as another program reads them."""

from __future__ import annotations

from pathlib import Path

from ismc.io.convert import converted, format_of
from ismc.io.convert.format import Request
from ismc.io.convert.selection import Task
from ismc.io.stores.store import opened


def convert(
    store_path: Path,
    target: Path,
    to: str | None,
    *,
    output: str | None = None,
    task: Task = None,
    sizes: Path | None = None,
    overwrite: bool = False,
) -> str:
    """Writes the files, and says what was written.

    Args:
        store_path: a folder `.zarr`.
        target: the file, or what the names of several begin with.
        to: the name of a format; by the suffix of the target by default.
        output: the name of an output of the store.
        task: one number of its score.
        sizes: a file of the lengths of chromosomes, for bigWig.
        overwrite: whether files that are there are replaced.

    Raises:
        InputError, ArtifactError: as `ismc.io.convert.convert`.
    """
    format_of(target, to)
    store = opened(store_path)
    done = converted(Request(store, output, task, sizes), target, to, overwrite=overwrite)
    rows = [
        ("format", f"{done.format.name}: {done.format.about}"),
        ("sequences", f"{len(store):,}"),
        *(("note", note) for note in done.notes),
        *(("file", f"{path} ({path.stat().st_size:,} bytes)") for path in done.paths),
    ]
    return "\n".join(f"{name:<10} {text}" for name, text in rows)
