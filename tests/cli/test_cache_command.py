"""`ismc cache` tells what is kept, checks it, and removes it when asked to."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ismc.artifacts.cache.store import ProgramStore
from ismc.artifacts.container import Container
from ismc.cli.app import app

KEY = "0123456789abcdef" * 4


@pytest.fixture(autouse=True)
def _fresh_keras() -> None:
    """No models are made here: nothing is to be freed after each test."""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProgramStore:
    monkeypatch.setenv("ISMC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("ISMC_CACHE_LIMIT", "8MiB")
    monkeypatch.setenv("COLUMNS", "160")
    return ProgramStore()


@pytest.fixture
def kept(store: ProgramStore) -> ProgramStore:
    manifest = {"model": "[b]basset[/b]", "versions": {"ismc": "0.1.0", "tensorflow": "2.21"}}
    arrays = {"w": np.ones((1 << 17, 2), np.float32)}
    store.put(KEY, Container(manifest, {"plan.txt": "a\nb\n"}, {"module": b"hlo"}, arrays))
    return store


def call(*arguments: str, text: str | None = None) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    result = CliRunner().invoke(app, ["cache", *arguments], input=text)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_an_empty_cache(store: ProgramStore) -> None:
    where = f"in {store.directory}\n"
    assert call("list") == (0, f"0 entries, 0.0 MiB of 8.0 MiB, {where}", "")
    assert call("verify") == (0, f"0 entries intact, 0 damaged, {where}", "")
    assert call("clear", "--yes") == (0, f"removed 0 entries from {store.directory}\n", "")
    code, out, err = call("show", "01")
    assert (code, out) == (1, "")
    assert err.startswith("error: No entries of ")
    assert "Hint: Give more digits of a key: ismc cache list." in err
    assert not store.directory.exists()


def test_entries_are_listed(kept: ProgramStore) -> None:
    code, out, _ = call("list")
    assert code == 0
    (row,) = (line for line in out.splitlines() if KEY[:12] in line)
    cells = [cell.strip() for cell in row.split("│")[1:-1]]
    assert (cells[0], cells[1], cells[4]) == (KEY[:12], "1.0 MiB", "[b]basset[/b]")
    assert cells[5] == "ismc 0.1.0, tensorflow 2.21"
    assert out.endswith(f"1 entries, 1.0 MiB of 8.0 MiB, in {kept.directory}\n")


def test_an_entry_is_shown(kept: ProgramStore) -> None:
    assert kept
    code, out, _ = call("show", KEY[:5])
    assert code == 0
    manifest, end = json.JSONDecoder().raw_decode(out)
    assert (manifest["key"], manifest["model"]) == (KEY, "[b]basset[/b]")
    assert out[end:].split("\n") == [
        "",
        "plan.txt: text, 2 lines",
        "module: 3 bytes",
        "w: float32 [131072, 2]",
        "",
    ]


def test_clear_asks(kept: ProgramStore) -> None:
    assert call("clear", text="n\n")[0] == 1
    assert call("clear", text="")[0] == 1
    assert len(kept.entries()) == 1
    assert call("clear", text="y\n")[0] == 0
    assert kept.entries() == []


def test_clear_without_asking(kept: ProgramStore) -> None:
    assert call("clear", "--yes") == (0, f"removed 1 entries from {kept.directory}\n", "")
    assert list(kept.directory.iterdir()) == []


def test_verify_tells_what_is_damaged(kept: ProgramStore) -> None:
    (kept.directory / "notes.txt").write_text("mine")
    code, out, _ = call("verify")
    assert code == 0
    assert out.startswith("foreign: notes.txt: ismc did not write it\n1 entries intact, 0 damaged")
    path = kept.directory / f"{KEY}.entry"
    path.write_bytes(path.read_bytes()[:-1] + b"~")
    code, out, _ = call("verify")
    assert code == 1
    assert out.startswith(f"damaged: {KEY}.entry: {path} is damaged: its SHA-256 is ")
    assert f"0 entries intact, 1 damaged, in {kept.directory}" in out
    assert call("list")[1].startswith("0 entries")


def test_a_limit_that_is_no_size(store: ProgramStore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store
    monkeypatch.setenv("ISMC_CACHE_LIMIT", "much")
    code, out, err = call("list")
    assert (code, out) == (1, "")
    assert err.startswith("error: ISMC_CACHE_LIMIT is 'much', expected a size.\nHint: ")
