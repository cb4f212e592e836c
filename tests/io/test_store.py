"""The cache keeps what it is given, within its limit and in the user's own folder."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ismc.artifacts.cache import measurements as cache
from ismc.artifacts.cache.store import ProgramStore
from ismc.artifacts.container import Container, pack, read_container, write_container
from ismc.errors import ArtifactError, InputError
from tests.support.stores import POSIX, A, B, C, D, age, content, names, new_store, path_of, same


@pytest.fixture(autouse=True)
def _fresh_keras() -> None:
    """No models are made here: nothing is to be freed after each test."""


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProgramStore]:
    yield from new_store(tmp_path, monkeypatch)


def test_an_entry_is_kept_for_the_next_process(store: ProgramStore) -> None:
    assert store.directory == cache.directory() / "programs"
    assert store.get(A) is None
    assert not cache.directory().exists()
    before = time.time()
    store.put(A, content(1))
    assert names(store.directory) == [f"{A}.entry"]
    found = ProgramStore().get(A)
    assert same(found, content(1))
    assert found is not None
    assert found.manifest["key"] == A
    assert before <= found.manifest["created"] <= time.time()
    assert store.get(B) is None
    store.put(A, content(2))
    assert same(store.get(A), content(2))


@POSIX
def test_the_folder_is_the_users_own(store: ProgramStore) -> None:
    before = os.umask(0)
    try:
        store.put(A, content(1))
    finally:
        os.umask(before)
    for path in (store.directory, *list(store.directory.parents)[:2]):
        assert path.stat().st_mode & 0o777 == 0o700, path
    assert path_of(store, A).stat().st_mode & 0o777 == 0o600


@POSIX
@pytest.mark.parametrize(
    ("mode", "user", "words"),
    [
        (0o770, 0, "is writable by others (chmod 700"),
        (0o702, 0, "is writable by others (chmod 700"),
        (0o700, 1, "belongs to user"),
    ],
)
def test_a_folder_that_others_write_to_is_not_used(
    store: ProgramStore, mode: int, user: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(A, content(1))
    store.directory.chmod(mode)
    here = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: here + user)
    with pytest.warns(RuntimeWarning) as warned:
        assert store.get(A) is None
        store.put(B, content(2))
        assert store.entries() == store.verify() == []
        assert store.clear() == 0
        with store.locked(A) as held:
            assert not held
    (warning,) = warned
    assert words in str(warning.message)
    assert str(warning.message).endswith(
        "and is not used: set ISMC_CACHE_DIR to a folder of your own, or compile with cache=False."
    )
    assert names(store.directory) == [f"{A}.entry"]
    store.directory.chmod(0o755)
    monkeypatch.undo()
    assert same(ProgramStore(store.directory).get(A), content(1))


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for directory in (tmp_path / "file", tmp_path / "file" / "deep"):
        store = ProgramStore(directory)
        with pytest.warns(RuntimeWarning, match="set ISMC_CACHE_DIR") as warned:
            store.put(A, content(1))
            assert store.get(A) is None
            with store.locked(A) as held:
                assert not held
        assert len(warned) == 1


def test_the_least_recently_used_make_room(store: ProgramStore) -> None:
    for number, key in enumerate((A, B, C)):
        store.put(key, content(number))
        age(path_of(store, key), 300 - number)
    store.limit = 3 * path_of(store, A).stat().st_size + 10
    assert same(store.get(A), content(0))
    store.put(D, content(3))
    assert names(store.directory) == [f"{key}.entry" for key in (A, C, D)]
    assert [entry.key for entry in store.entries()][-1] == C
    store.limit = content(0).size
    store.put(B, content(1))
    assert names(store.directory) == [f"{B}.entry"]
    store.limit -= 1
    with pytest.warns(RuntimeWarning, match=r"than ISMC_CACHE_LIMIT \(\d+\): it is not cached"):
        store.put(A, content(0))
    assert names(store.directory) == [f"{B}.entry"]


@pytest.mark.skipif(os.name != "posix", reason="removes an open file")
def test_removing_does_not_disturb_a_reader(store: ProgramStore) -> None:
    store.put(A, content(1))
    with path_of(store, A).open("rb") as file:
        assert store.clear() == 1
        assert len(file.read()) > content(1).size


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("", 4 << 30),
        ("0", 0),
        ("1000000", 10**6),
        ("2GiB", 2 << 30),
        (" 500 MB ", 500 * 10**6),
        ("1.5kib", 1536),
        ("12b", 12),
        ("1T", 10**12),
    ],
)
def test_the_limit_is_a_size(text: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISMC_CACHE_LIMIT", text)
    assert ProgramStore().limit == limit


@pytest.mark.parametrize("text", ["much", "-1", "1 QB", "GiB", "1e9", "nan", "5iB"])
def test_a_limit_that_is_no_size(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISMC_CACHE_LIMIT", text)
    with pytest.raises(
        InputError, match=f"ISMC_CACHE_LIMIT is {text!r}, expected a size"
    ) as caught:
        ProgramStore()
    assert caught.value.hint == "Give bytes, or a number and a unit: 500MB, 2GiB."


@pytest.mark.parametrize("key", ["", "a", "../" + "a" * 61, A.upper(), A + "0", A + "\n"])
def test_keys_are_digests(store: ProgramStore, key: str) -> None:
    for call in (store.get, lambda key: store.put(key, content(1)), lambda key: store.clear([key])):
        with pytest.raises(InputError, match="is not a SHA-256"):
            call(key)
    with pytest.raises(InputError, match="is not a SHA-256"), store.locked(key):
        pass


def test_entries_are_listed_shown_and_removed(store: ProgramStore) -> None:
    assert store.entries() == []
    for number, key in enumerate((A, B, C)):
        store.put(key, content(number))
        age(path_of(store, key), 100 + number)
    path_of(store, C).write_bytes(pack(content(3))[:-1])
    first, second = store.entries()
    assert (first.key, second.key) == (A, B)
    assert first.size == path_of(store, A).stat().st_size
    assert first.model == "model 0"
    assert first.versions == {"ismc": "0.1", "tensorflow": "2.21"}
    assert time.time() - 110 < first.used < time.time() - 90
    assert time.time() - 60 < first.created <= time.time()
    assert same(store.show("b"), content(1))
    with pytest.raises(ArtifactError, match="is damaged"):
        store.show(C)
    for prefix, count in (("d", "No"), ("", "3")):
        with pytest.raises(InputError, match=f"{count} entries of .* begin with '{prefix}'"):
            store.show(prefix)
    (problem,) = store.verify()
    assert (problem.path, problem.kind) == (path_of(store, C), "damaged")
    assert names(store.directory) == [f"{key}.entry" for key in (A, B, C)]
    assert store.clear([A, D]) == 1
    assert store.clear() == 2
    assert names(store.directory) == []


def test_manifests_of_other_makes_are_listed(store: ProgramStore) -> None:
    store.put(A, content(1))
    found = read_container(path_of(store, A))
    odd = {"key": A, "created": "today", "model": 3, "versions": ["x"]}
    write_container(path_of(store, A), Container(odd, found.texts))
    (entry,) = store.entries()
    assert (entry.model, entry.versions, entry.created) == ("3", {}, entry.used)
