"""Creating, extending and removing stores."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any

from filelock import FileLock

from ismc.errors import ArtifactError, InputError
from ismc.io.extras import extras
from ismc.io.stores.content import COORDINATES, GENOME, Content, begin, extend, shorten
from ismc.io.stores.facts import Facts
from ismc.io.stores.store import Store, open_store
from ismc.io.targets import disk_errors
from ismc.ir.pytree import distinct

MAX_LOCK_SECONDS = 600.0  # the wait for another process to append its records
REGION_KEYS = (*GENOME, *COORDINATES, "at")


def in_memory(facts: Facts, content: Content) -> Store:
    """A new store in memory, without scores."""
    with extras():
        import zarr
        from zarr.storage import MemoryStore
    return Store(None, facts, _fill(zarr.create_group(MemoryStore()), facts, content))


def create_store(path: Path, facts: Facts, content: Content) -> Store:
    """A new store on disk, without scores.

    The folder is written under a temporary name and renamed into place. If another process creates
    the store first, that one is opened instead.

    Raises:
        ArtifactError: when the store cannot be written.
        InputError: when the path holds something else.
    """
    with extras():
        import zarr
    part = path.with_name(f".{path.name}.{token_hex(4)}.part")
    try:
        with disk_errors(path):
            _fill(zarr.create_group(part), facts, content)
            with _allow_existing():
                part.rename(path)
    except (ArtifactError, KeyError):
        if not path.exists():  # or another process made it and removed ours
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return open_store(path, facts)


def append_records(store: Store, facts: Facts, content: Content) -> Store:
    """The store with more records, which have no scores yet.

    Args:
        store: a store open for writing, that no other process appends to.
        facts: the facts after the append; their last part is the new records.
        content: the new records.

    Raises:
        ArtifactError: when the records cannot be written; the store is then unchanged.
        InputError: when only one of the store and the new records has coordinates or sites of
            variants, or their genomes differ.
    """
    path = Path(str(store.path))
    fixed, columns = content.fixed(facts), content.columns()
    if keys := [key for key in REGION_KEYS if (key in store.group) != (key in fixed | columns)]:
        raise InputError(
            f"Only one of {path} and the new records has {', '.join(keys)}, expected regions of "
            "a genome in both, or in neither.",
            hint="Write to another store.",
        )
    if any(store.column(key).tolist() != fixed[key].tolist() for key in fixed):
        raise InputError(
            f"{path} has other chromosomes, or other lengths of chromosomes, than the genome of "
            "the new records.",
            hint=f"Use the genome of the first run, {facts.genome}, or write to another store.",
        )
    names = distinct([*store.names.tolist(), *content.names])[len(store) :]
    with disk_errors(path):
        extend(store.group, facts, replace(content, names=names))
    extended = Store(path, facts, store.group)
    if renamed := sum(a != b for a, b in zip(names, content.names, strict=True)):
        extended.notes = (f"{renamed:,} names were already in the store; numbers were added.",)
    return extended


def drop_last_part(store: Store) -> None:
    """Drops the last part of a store, which has no scores."""
    store.facts = store.facts.before
    with disk_errors(Path(str(store.path))):
        shorten(store.group, store.facts)


@contextmanager
def append_lock(path: Path) -> Iterator[None]:
    """A lock that lets one process at a time inspect a store and append its records."""
    path = path.resolve()
    lock = FileLock(path.with_name(f".{path.name}.lock"), MAX_LOCK_SECONDS, fallback_to_soft=False)
    with disk_errors(path), lock:
        try:
            yield
        finally:
            with suppress(OSError):  # Windows cannot remove an open file
                Path(lock.lock_file).unlink()


def remove_store(path: Path) -> None:
    """Removes a store; renames it first, so that no partial store keeps its name."""
    open_store(path)  # raises unless it is a store
    part = path.with_name(f".{path.name}.{token_hex(4)}.part")
    with disk_errors(path):
        path.rename(part)
        shutil.rmtree(part)


def _fill(group: Any, facts: Facts, content: Content) -> Any:
    """The group with all arrays and metadata of a store without scores."""
    begin(group, facts, content)
    extend(group, facts, content)
    return group


@contextmanager
def _allow_existing() -> Iterator[None]:
    """Ignores that the target of a rename exists, as another process has created it."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
