"""Stores are made, get more records, and go."""

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
from ismc.io.stores.store import Store, opened
from ismc.io.targets import disk_errors
from ismc.ir.pytree import distinct

WAIT = 600.0  # seconds, for another process to add its records
KINDS = (*GENOME, *COORDINATES, "at")


def in_memory(facts: Facts, content: Content) -> Store:
    """A new store that no file holds; nothing is scored yet."""
    with extras():
        import zarr
        from zarr.storage import MemoryStore
    return Store(None, facts, _made(zarr.create_group(MemoryStore()), facts, content))


def created(path: Path, facts: Facts, content: Content) -> Store:
    """A new store, nothing scored yet; the folder appears whole, or is another process's by then.

    Raises:
        ArtifactError: when it cannot be written.
        InputError: when there is something else in its place.
    """
    with extras():
        import zarr
    part = path.with_name(f".{path.name}.{token_hex(4)}.part")
    try:
        with disk_errors(path):
            _made(zarr.create_group(part), facts, content)
            with _taken():
                part.rename(path)
    except (ArtifactError, KeyError):
        if not path.exists():  # another process may have made it, and tidied up, meanwhile
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return opened(path, facts)


def appended(store: Store, facts: Facts, content: Content) -> Store:
    """The store with more records, which are not scored yet.

    Args:
        store: one that may be written to, by this process alone.
        facts: what the store holds then; the new records are its last part.
        content: the new records.

    Raises:
        ArtifactError: when they cannot be written; the store is as it was then.
        InputError: when they are not of the kind of those that are there.
    """
    path = Path(str(store.path))
    fixed, columns = content.fixed(facts), content.columns()
    if differ := [key for key in KINDS if (key in store.group) != (key in fixed | columns)]:
        raise InputError(
            f"Only one of {path} and the new records has {', '.join(differ)}, expected regions of "
            "a genome in both, or in neither.",
            hint="Write to another store.",
        )
    if any(store.column(key).tolist() != fixed[key].tolist() for key in fixed):
        raise InputError(
            f"{path} is of other chromosomes, or of other lengths of them, than the genome of the "
            "new records.",
            hint=f"Take the genome of the first run, {facts.genome}, or write to another store.",
        )
    names = distinct([*store.names.tolist(), *content.names])[len(store) :]
    with disk_errors(path):
        extend(store.group, facts, replace(content, names=names))
    found = Store(path, facts, store.group)
    if renamed := sum(a != b for a, b in zip(names, content.names, strict=True)):
        found.notes = (f"{renamed:,} names were in the store already; they have a number now.",)
    return found


def without_last(store: Store) -> None:
    """Leaves out the last records of a store again, none of which is scored."""
    store.facts = store.facts.before
    with disk_errors(Path(str(store.path))):
        shorten(store.group, store.facts)


@contextmanager
def append_lock(path: Path) -> Iterator[None]:
    """Of the processes that append to a store, one at a time looks at it and adds its records."""
    path = path.resolve()
    lock = FileLock(path.with_name(f".{path.name}.lock"), WAIT, fallback_to_soft=False)
    with disk_errors(path), lock:
        try:
            yield
        finally:
            with suppress(OSError):  # Windows keeps a file that is open
                Path(lock.lock_file).unlink()


def removed(path: Path) -> None:
    """Removes a store; it has no name any more before its first file goes."""
    opened(path)  # nothing else is removed
    part = path.with_name(f".{path.name}.{token_hex(4)}.part")
    with disk_errors(path):
        path.rename(part)
        shutil.rmtree(part)


def _made(group: Any, facts: Facts, content: Content) -> Any:
    """The group with all that there is before anything is scored."""
    begin(group, facts, content)
    extend(group, facts, content)
    return group


@contextmanager
def _taken() -> Iterator[None]:
    """Another process may have been first; what is there then is looked at, not replaced."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
