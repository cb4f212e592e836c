"""A run that is killed at any moment goes on to the same bytes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ismc.cli.run import run
from tests.support.runs import contents, folder_of_inputs, kept_programs, places, regions, wanted

# processes are forked off one that has imported TensorFlow, but has not run it
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["tests.support.runs", "ismc.cli.run", "ismc.ism.compiled", "ismc.api"]
)
LIMIT = 120.0

__all__ = ["kept_programs"]


def work(folder: str, target: str) -> None:
    """Goes on with the run, or begins it; every block takes a while."""
    from ismc.jobs.run import Scorer

    real = Scorer.__call__

    def slow(self: Scorer, *more: Any) -> Any:
        time.sleep(0.1)
        return real(self, *more)

    Scorer.__call__ = slow
    run(wanted(Path(folder)), regions(Path(folder)), places(resume=True), Path(target))


def started(folder: Path, target: Path) -> Any:
    process = CONTEXT.Process(target=work, args=(str(folder), str(target)))
    process.start()
    return process


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked off one")
def test_a_killed_run_goes_on_to_the_same_bytes(
    tmp_path: Path, pytestconfig: pytest.Config, record_property: Any
) -> None:
    folder = folder_of_inputs(tmp_path)
    whole = tmp_path / "whole.zarr"
    for target in (tmp_path / "first.zarr", whole):  # the first one waits for TensorFlow too
        begin = time.monotonic()
        process = started(folder, target)
        process.join(LIMIT)
        assert process.exitcode == 0
    took = time.monotonic() - begin
    rng, killed, expected = np.random.default_rng(0), 0, contents(whole)
    rounds = pytestconfig.getoption("--kills")
    for i in range(3 * rounds):
        target = tmp_path / f"{i}.zarr"
        process = started(folder, target)
        time.sleep(float(rng.uniform(0.1, 0.9)) * took)
        with suppress(ProcessLookupError):  # it was quicker, and is not counted
            os.kill(process.pid, signal.SIGKILL)
        process.join(LIMIT)
        killed += process.exitcode == -signal.SIGKILL
        process = started(folder, target)
        process.join(LIMIT)
        assert process.exitcode == 0
        found = contents(target)
        assert found.keys() == expected.keys()
        assert found == expected, f"other bytes after kill {i}"
        assert not list(tmp_path.glob(".*.part"))
        if killed == rounds:
            break
    assert killed == rounds
    record_property("resumed", f"{killed} runs killed at random moments")
