"""The cache loses an entry rather than answer wrongly, and a disk that fails costs time alone."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ismc.artifacts.cache.store import MAX_DAMAGED_ENTRIES, ProgramStore
from ismc.artifacts.container import Container, write_container
from tests.support.corrupting import corrupted
from tests.support.stores import A, B, age, content, fails, names, new_store, path_of, same


@pytest.fixture(autouse=True)
def _fresh_keras() -> None:
    """No models are made here: nothing is to be freed after each test."""


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProgramStore]:
    yield from new_store(tmp_path, monkeypatch)


def test_a_damaged_entry_is_set_aside(store: ProgramStore) -> None:
    store.put(A, content(1))
    path = path_of(store, A)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(RuntimeWarning) as warned:
        assert store.get(A) is None
    (warning,) = warned
    text = str(warning.message)
    assert text.startswith(f"{path} is damaged: it has ")
    assert text.endswith(
        f"moved to {store.directory / 'damaged'}, and the program is compiled again."
    )
    assert warning.filename == __file__
    assert store.get(A) is None
    (kept,) = names(store.directory / "damaged")
    assert kept.endswith(f"-{A}.entry")
    store.put(A, content(1))
    assert same(store.get(A), content(1))
    assert store.verify() == []


def test_the_entry_of_another_key_is_foreign(store: ProgramStore) -> None:
    store.put(A, content(1))
    path_of(store, A).rename(path_of(store, B))
    (problem,) = store.verify()
    assert problem.kind == "damaged"
    with pytest.warns(RuntimeWarning, match=f"its key is '{A}', expected its file name"):
        assert store.get(B) is None
    write_container(path_of(store, B), content(1))
    assert store.entries() == []
    with pytest.warns(RuntimeWarning, match="its key is None, expected its file name"):
        assert store.get(B) is None
    path_of(store, B).mkdir()
    with pytest.warns(RuntimeWarning, match="is a directory, expected a file"):
        assert store.get(B) is None
    store.put(B, content(2))
    assert same(store.get(B), content(2))


def test_a_thousand_damaged_entries(store: ProgramStore) -> None:
    store.put(A, content(1))
    path = path_of(store, A)
    data = path.read_bytes()
    for seed in range(1000):
        path.write_bytes(corrupted(data, seed))
        with pytest.warns(RuntimeWarning) as warned:
            assert store.get(A) is None
        assert len(warned) == 1
        assert not path.exists()
        assert len(names(store.directory / "damaged")) == min(seed + 1, MAX_DAMAGED_ENTRIES)
    path.write_bytes(data)
    assert same(store.get(A), content(1))


def test_an_entry_that_cannot_be_read_now_stays(
    store: ProgramStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(A, content(1))
    fails(monkeypatch, "pathlib.Path.open", errno.EMFILE)
    with pytest.warns(RuntimeWarning, match="cannot be read .* compiled again") as warned:
        assert store.get(A) is None
        assert store.get(A) is None
    assert len(warned) == 1
    monkeypatch.undo()
    assert same(store.get(A), content(1))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize("place", ["os.open", "os.fsync", "pathlib.Path.replace"])
def test_what_cannot_be_kept_is_warned_of_once(
    store: ProgramStore, place: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(A, content(1))
    fails(monkeypatch, place, code)
    with pytest.warns(RuntimeWarning) as warned:
        store.put(A, content(2))
        ProgramStore().put(B, content(2))
    (warning,) = warned
    assert str(warning.message) == (
        "Compiled programs are not cached: set ISMC_CACHE_DIR to a folder of your own, or compile "
        f"with cache=False. {path_of(store, A)} cannot be written ({os.strerror(code)})."
    )
    assert same(store.get(A), content(1))
    assert names(store.directory) == [f"{A}.entry"]


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_folder_that_cannot_be_made(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fails(monkeypatch, "pathlib.Path.mkdir", code)
    with pytest.warns(RuntimeWarning, match="cannot be used .* set ISMC_CACHE_DIR") as warned:
        ProgramStore().put(A, content(1))
        with ProgramStore().locked(A) as held:
            assert not held
    assert len(warned) == 1


def test_what_cannot_be_stored_is_warned_of(store: ProgramStore) -> None:
    with pytest.warns(RuntimeWarning, match="The name 'a/b' cannot be stored"):
        store.put(A, Container({}, {"a/b": ""}))
    assert store.get(A) is None


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_is_read_only_is_read(store: ProgramStore) -> None:
    store.put(A, content(1))
    store.directory.chmod(0o500)
    try:
        assert same(store.get(A), content(1))
        with pytest.warns(RuntimeWarning, match="are not cached"):
            store.put(B, content(2))
        with store.locked(A) as held:
            assert not held
    finally:
        store.directory.chmod(0o700)


def test_a_folder_without_times_is_read(
    store: ProgramStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(A, content(1))
    fails(monkeypatch, "os.utime", errno.EROFS)
    assert same(store.get(A), content(1))
    path_of(store, A).write_bytes(b"damaged")
    fails(monkeypatch, "pathlib.Path.replace", errno.EROFS)
    with pytest.warns(RuntimeWarning, match="It cannot be moved .* compiled again") as warned:
        assert store.get(A) is None
        assert store.get(A) is None
    assert len(warned) == 1


def test_what_killed_writers_left_is_removed(store: ProgramStore) -> None:
    store.put(A, content(1))
    old, new = (store.directory / f".{digit * 16}.part" for digit in "12")
    for path in (old, new):
        path.write_bytes(b"half")
    age(old, 4000)
    (store.directory / "notes.txt").write_text("mine")
    found = {problem.path.name: problem.kind for problem in store.verify()}
    assert found == {old.name: "leftover", "notes.txt": "foreign"}
    store.put(B, content(2))
    assert names(store.directory) == [new.name, f"{A}.entry", f"{B}.entry", "notes.txt"]
    age(new, 4000)
    with store.locked(A) as held:
        assert held
        assert store.clear() == 2
        assert names(store.directory) == [f"{A}.lock", "notes.txt"]
    assert store.clear() == 0
    assert names(store.directory) == ["notes.txt"]
