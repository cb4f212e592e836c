"""Compiled programs kept between runs: one file for each, found by the digest of what it is of.

In the folder lie ``<key>.entry``, in the format of `ismc.artifacts.container`; ``<key>.lock``,
empty; ``.<digits>.part``, entries that are being written; ``damaged/``, entries that failed the
check. The time of change of an entry is that of its last use. Nothing depends on the folder: what
cannot be read or kept is compiled again, with a warning.
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
from ismc.artifacts.cache.folder import ELSEWHERE, LIMIT, size_limit, usable
from ismc.artifacts.container import Container, header, read, write
from ismc.errors import ArtifactError, InputError

KEY = re.compile(r"[0-9a-f]{64}")
PART = re.compile(r"\.[0-9a-f]{16}\.part")
STALE = 3600  # seconds after which a file that is being written belongs to a process that died
DAMAGED = 8  # entries that are kept for a look at them
PATIENCE = 600.0


@dataclass(frozen=True)
class Entry:
    """A program in the cache; times are in seconds since 1970."""

    key: str
    size: int
    used: float
    created: float
    model: str
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Problem:
    """A file that should not lie in the cache; only a damaged one was of use."""

    path: Path
    kind: Literal["damaged", "leftover", "foreign"]
    reason: str


class ProgramStore:
    """A folder of programs, of which the least recently used make room for others.

    Threads and processes may share it: entries are replaced as a whole, and removing one does not
    disturb those who read it.
    """

    def __init__(self, directory: Path | None = None, limit: int = LIMIT) -> None:
        self.directory = directory or cache.directory() / "programs"
        self.limit = size_limit(limit)

    def get(self, key: str) -> Container | None:
        """The entry of a key, verified, or nothing; a damaged one is set aside with a warning."""
        path = self._path(key)
        if not usable(self.directory):
            return None
        try:
            found = _entry(path)
        except ArtifactError as error:
            self._report(path, error)
            return None
        with suppress(OSError):  # a folder that may only be read
            os.utime(path, ns=(now := time.time_ns(), now))
        return found

    def put(self, key: str, container: Container) -> None:
        """Keeps an entry, with its key and the time added to its manifest; failures are warned of.

        Then the least recently used others are removed while all take more than the limit.
        """
        path = self._path(key)
        if container.size > self.limit:
            text = f"takes {container.size} bytes, more than ISMC_CACHE_LIMIT ({self.limit})"
            cache.warn_once(path, f"The compiled program {text}: it is not kept.")
            return
        if not usable(self.directory, make=True):
            return
        added = {"key": key, "created": time.time()}
        try:
            kept = replace(container, manifest={**container.manifest, **added})
            write(path, kept, private=True)
        except ArtifactError as error:
            text = f"Compiled programs are not kept: {ELSEWHERE}. {_first_line(error)}"
            cache.warn_once(self.directory, text)
            return
        self._make_room(path)

    @contextmanager
    def locked(self, key: str, timeout: float = PATIENCE) -> Iterator[bool]:
        """Yields whether the lock of a key is held; without it, the caller works unlocked.

        Only one thread of one process holds it, and a process that dies lets go, as the lock is
        the operating system's. It is not held after ``timeout`` seconds, where a file system has no
        locks, or where the folder cannot be written. The empty file stays: to remove it would let
        one who waits for it and one who makes it anew both hold a lock; only `clear` does so.
        """
        lock = _lock(self._path(key, ".lock"), timeout)
        held = False
        if usable(self.directory, make=True):
            with suppress(OSError, RuntimeError, NotImplementedError):  # a timeout is an OSError
                lock.acquire()
                held = True
        try:
            yield held
        finally:
            if held:
                lock.release()

    def entries(self) -> list[Entry]:
        """All entries that are whole, the last used first."""
        found = []
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
                found.append(entry)
        return sorted(found, key=lambda entry: (-entry.used, entry.key))

    def show(self, prefix: str) -> Container:
        """The entry whose key begins so.

        Raises:
            InputError: when none does, or several do.
            ArtifactError: when it is damaged.
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
        """Reads all entries, and names the files that should not be there; nothing is changed."""
        problems = []
        for path in sorted(self.directory.iterdir()) if usable(self.directory) else ():
            known = KEY.fullmatch(path.stem) and path.suffix in (".entry", ".lock")
            if known and path.suffix == ".entry":
                try:
                    _entry(path)
                except ArtifactError as error:
                    problems.append(Problem(path, "damaged", _first_line(error)))
            elif PART.fullmatch(path.name):
                if _age(path) > STALE:
                    problems.append(Problem(path, "leftover", "a process died writing it"))
            elif not known and path.name != "damaged":
                problems.append(Problem(path, "foreign", "ismc did not write it"))
        return problems

    def clear(self, keys: Iterable[str] | None = None) -> int:
        """Removes the entries of some keys, or all and what else ismc left; counts the entries."""
        paths = [self._path(key) for key in keys or ()]
        if not usable(self.directory):
            return 0
        count = sum(_remove(path) for path in paths)
        if keys is None:
            count = sum(_remove(path) for path, _ in self._files())
            self._sweep()
            shutil.rmtree(self.directory / "damaged", ignore_errors=True)
            for path in self.directory.glob("*.lock"):
                if KEY.fullmatch(path.stem):
                    with self.locked(path.stem, timeout=0) as held:
                        if held:
                            _remove(path)
        return count

    def _path(self, key: str, suffix: str = ".entry") -> Path:
        if not KEY.fullmatch(key):
            raise InputError(f"The key {key!r} is no SHA-256, expected 64 digits 0-9 a-f.")
        return self.directory / f"{key}{suffix}"

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        """The files of entries that are there now."""
        for path in sorted(self.directory.glob("*.entry")) if usable(self.directory) else ():
            with suppress(OSError):
                if KEY.fullmatch(path.stem):
                    yield path, path.stat()

    def _report(self, path: Path, error: ArtifactError) -> None:
        """Warns of an entry that is there and cannot be used; it is set aside if it is damaged."""
        if isinstance(error.__cause__, FileNotFoundError):
            return
        reason = _first_line(error)
        if isinstance(error.__cause__, (OSError, MemoryError)):  # the entry may be whole
            cache.warn_once(path, f"{reason} The program is compiled again.")
            return
        try:
            folder = self._set_aside(path)
        except OSError as failure:
            cache.warn_once(
                path, f"{reason} It stays there ({failure}); the program is compiled again."
            )
            return
        text = f"{reason} It is moved to {folder}, and the program is compiled again."
        warnings.warn(text, RuntimeWarning, stacklevel=3)

    def _set_aside(self, path: Path) -> Path:
        """Moves a file into ``damaged/``, where the newest few stay."""
        folder = self.directory / "damaged"
        folder.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):  # another process was faster
            path.replace(folder / f"{time.time_ns()}-{path.name}")
        for old in sorted(folder.iterdir())[:-DAMAGED]:
            if not _remove(old):
                shutil.rmtree(old, ignore_errors=True)
        return folder

    def _make_room(self, written: Path) -> None:
        """Removes the least recently used entries beyond the limit, save the one just written."""
        self._sweep()
        files = sorted(self._files(), key=lambda file: file[1].st_mtime_ns)
        total = sum(status.st_size for _, status in files)
        for path, status in files:
            if total > self.limit and path != written and _remove(path):
                total -= status.st_size

    def _sweep(self) -> None:
        """Removes what processes that died left half-written."""
        for path in self.directory.glob(".*.part"):
            if PART.fullmatch(path.name) and _age(path) > STALE:
                _remove(path)


def _entry(path: Path) -> Container:
    """Reads an entry.

    Raises:
        ArtifactError: as `read`, and for the entry of another key.
    """
    found = read(path)
    _check_key(path, found.manifest)
    return found


def _check_key(path: Path, manifest: Mapping[str, Any]) -> None:
    if (key := manifest.get("key")) != path.stem:
        raise ArtifactError(f"{path} is damaged: it holds the entry {key!r}, expected its name's.")


def _lock(path: Path, timeout: float) -> FileLock:
    return FileLock(path, timeout=timeout, mode=0o600, fallback_to_soft=False)


def _remove(path: Path) -> bool:
    """Whether the file was removed; on Windows it stays while it is read."""
    try:
        path.unlink()
    except OSError:
        return False
    return True


def _age(path: Path) -> float:
    """Seconds since a file was changed; 0 when it is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
