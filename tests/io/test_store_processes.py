"""Threads and processes share the cache, and may be killed at any time."""

from __future__ import annotations

import errno
import multiprocessing
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ismc.artifacts.cache.store import ProgramStore
from tests.support.stores import POSIX, A, B, C, D, age, content, fails, new_store, same

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(autouse=True)
def _fresh_keras() -> None:
    """No models are made here: nothing is to be freed after each test."""


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProgramStore]:
    yield from new_store(tmp_path, monkeypatch)


def test_one_thread_at_a_time(store: ProgramStore) -> None:
    inside, most, held = [0], [0], []

    def work() -> None:
        for _ in range(5):
            with store.locked(A) as mine:
                held.append(mine)
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.002)
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert held == [True] * 30
    assert most == [1]


def test_locks_of_keys_are_apart_and_do_not_deadlock(store: ProgramStore) -> None:
    with store.locked(A) as first, store.locked(B) as second:
        assert first
        assert second
        with store.locked(A, timeout=0.1) as again:
            assert not again
    with pytest.raises(KeyError), store.locked(A):
        raise KeyError
    with store.locked(A, timeout=0) as held:
        assert held


@POSIX
@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_file_systems_without_locks(
    store: ProgramStore, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails(monkeypatch, "fcntl.flock", code)
    with store.locked(A) as held:
        assert not held


def hold(directory: Path, ready: Any) -> None:
    with ProgramStore(directory).locked(A) as held:
        ready.put(held)
        time.sleep(60)


@POSIX
def test_a_killed_process_lets_go(store: ProgramStore) -> None:
    ready = SPAWN.Queue()
    process = SPAWN.Process(target=hold, args=(store.directory, ready), daemon=True)
    process.start()
    assert ready.get(timeout=60)
    with store.locked(A, timeout=0.2) as held:
        assert not held
    process.kill()
    process.join()
    with store.locked(A, timeout=20) as held:
        assert held


def hammer(directory: Path, seed: int, stop: float) -> None:
    """Gets and puts; whatever is read is what was put, and nothing is warned of."""
    warnings.simplefilter("error")
    rng, keys = np.random.default_rng(seed), (A, B, C)
    store = ProgramStore(directory, limit=900_000)  # two entries and a half
    rounds = 0
    while time.time() < stop or rounds < 3:
        rounds += 1
        number = int(rng.integers(len(keys)))
        found, expected = store.get(keys[number]), content(number, 40_000)
        assert found is None or same(found, expected)
        if found is None or rng.random() < 0.3:
            with store.locked(keys[number], timeout=20) as held:
                assert held
                store.put(keys[number], expected)


@POSIX
def test_processes_share_the_folder_while_some_are_killed(store: ProgramStore) -> None:
    rng, stop = np.random.default_rng(0), time.time() + 9
    done: list[BaseProcess] = []
    running: list[BaseProcess] = []
    killed: list[BaseProcess] = []
    while time.time() < stop:
        while len(running) < 4:
            process = SPAWN.Process(target=hammer, args=(store.directory, len(done), stop))
            process.start()
            running.append(process)
            done.append(process)
        time.sleep(float(rng.uniform(0.5, 1.5)))
        victim = running.pop(int(rng.integers(len(running))))
        if victim.is_alive():
            victim.kill()
            killed.append(victim)
    for process in done:
        process.join(60)
    codes = {process.exitcode for process in done if process not in killed}
    assert codes == {0}
    assert killed
    assert {process.exitcode for process in killed} <= {0, -signal.SIGKILL}
    assert not (store.directory / "damaged").exists()
    assert store.verify() == []
    assert store.entries()
    for entry in store.entries():
        assert same(store.get(entry.key), content("abc".index(entry.key[0]), 40_000))
    for left in store.directory.glob(".*.part"):
        age(left, 4000)
    store.put(D, content(1))
    assert {path.suffix for path in store.directory.iterdir()} == {".entry", ".lock"}
