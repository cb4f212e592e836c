"""What was measured on a machine, remembered between runs: small JSON files.

They lie in the user's cache directory, or where the environment variable ``ISMC_CACHE_DIR`` says.
Nothing depends on them: what cannot be read or written is measured again, with one warning.
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
    """Where the files lie."""
    return Path(os.environ.get("ISMC_CACHE_DIR") or user_cache_dir("ismc", appauthor=False))


def recall(kind: str, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """What was remembered under a key, or nothing."""
    path = _path(kind, key)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return dict(found["value"]) if found["key"] == dict(key) else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        warn_once(path.parent, f"{path} cannot be read ({error}); it is measured again.")
        return None


def remember(kind: str, key: Mapping[str, Any], value: Mapping[str, Any]) -> None:
    """Remembers a value under a key: written under another name, then renamed."""
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
            path.parent, f"{path} cannot be written ({error}); it is measured anew next time."
        )


def _path(kind: str, key: Mapping[str, Any]) -> Path:
    digest = hashlib.sha256(json.dumps(dict(key), sort_keys=True).encode()).hexdigest()
    return directory() / f"{kind}-{digest[:16]}.json"


def warn_once(about: Path, text: str) -> None:
    """Warns of a path once in a process; a warning that is made an error is one each time."""
    if about not in _warned():
        warnings.warn(text, RuntimeWarning, stacklevel=4)
        _warned().add(about)


@cache
def _warned() -> set[Path]:
    return set()
