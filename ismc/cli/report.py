"""`ismc report`: a store of scores as one page to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ismc.errors import InputError
from ismc.io.stores.store import Store, opened
from ismc.io.targets import check_target
from ismc.report import chosen, write_page

SUFFIXES = (".html", ".htm")


def report(
    store_path: Path,
    target: Path,
    *,
    output: Sequence[str] | None = None,
    task: Sequence[int] | None = None,
    overwrite: bool = False,
) -> str:
    """Writes the page of a store, and returns what to tell about it.

    Args:
        store_path: a folder ``.zarr`` that `ismc run` has written, complete.
        target: the page, a file ``.html``.
        output: names of outputs; all by default.
        task: values of each of them, from 0; all by default, where there are 8 at most.
        overwrite: whether a page that is there is replaced.

    Raises:
        InputError: when the store is not complete, or something does not fit.
        ArtifactError: when the store cannot be read, or the page not be written.
    """
    check_target(target, SUFFIXES, overwrite=overwrite)
    store = opened(store_path)
    _check_store(store)
    tracks, note = chosen(store.facts, output, task)
    write_page(store, target, tracks, note)
    count, size = store.facts.count, target.stat().st_size
    lines = [f"wrote {target}: {count:,} sequences, {size / 1e6:,.1f} MB"]
    return "\n".join([*lines, note] if note else lines)


def _check_store(store: Store) -> None:
    if not store.facts.sites:
        raise InputError(
            f"The store {store.path} holds variants, expected scores of every letter at all sites.",
            hint="ismc plot draws variants, and ismc convert writes their table.",
        )
    store.check_complete()
