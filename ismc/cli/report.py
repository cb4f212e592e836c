"""`ismc report`: writes a store of scores as one interactive page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ismc.errors import InputError
from ismc.io.stores.store import Store, open_store
from ismc.io.targets import check_target
from ismc.report import choose_tracks, write_page

SUFFIXES = (".html", ".htm")


def report(
    store_path: Path,
    target: Path,
    *,
    output: Sequence[str] | None = None,
    task: Sequence[int] | None = None,
    overwrite: bool = False,
) -> str:
    """Writes the page of a store and returns a summary.

    Args:
        store_path: a complete store, a folder ``.zarr`` that `ismc run` wrote.
        target: the page, a file ``.html``.
        output: names of outputs; by default all.
        task: indices into each output's score, from 0; by default all, if there are at most 8.
        overwrite: replace an existing page.

    Raises:
        InputError: when the store is incomplete, or an argument is invalid.
        ArtifactError: when the store cannot be read or the page cannot be written.
    """
    check_target(target, SUFFIXES, overwrite=overwrite)
    store = open_store(store_path)
    _check_store(store)
    tracks, note = choose_tracks(store.facts, output, task)
    write_page(store, target, tracks, note)
    count, size = store.facts.count, target.stat().st_size
    lines = [f"wrote {target}: {count:,} sequences, {size / 1e6:,.1f} MB"]
    return "\n".join([*lines, note] if note else lines)


def _check_store(store: Store) -> None:
    """Checks that a store holds scores of all letters and is complete.

    Raises:
        InputError: when it does not.
    """
    if not store.facts.sites:
        raise InputError(
            f"The store {store.path} holds variants, expected scores of every letter at all sites.",
            hint="ismc plot draws variants, and ismc convert writes their table.",
        )
    store.check_complete()
