"""Eight processes compile one model at a time, and one of them is killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ismc.artifacts.cache.store import ProgramStore
from tests.artifacts.test_artifacts import pytestmark

__all__ = ["pytestmark"]

PROCESSES = 8
LIMIT = 180.0

# processes are forked off one that has imported TensorFlow, but has not run it
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.artifacts.test_artifacts", "ismc.ism.compiled", "ismc.api"])


def work(cache: str, answer: str, seed: int) -> None:
    """Compiles the model with weights of its own, and writes how far its answers are off."""
    import ismc
    from tests.artifacts.test_artifacts import one_hot, small_net
    from tests.zoo import randomise

    model = randomise(small_net(), seed)
    ism = ismc.compile(model, cache=cache)
    found, right = ism.saturate(one_hot(2)), ismc.NaiveISM(model).saturate(one_hot(2))
    error = max(float(np.abs(np.asarray(found[k]) - np.asarray(right[k])).max()) for k in right)
    Path(answer).write_text(json.dumps({"error": error, "kept": bool(ism.key)}))


def race(cache: Path, folder: Path, rng: np.random.Generator, most: float) -> tuple[int, float]:
    """One race: how many survived, all of them right; and how long it took."""
    folder.mkdir()
    answers = [folder / f"{i}.json" for i in range(PROCESSES)]
    begin = time.monotonic()
    started: list[Any] = []
    for i, path in enumerate(answers):
        process = CONTEXT.Process(target=work, args=(str(cache), str(path), i))
        process.start()
        started.append(process)
    time.sleep(float(rng.uniform(0, most)))
    busy = [i for i, path in enumerate(answers) if not path.exists()]
    assert busy, "all were done before one was killed"
    victim = int(rng.choice(busy))
    os.kill(started[victim].pid, signal.SIGKILL)
    for process in started:
        process.join(max(0.0, begin + LIMIT - time.monotonic()))
        assert process.exitcode is not None, "a process waits for ever"
    for i, (process, path) in enumerate(zip(started, answers, strict=True)):
        if i == victim and process.exitcode == -signal.SIGKILL:
            continue
        assert process.exitcode == 0, f"process {i} ended with {process.exitcode}"
        found = json.loads(path.read_text())
        assert found["kept"]
        assert found["error"] < 1e-5, f"process {i} is wrong by {found['error']}"
    return sum(process.exitcode == 0 for process in started), time.monotonic() - begin


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked off one")
def test_one_of_many_that_compile_at_once_is_killed(
    tmp_path: Path,
    pytestconfig: pytest.Config,
    record_property: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ISMC_CACHE", "on")  # before the first process, so that XLA's are kept too
    rng = np.random.default_rng(0)
    took, killed = 3.0, 0
    rounds = pytestconfig.getoption("--kills")
    for i in range(rounds):
        cache = tmp_path / f"cache-{i}"
        alive, seconds = race(cache, tmp_path / f"answers-{i}", rng, 0.7 * took)
        took, killed = min(took, seconds), killed + PROCESSES - alive
        problems = [p for p in ProgramStore(cache).verify() if p.kind == "damaged"]
        assert not problems
    record_property("killed", f"{killed} of {rounds * PROCESSES} processes in {rounds} races")
