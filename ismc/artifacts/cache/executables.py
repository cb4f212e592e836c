"""XLA's own cache of executables, stored inside ismc's entries.

TensorFlow stores what XLA compiles in a directory if an environment variable names one before it
runs its first graph. ismc names a private directory for each process. The files that appear there
while a program is compiled become part of the program's cache entry, under the entry's digest. They
are copied back before the same program is compiled in another process. So only verified machine
code is loaded.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

VARIABLE = "TF_XLA_FLAGS"
OPTION = "--tf_xla_persistent_cache_directory="
STALE_SECONDS = 7 * 24 * 3600  # a directory of this age is taken to be unused
NAME = re.compile(r"[\w-]+\.pb")
INHERITED = re.compile(rf"{OPTION}\S*ismc-\d+-[0-9a-f]{{16}} --\S*device_types=CPU,GPU")
OFF = ("off", "0", "false", "no")
NOISE = (b"XlaSerializedCacheEntry", b"cpu_aot_loader.cc")


def prepare() -> None:
    """Sets up the directory; call this before TensorFlow runs its first graph."""
    if is_off():
        return
    flags = INHERITED.sub("", os.environ.get(VARIABLE, ""))
    if OPTION in flags:  # set by the user
        return
    where = Path(tempfile.gettempdir()) / f"ismc-{os.getpid()}-{os.urandom(8).hex()}"
    options = (f"{OPTION}{where}", "--tf_xla_persistent_cache_device_types=CPU,GPU")
    os.environ[VARIABLE] = " ".join([*flags.split(), *options])
    _prepared[:] = [where]


def is_off() -> bool:
    """Whether ``ISMC_CACHE`` disables the default cache; a cache that is named is used anyway."""
    return os.environ.get("ISMC_CACHE", "").lower() in OFF


_prepared: list[Path] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: prepare() if _prepared else None)


def lay_out(files: Mapping[str, bytes]) -> bool:
    """Copies executables to the directory that TensorFlow reads; returns whether there is one."""
    where = _directory()
    if where is None:
        return False
    for name, content in files.items():
        if NAME.fullmatch(name):
            (where / name).write_bytes(content)
    return True


def executable_names() -> set[str]:
    """The names of the executables in this process's directory, stored by TensorFlow or copied."""
    where = _directory()
    return set() if where is None else {path.name for path in where.iterdir()}


@contextlib.contextmanager
def collect_executables() -> Iterator[dict[str, bytes]]:
    """Yields a dict that, after the block, contains the executables that the block added."""
    where, before = _directory(), executable_names()
    executables: dict[str, bytes] = {}
    yield executables
    if where is None:
        return
    for path in where.iterdir():
        if path.name not in before and NAME.fullmatch(path.name):
            with contextlib.suppress(OSError):
                executables[path.name] = path.read_bytes()
    if not executables and not before:
        _too_late()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Filters two wrong messages of XLA's loader out of the standard error stream.

    One is about the file format. The other is about two settings of the code generator that the
    loader takes for processor features. Everything else is passed through.
    """
    with tempfile.TemporaryFile() as buffer:
        try:
            stderr = os.dup(2)
        except OSError:
            yield
            return
        os.dup2(buffer.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            buffer.seek(0)
            for line in buffer:
                if not any(noise in line for noise in NOISE):
                    os.write(2, line)
            os.close(stderr)


def _directory() -> Path | None:
    """The directory of this process, created when first needed."""
    if not _prepared or str(_prepared[0]) not in os.environ.get(VARIABLE, ""):
        return None
    return _make_directory(_prepared[0])


@cache
def _make_directory(where: Path) -> Path | None:
    try:
        where.mkdir(mode=0o700)
    except OSError:
        return None
    atexit.register(_remove, where, os.getpid())
    for folder in where.parent.glob("ismc-*-*"):  # left by killed processes
        with contextlib.suppress(OSError, AttributeError):  # no owners on some systems
            if (
                folder.stat().st_mtime < time.time() - STALE_SECONDS
                and folder.stat().st_uid == os.getuid()
            ):
                shutil.rmtree(folder, ignore_errors=True)
    return where


def _remove(where: Path, owner: int) -> None:
    """Removes the directory, except in a fork of the process that owns it."""
    if os.getpid() == owner:
        shutil.rmtree(where, ignore_errors=True)


@cache
def _too_late() -> None:
    warnings.warn(
        "XLA stores no executables, so every process compiles again: TensorFlow ran a compiled "
        "function before ismc was imported. Import ismc first.",
        RuntimeWarning,
        stacklevel=2,
    )
