"""XLA's own cache of executables, kept inside of ismc's entries.

TensorFlow can keep what XLA compiles in a directory, if an environment variable says so before it
runs its first graph. ismc gives it a private directory per process; what appears there while a
program is compiled is put into the program's entry in the cache, under the entry's digest, and is
laid out again before the same program is compiled in another process. So nothing is loaded as
machine code that has not been checked.
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
STALE = 7 * 24 * 3600  # seconds after which no process is taken to use a directory
NAME = re.compile(r"[\w-]+\.pb")
INHERITED = re.compile(rf"{OPTION}\S*ismc-\d+-[0-9a-f]{{16}} --\S*device_types=CPU,GPU")
OFF = ("off", "0", "false", "no")
NOISE = (b"XlaSerializedCacheEntry", b"cpu_aot_loader.cc")


def prepare() -> None:
    """Sets up the directory; to be called before TensorFlow runs its first graph."""
    if is_off():
        return
    flags = INHERITED.sub("", os.environ.get(VARIABLE, ""))
    if OPTION in flags:  # the user's own
        return
    where = Path(tempfile.gettempdir()) / f"ismc-{os.getpid()}-{os.urandom(8).hex()}"
    ours = (f"{OPTION}{where}", "--tf_xla_persistent_cache_device_types=CPU,GPU")
    os.environ[VARIABLE] = " ".join([*flags.split(), *ours])
    _prepared[:] = [where]


def is_off() -> bool:
    """Whether the user wants no cache, but where one is named."""
    return os.environ.get("ISMC_CACHE", "").lower() in OFF


_prepared: list[Path] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: prepare() if _prepared else None)


def lay_out(files: Mapping[str, bytes]) -> bool:
    """Puts executables where TensorFlow looks for them; whether it can."""
    where = _directory()
    if where is None:
        return False
    for name, content in files.items():
        if NAME.fullmatch(name):
            (where / name).write_bytes(content)
    return True


def there() -> set[str]:
    """The names of the executables that TensorFlow has kept, or found, in this process."""
    where = _directory()
    return set() if where is None else {path.name for path in where.iterdir()}


@contextlib.contextmanager
def gathered() -> Iterator[dict[str, bytes]]:
    """A dict that holds the executables that were kept inside of the block, at its end."""
    where, before = _directory(), there()
    found: dict[str, bytes] = {}
    yield found
    if where is None:
        return
    for path in where.iterdir():
        if path.name not in before and NAME.fullmatch(path.name):
            with contextlib.suppress(OSError):
                found[path.name] = path.read_bytes()
    if not found and not before:
        _too_late()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps two notes of XLA's loader, which are wrong, from the standard error stream.

    One is about the form of the file, the other about two settings of the code generator that the
    loader takes for features of the processor. Everything else that is written is passed on.
    """
    with tempfile.TemporaryFile() as held:
        try:
            kept = os.dup(2)
        except OSError:
            yield
            return
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            held.seek(0)
            for line in held:
                if not any(noise in line for noise in NOISE):
                    os.write(2, line)
            os.close(kept)


def _directory() -> Path | None:
    """The directory of this process; made when it is first asked for."""
    if not _prepared or str(_prepared[0]) not in os.environ.get(VARIABLE, ""):
        return None
    return _made(_prepared[0])


@cache
def _made(where: Path) -> Path | None:
    try:
        where.mkdir(mode=0o700)
    except OSError:
        return None
    atexit.register(_removed, where, os.getpid())
    for left in where.parent.glob("ismc-*-*"):  # of processes that were killed
        with contextlib.suppress(OSError, AttributeError):  # other systems have no owners
            if left.stat().st_mtime < time.time() - STALE and left.stat().st_uid == os.getuid():
                shutil.rmtree(left, ignore_errors=True)
    return where


def _removed(where: Path, owner: int) -> None:
    """Removes the directory, unless this is a fork of the process that uses it."""
    if os.getpid() == owner:
        shutil.rmtree(where, ignore_errors=True)


@cache
def _too_late() -> None:
    warnings.warn(
        "XLA keeps no executables, so every process compiles again: TensorFlow ran a compiled "
        "function before ismc was imported. Import ismc first.",
        RuntimeWarning,
        stacklevel=2,
    )
