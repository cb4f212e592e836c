"""Options of the test run."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from itertools import count

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["ISMC_VERIFY"] = "1"  # what each pass promises is checked in every test
os.environ["ISMC_CACHE"] = "off"  # what one test kept must not answer for another
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import keras
import pytest

sys.dont_write_bytecode = False  # every process of a run reads the same modules
TESTS, EVERY = count(1), 16


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--dags N`` and ``--wide N`` set how many random models are compared with the oracle."""
    parser.addoption("--dags", type=int, default=300, help="random models to compare")
    parser.addoption("--update", action="store_true", help="write the goldens anew")
    parser.addoption("--slow", action="store_true", help="tests that take half a minute, too")
    parser.addoption("--kills", type=int, default=1, help="races in which a process is killed")
    parser.addoption("--first-dag", type=int, default=0, help="seed of the first random model")
    parser.addoption("--wide", type=int, default=8, help="wide random models to compare")
    parser.addoption("--first-wide", type=int, default=0, help="seed of the first wide one")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes half a minute, run with --slow")
    config.addinivalue_line("markers", "as_written: without XLA, except with --slow")
    config.addinivalue_line("markers", "compiled: by XLA in a module that is marked as_written")
    # random models hold masks that are ignored and softmax of one value; Keras warns of both
    config.addinivalue_line("filterwarnings", "ignore:.*does not support masking:UserWarning")
    config.addinivalue_line("filterwarnings", "ignore:(?s).*using a softmax over axis:UserWarning")
    # model.predict reads its input as it always does, also where functions run as written
    config.addinivalue_line("filterwarnings", "ignore:(?s)Even though the .*eagerly:UserWarning")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests whose promise a quicker one holds too are run with ``--slow``."""
    if not config.getoption("--slow"):
        left = [item for item in items if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]


def pytest_collection_finish() -> None:
    """What all tests share is not looked through each time that garbage is collected."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many random models were compared, and how many kinds of layers they had."""
    reports = [r for name in ("passed", "failed") for r in terminalreporter.getreports(name)]
    for report in reports:
        for key, value in report.user_properties:
            if key == "killed":
                terminalreporter.write_line(f"killed: {value}; all others right, all kept whole")
            if key == "resumed":
                terminalreporter.write_line(f"resumed: {value}; the same bytes in each")
    drawn = [v for r in reports for key, v in r.user_properties if key == "random model"]
    if drawn:
        seeds = sorted(seed for seed, *_ in drawn)
        kinds = {kind for _, *found in drawn for kind in found}
        terminalreporter.write_line(
            f"{len(seeds)} random models, seeds {seeds[0]} to {seeds[-1]}, of {len(kinds)} kinds "
            "of layers and functions"
        )


@pytest.fixture(autouse=True)
def _as_written(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs the programs of marked tests operation by operation, unless ``--slow`` is given."""
    marked = request.node.get_closest_marker
    if request.config.getoption("--slow") or not marked("as_written") or marked("compiled"):
        yield
        return
    from tests.support.as_written import all_as_written

    with all_as_written():
        yield


@pytest.fixture(autouse=True)
def _fresh_keras() -> Iterator[None]:
    """Frees the models of one test before the next; what hangs together, every few tests."""
    yield
    keras.utils.clear_session(free_memory=next(TESTS) % EVERY == 0)  # collecting takes 0.3 s
