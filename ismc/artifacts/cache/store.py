"""The store of compiled programs: one file per program, named by its key.

The folder contains ``<key>.entry``, in the format of `ismc.artifacts.container`; ``<key>.lock``,
empty; ``.<digits>.part``, entries that are being written; and ``damaged/``, entries that failed
verification. The modification time of an entry is the time of its last use. The store is optional:
what cannot be read or stored is compiled again, with a warning.
"""

from __future__ import annotations

import os
import re
import shutil
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from ismc.artifacts.cache import measurements as cache
from ismc.artifacts.cache.folder import DEFAULT_LIMIT_BYTES, ELSEWHERE, is_usable, size_limit
from ismc.artifacts.container import Container, header, read_container, write_container
from ismc.errors import ArtifactError, InputError

KEY = re.compile(r"[0-9a-f]{64}")
PARTIAL = re.compile(r"\.[0-9a-f]{16}\.part")
STALE_SECONDS = 3600  # a partial file of this age belongs to a process that died
MAX_DAMAGED_ENTRIES = 8  # kept for inspection
LOCK_TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True)
class Entry:
    """A program in the store; times are in seconds since 1970."""

    key: str
    size: int
    used: float
    created: float
    model: str
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Problem:
    """A file that does not belong in the store; only damaged ones were entries."""

    path: Path
    kind: Literal["damaged", "leftover", "foreign"]
    reason: str


class ProgramStore:
    """A folder of programs; the least recently used are removed to make room.

    Threads and processes may share a store: an entry is replaced atomically, and removing it does
    not disturb its readers.
    """

    def __init__(self, directory: Path | None = None, limit: int = DEFAULT_LIMIT_BYTES) -> None:
        self.directory = directory or cache.directory() / "programs"
        self.limit = size_limit(limit)

    def get(self, key: str) -> Container | None:
        """The verified entry of a key, or ``None``; a damaged entry is set aside with a warning."""
        path = self._path(key)
        if not is_usable(self.directory):
            return None
        try:
            container = _entry(path)
        except ArtifactError as error:
            self._report(path, error)
            return None
        with suppress(OSError):  # a read-only folder
            os.utime(path, ns=(now := time.time_ns(), now))
        return container

    def put(self, key: str, container: Container) -> None:
        """Stores an entry, with the key and the time in its manifest; failures only warn.

        Afterwards the least recently used other entries are removed until the total is within the
        limit.
        """
        path = self._path(key)
        if container.size > self.limit:
            text = f"takes {container.size} bytes, more than ISMC_CACHE_LIMIT ({self.limit})"
            cache.warn_once(path, f"The compiled program {text}: it is not cached.")
            return
        if not is_usable(self.directory, make=True):
            return
        metadata = {"key": key, "created": time.time()}
        try:
            entry = replace(container, manifest={**container.manifest, **metadata})
            write_container(path, entry, private=True)
        except ArtifactError as error:
            text = f"Compiled programs are not cached: {ELSEWHERE}. {_first_line(error)}"
            cache.warn_once(self.directory, text)
            return
        self._make_room(path)

    @contextmanager
    def locked(self, key: str, timeout: float = LOCK_TIMEOUT_SECONDS) -> Iterator[bool]:
        """Yields whether the lock of a key was acquired; if not, the caller works without a lock.

        The lock is exclusive between threads and processes. It belongs to the operating system,
        which releases it if the process dies. Acquisition fails after ``timeout`` seconds, on a
        file system without locks, and in a folder that cannot be written. The empty lock file
        remains: if it were removed, a process that waits for the old file and one that creates a
        new file could both hold a lock. Only `clear` removes it.
        """
        lock = _lock(self._path(key, ".lock"), timeout)
        acquired = False
        if is_usable(self.directory, make=True):
            with suppress(OSError, RuntimeError, NotImplementedError):  # a timeout is an OSError
                lock.acquire()
                acquired = True
        try:
            yield acquired
        finally:
            if acquired:
                lock.release()

    def entries(self) -> list[Entry]:
        """All undamaged entries, the most recently used first."""
        entries = []
        for path, status in self._files():
            with suppress(ArtifactError):
                manifest = header(path)
                _check_key(path, manifest)
                versions, created = manifest.get("versions"), manifest.get("created")
                entry = Entry(
                    key=path.stem,
                    size=status.st_size,
                    used=status.st_mtime,
                    created=created if isinstance(created, float) else status.st_mtime,
                    model=str(manifest.get("model", "")),
                    versions=versions if isinstance(versions, dict) else {},
                )
                entries.append(entry)
        return sorted(entries, key=lambda entry: (-entry.used, entry.key))

    def show(self, prefix: str) -> Container:
        """The entry whose key begins with a prefix.

        Raises:
            InputError: when no entry or several entries match.
            ArtifactError: when the entry is damaged.
        """
        paths = [path for path, _ in self._files() if path.stem.startswith(prefix)]
        if len(paths) != 1:
            raise InputError(
                f"{len(paths) or 'No'} entries of {self.directory} begin with {prefix!r}, "
                "expected one.",
                hint="Give more digits of a key: ismc cache list.",
            )
        return _entry(paths[0])

    def verify(self) -> list[Problem]:
        """Reads all entries and lists files that do not belong in the store; changes nothing."""
        problems = []
        for path in sorted(self.directory.iterdir()) if is_usable(self.directory) else ():
            is_known = KEY.fullmatch(path.stem) and path.suffix in (".entry", ".lock")
            if is_known and path.suffix == ".entry":
                try:
                    _entry(path)
                except ArtifactError as error:
                    problems.append(Problem(path, "damaged", _first_line(error)))
            elif PARTIAL.fullmatch(path.name):
                if _age(path) > STALE_SECONDS:
                    problems.append(Problem(path, "leftover", "a process died writing it"))
            elif not is_known and path.name != "damaged":
                problems.append(Problem(path, "foreign", "ismc did not write it"))
        return problems

    def clear(self, keys: Iterable[str] | None = None) -> int:
        """Removes the entries of some keys, or all of ismc's files; returns the entries' number."""
        paths = [self._path(key) for key in keys or ()]
        if not is_usable(self.directory):
            return 0
        count = sum(_remove(path) for path in paths)
        if keys is None:
            count = sum(_remove(path) for path, _ in self._files())
            self._sweep()
            shutil.rmtree(self.directory / "damaged", ignore_errors=True)
            for path in self.directory.glob("*.lock"):
                if KEY.fullmatch(path.stem):
                    with self.locked(path.stem, timeout=0) as acquired:
                        if acquired:
                            _remove(path)
        return count

    def _path(self, key: str, suffix: str = ".entry") -> Path:
        if not KEY.fullmatch(key):
            raise InputError(f"The key {key!r} is not a SHA-256, expected 64 digits 0-9 a-f.")
        return self.directory / f"{key}{suffix}"

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        """The files of the entries that exist now."""
        for path in sorted(self.directory.glob("*.entry")) if is_usable(self.directory) else ():
            with suppress(OSError):
                if KEY.fullmatch(path.stem):
                    yield path, path.stat()

    def _report(self, path: Path, error: ArtifactError) -> None:
        """Warns about an entry that exists but is unusable; a damaged one is set aside."""
        if isinstance(error.__cause__, FileNotFoundError):
            return
        reason = _first_line(error)
        if isinstance(error.__cause__, (OSError, MemoryError)):  # the entry may be undamaged
            cache.warn_once(path, f"{reason} The program is compiled again.")
            return
        try:
            folder = self._set_aside(path)
        except OSError as failure:
            cache.warn_once(
                path, f"{reason} It cannot be moved ({failure}); the program is compiled again."
            )
            return
        text = f"{reason} It is moved to {folder}, and the program is compiled again."
        warnings.warn(text, RuntimeWarning, stacklevel=3)

    def _set_aside(self, path: Path) -> Path:
        """Moves a file into ``damaged/``, which keeps only the newest few."""
        folder = self.directory / "damaged"
        folder.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):  # another process was faster
            path.replace(folder / f"{time.time_ns()}-{path.name}")
        for old in sorted(folder.iterdir())[:-MAX_DAMAGED_ENTRIES]:
            if not _remove(old):
                shutil.rmtree(old, ignore_errors=True)
        return folder

    def _make_room(self, written: Path) -> None:
        """Removes the least recently used entries beyond the limit, except the one just written."""
        self._sweep()
        files = sorted(self._files(), key=lambda file: file[1].st_mtime_ns)
        total = sum(status.st_size for _, status in files)
        for path, status in files:
            if total > self.limit and path != written and _remove(path):
                total -= status.st_size

    def _sweep(self) -> None:
        """Removes partial files of processes that died."""
        for path in self.directory.glob(".*.part"):
            if PARTIAL.fullmatch(path.name) and _age(path) > STALE_SECONDS:
                _remove(path)


def _entry(path: Path) -> Container:
    """Reads an entry.

    Raises:
        ArtifactError: as `read`, and for the entry of another key.
    """
    container = read_container(path)
    _check_key(path, container.manifest)
    return container


def _check_key(path: Path, manifest: Mapping[str, Any]) -> None:
    if (key := manifest.get("key")) != path.stem:
        raise ArtifactError(f"{path} is damaged: its key is {key!r}, expected its file name.")


def _lock(path: Path, timeout: float) -> FileLock:
    return FileLock(path, timeout=timeout, mode=0o600, fallback_to_soft=False)


def _remove(path: Path) -> bool:
    """Removes a file; returns whether it was removed. On Windows a file in use cannot be."""
    try:
        path.unlink()
    except OSError:
        return False
    return True


def _age(path: Path) -> float:
    """Seconds since a file was modified; 0 if it does not exist."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
