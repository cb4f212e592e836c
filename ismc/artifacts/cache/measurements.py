"""Measurements of a machine, stored between runs as small JSON files.

The files are in the user's cache directory, or in the folder that the environment variable
``ISMC_CACHE_DIR`` names. They are optional: what cannot be read or written is measured again, with
one warning.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from platformdirs import user_cache_dir


def directory() -> Path:
    """The folder of the files."""
    return Path(os.environ.get("ISMC_CACHE_DIR") or user_cache_dir("ismc", appauthor=False))


def recall(kind: str, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """The value stored under a key, or ``None``."""
    path = _path(kind, key)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return dict(record["value"]) if record["key"] == dict(key) else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        warn_once(path.parent, f"{path} cannot be read ({error}); it is measured again.")
        return None


def remember(kind: str, key: Mapping[str, Any], value: Mapping[str, Any]) -> None:
    """Stores a value under a key: written to a temporary file, then renamed."""
    path = _path(kind, key)
    text = json.dumps({"key": dict(key), "value": dict(value)}, indent=1, sort_keys=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(
            "w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8"
        ) as file:
            file.write(text)
        try:
            Path(file.name).replace(path)
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise
    except OSError as error:
        warn_once(
            path.parent, f"{path} cannot be written ({error}); it is measured again next time."
        )


def _path(kind: str, key: Mapping[str, Any]) -> Path:
    digest = hashlib.sha256(json.dumps(dict(key), sort_keys=True).encode()).hexdigest()
    return directory() / f"{kind}-{digest[:16]}.json"


def warn_once(about: Path, text: str) -> None:
    """Warns about a path once per process; if warnings are errors, every time."""
    if about not in _warned():
        warnings.warn(text, RuntimeWarning, stacklevel=4)
        _warned().add(about)


@cache
def _warned() -> set[Path]:
    return set()
