"""A cache of its own for each test, and what is kept in it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ismc.artifacts.cache import measurements as cache
from ismc.artifacts.cache.store import ProgramStore
from ismc.artifacts.container import Container

A, B, C, D = (letter * 64 for letter in "abcd")
POSIX = pytest.mark.skipif(os.name != "posix", reason="users and signals of POSIX")


def new_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProgramStore]:
    """The body of a fixture: a cache in a folder that is not there yet."""
    monkeypatch.setenv("ISMC_CACHE_DIR", str(tmp_path / "user" / "cache"))
    monkeypatch.delenv("ISMC_CACHE_LIMIT", raising=False)
    cache._warned.cache_clear()
    yield ProgramStore()
    cache._warned.cache_clear()


def content(number: int, count: int = 500) -> Container:
    arrays = {"w": np.random.default_rng(number).normal(size=count)}
    manifest = {"model": f"model {number}", "versions": {"ismc": "0.1", "tensorflow": "2.21"}}
    return Container(manifest, {"plan.txt": f"plan {number}\n"}, {"module": b"hlo"}, arrays)


def same(found: Container | None, expected: Container) -> bool:
    return (
        found is not None
        and found.manifest.items() >= expected.manifest.items()
        and found.texts == expected.texts
        and found.blobs == expected.blobs
        and found.arrays["w"].tobytes() == expected.arrays["w"].tobytes()
    )


def path_of(store: ProgramStore, key: str) -> Path:
    return store.directory / f"{key}.entry"


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def fails(monkeypatch: pytest.MonkeyPatch, place: str, code: int) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(place, fail)
