"""The folder of the cache: the user's own, of a limited size; it fails with one warning."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from ismc.artifacts.cache.measurements import warn_once
from ismc.errors import InputError

LIMIT = 4 << 30
SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(?:([kmgt])(i?))?b?", re.IGNORECASE)
ELSEWHERE = "set ISMC_CACHE_DIR to a folder of your own, or compile with cache=False"


def size_limit(default: int) -> int:
    """Bytes that the cache may take: ISMC_CACHE_LIMIT, such as 500MB or 2GiB, or a default.

    Raises:
        InputError: when the variable is no size.
    """
    text = os.environ.get("ISMC_CACHE_LIMIT", "").strip()
    if not text:
        return default
    if (found := SIZE.fullmatch(text)) is None:
        raise InputError(
            f"ISMC_CACHE_LIMIT is {text!r}, expected a size.",
            hint="Give bytes, or a number and a unit: 500MB, 2GiB.",
        )
    number, prefix, binary = found.groups()
    power = 1 + "kmgt".index(prefix.lower()) if prefix else 0
    return int(float(number) * (1024 if binary else 1000) ** power)


def usable(folder: Path, *, make: bool = False) -> bool:
    """Whether a folder is there and no other user can write to it; else it is warned of, once.

    Args:
        folder: what is looked at; the check of users is one of POSIX systems.
        make: makes it when it is not there, with its parents, for this user alone.
    """
    try:
        if make:
            for path in reversed([folder, *folder.parents]):
                if not path.exists():
                    path.mkdir(mode=0o700, exist_ok=True)
        found = folder.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        warn_once(folder, f"The cache {folder} cannot be used ({error}): {ELSEWHERE}.")
        return False
    problem = "" if stat.S_ISDIR(found.st_mode) else "is no folder"
    if os.name == "posix" and not problem:
        if found.st_uid != os.geteuid():
            problem = f"belongs to user {found.st_uid}, expected {os.geteuid()}"
        elif found.st_mode & 0o022:
            problem = f"may be written by others (chmod 700 {folder} if you trust what is in it)"
    if problem:
        warn_once(folder, f"The cache {folder} {problem} and is not used: {ELSEWHERE}.")
    return not problem
