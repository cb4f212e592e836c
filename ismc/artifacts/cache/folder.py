"""The folder of the cache: owned by the user, limited in size; failures cause one warning."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from ismc.artifacts.cache.measurements import warn_once
from ismc.errors import InputError

DEFAULT_LIMIT_BYTES = 4 << 30
SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(?:([kmgt])(i?))?b?", re.IGNORECASE)
ELSEWHERE = "set ISMC_CACHE_DIR to a folder of your own, or compile with cache=False"


def size_limit(default: int) -> int:
    """The cache's maximum size in bytes: ISMC_CACHE_LIMIT, such as 500MB or 2GiB, or a default.

    Raises:
        InputError: when the variable is not a size.
    """
    text = os.environ.get("ISMC_CACHE_LIMIT", "").strip()
    if not text:
        return default
    if (match := SIZE.fullmatch(text)) is None:
        raise InputError(
            f"ISMC_CACHE_LIMIT is {text!r}, expected a size.",
            hint="Give bytes, or a number and a unit: 500MB, 2GiB.",
        )
    number, prefix, binary = match.groups()
    power = 1 + "kmgt".index(prefix.lower()) if prefix else 0
    return int(float(number) * (1024 if binary else 1000) ** power)


def is_usable(folder: Path, *, make: bool = False) -> bool:
    """Whether a folder exists and no other user can write to it; otherwise warns once.

    Args:
        folder: the folder to check; users are checked on POSIX systems only.
        make: whether to create the folder, and its parents, for this user alone.
    """
    try:
        if make:
            for path in reversed([folder, *folder.parents]):
                if not path.exists():
                    path.mkdir(mode=0o700, exist_ok=True)
        status = folder.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        warn_once(folder, f"The cache {folder} cannot be used ({error}): {ELSEWHERE}.")
        return False
    problem = "" if stat.S_ISDIR(status.st_mode) else "is not a folder"
    if os.name == "posix" and not problem:
        if status.st_uid != os.geteuid():
            problem = f"belongs to user {status.st_uid}, expected {os.geteuid()}"
        elif status.st_mode & 0o022:
            problem = f"is writable by others (chmod 700 {folder} if you trust its contents)"
    if problem:
        warn_once(folder, f"The cache {folder} {problem} and is not used: {ELSEWHERE}.")
    return not problem
