"""`ismc convert`: writes the scores of a store in the format of another program."""

from __future__ import annotations

from pathlib import Path

from ismc.io.convert import convert_request, format_of
from ismc.io.convert.format import Request
from ismc.io.convert.selection import Task
from ismc.io.stores.store import open_store


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
    """Writes the files and returns a summary.

    Args:
        store_path: a store, a folder ``.zarr``.
        target: the file, or the prefix of several files.
        to: the name of a format; by default the suffix of ``target`` decides.
        output: an output of the store.
        task: the index of one number of the output's score.
        sizes: a file of chromosome lengths, for bigWig.
        overwrite: replace existing files.

    Raises:
        InputError: as `ismc.io.convert.convert`.
        ArtifactError: as `ismc.io.convert.convert`.
    """
    format_of(target, to)
    store = open_store(store_path)
    conversion = convert_request(
        Request(store, output, task, sizes), target, to, overwrite=overwrite
    )
    rows = [
        ("format", f"{conversion.format.name}: {conversion.format.about}"),
        ("sequences", f"{len(store):,}"),
        *(("note", note) for note in conversion.notes),
        *(("file", f"{path} ({path.stat().st_size:,} bytes)") for path in conversion.paths),
    ]
    return "\n".join(f"{name:<10} {text}" for name, text in rows)
