"""Rates are measured once per machine, and a cache that fails costs time alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ismc.artifacts.cache import measurements as cache
from ismc.cli.app import app
from ismc.execution.threads import cores
from ismc.plan.target import Target
from ismc.tuning import calibration
from ismc.tuning.calibration import calibrate, machine

RATES = {
    "gemm": 1e11, "convolution": 2e11, "full": 3e11, "elements": 1e9, "bytes": 5e9, "cache": 4e6,
}  # fmt: skip
FOUND = replace(Target.cpu(), name="this machine, measured", **RATES)


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A cache of its own, and a measurement that takes no time; one entry for each."""
    done: list[int] = []

    def measured() -> dict[str, float]:
        done.append(1)
        return RATES

    monkeypatch.setenv("ISMC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(calibration, "measure_rates", measured)
    cache._warned.cache_clear()
    yield done
    cache._warned.cache_clear()


def remembered() -> Path:
    (path,) = cache.directory().glob("rates-*.json")
    return path


def test_rates_are_measured_once_and_read_again(runs: list[int]) -> None:
    assert calibrate() == calibrate() == FOUND
    assert len(runs) == 1
    assert not list(cache.directory().glob("*.tmp"))
    assert calibrate(cached=False) == FOUND
    assert len(runs) == 2


def test_rates_of_another_machine_are_not_taken(
    runs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    calibrate()
    here = machine()
    monkeypatch.setattr(calibration, "machine", lambda: here | {"cores": 1 + here["cores"]})
    calibrate()
    assert len(runs) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"key": {}}', '{"value": {"gemm": 1}}'])
def test_a_broken_file_is_measured_again(runs: list[int], text: str) -> None:
    calibrate()
    remembered().write_text(text)
    if text in ("", "{", "[]", "null", '{"value": {"gemm": 1}}'):
        with pytest.warns(RuntimeWarning, match="measured again"):
            assert calibrate() == FOUND
    else:
        assert calibrate() == FOUND
    assert len(runs) == 2
    assert calibrate() == FOUND
    assert len(runs) == 2


@pytest.mark.parametrize("value", [{}, {"gemm": "fast"}, {"gemm": -1.0}, {"speed": 1.0}])
def test_rates_that_are_none_are_measured_again(runs: list[int], value: dict) -> None:
    cache.remember("rates", machine(), value)
    assert calibrate() == FOUND
    assert len(runs) == 1


def test_a_cache_that_cannot_be_written_warns_once(
    runs: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ISMC_CACHE_DIR", str(tmp_path / "file"))
    with pytest.warns(RuntimeWarning) as warned:
        assert calibrate() == calibrate() == FOUND
    assert len(warned) == 1
    assert len(runs) == 2


def test_the_command_prints_every_rate() -> None:
    done = CliRunner().invoke(app, ["calibrate"])
    assert done.exit_code == 0, done.output
    assert all(f"\n{name} " in done.output for name in RATES)
    assert "100 G" in done.output
    assert calibrate() == FOUND


def test_a_measurement_is_quick_and_positive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(calibration, "SECONDS_PER_RATE", 0.0)
    monkeypatch.setattr(calibration, "STREAM_ELEMENTS", 1 << 20)
    monkeypatch.setattr(calibration, "FOOTPRINTS", (1 << 20, 1 << 22))
    found = calibration.measure_rates()
    assert all(0 < value < 1e16 for value in found.values())
    assert found["cache"] * cores() in (1 << 20, 1 << 22)
