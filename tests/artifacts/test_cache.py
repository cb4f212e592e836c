"""The cache of programs: found again for any weights, and never trusted without its digest."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import ismc
from ismc.artifacts.cache import cached as kept
from ismc.artifacts.cache import executables
from ismc.artifacts.cache import measurements as cache
from ismc.artifacts.cache.store import ProgramStore
from tests.artifacts.test_artifacts import bits, one_hot, pytestmark, small_net
from tests.support.comparing import assert_equal_to_oracle
from tests.zoo import randomise

__all__ = ["pytestmark"]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def lowered(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The programs that were traced."""
    names: list[str] = []
    lower = kept.lower

    def counted(*args: Any) -> Any:
        names.append(args[2])
        return lower(*args)

    monkeypatch.setattr(kept, "lower", counted)
    cache._warned.cache_clear()
    yield names
    cache._warned.cache_clear()


def compiled(cache: Path | bool, seed: int = 0, **options: Any) -> Any:
    return ismc.compile(randomise(small_net(), seed), cache=cache, **options)


def test_other_weights_find_the_program(lowered: list[str], tmp_path: Path) -> None:
    x = one_hot(2)
    compiled(tmp_path).saturate(x)
    assert lowered == ["program"] * len(lowered)
    assert lowered
    lowered.clear()
    model = randomise(small_net(), 9)
    ism = ismc.compile(model, cache=tmp_path)
    assert_equal_to_oracle(ism, ismc.NaiveISM(model), x, replace=False)
    assert not lowered


def test_the_bits_are_those_of_a_fresh_program(lowered: list[str], tmp_path: Path) -> None:
    x = one_hot(3)
    fresh = compiled(False)
    first, second = compiled(tmp_path), compiled(tmp_path)
    for ism in (first, second):
        bits(ism.saturate(x), fresh.saturate(x))
        bits(ism(x), fresh(x))
        bits(ism.reference(x), fresh.reference(x))
        lowered.clear() if ism is first else None
    assert not lowered


def test_names_that_keras_counts_up_find_the_program(lowered: list[str], tmp_path: Path) -> None:
    def build(seed: int) -> keras.Model:
        layers = [keras.Input((30, 4)), keras.layers.Conv1D(3, 3), keras.layers.Flatten()]
        return randomise(keras.Sequential([*layers, keras.layers.Dense(2)]), seed)

    ismc.compile(build(0), cache=tmp_path).saturate(one_hot(1))
    lowered.clear()
    model = build(1)
    ism = ismc.compile(model, cache=tmp_path)
    assert_equal_to_oracle(ism, ismc.NaiveISM(model), one_hot(1), replace=False)
    assert not lowered


def scaled(factor: float) -> Callable[[Any, Any], Any]:
    return lambda reference, mutant: factor * (mutant - reference)


@pytest.mark.parametrize(
    "options",
    [
        {"score": scaled(2.0)},
        {"sites": [3, 4]},
        {"outputs": "a"},
        {"stop_at": "conv"},
        {"precision": "bfloat16"},
        {"memory": 1 << 16},
    ],
    ids=lambda o: next(iter(o)),
)
def test_another_request_is_another_program(options: dict[str, Any], tmp_path: Path) -> None:
    first = compiled(
        tmp_path, verify=False, **({"score": scaled(1.0)} if "score" in options else {})
    )
    second = compiled(tmp_path, verify=False, **options)
    assert bool(first.key) is bool(second.key) is ("score" not in options)
    assert first.key != second.key or not first.key
    x = one_hot(1)
    first.saturate(x)
    naive = ismc.NaiveISM(
        second.program.model.model,
        **{key: v for key, v in options.items() if key in ("score", "sites", "outputs")},
    )
    if "precision" not in options:
        assert_equal_to_oracle(second, naive, x, replace=False)


def test_what_cannot_be_recognised_is_not_kept(tmp_path: Path) -> None:
    held = keras.Variable([2.0])
    ism = compiled(tmp_path, score=lambda r, m: (m - r) * held.value[0])
    ism.saturate(one_hot(1))
    assert not ism.key
    assert not list(tmp_path.rglob("*.entry"))


def test_a_damaged_entry_is_set_aside_and_made_again(lowered: list[str], tmp_path: Path) -> None:
    x = one_hot(1)
    want = compiled(tmp_path).saturate(x)
    lowered.clear()
    for path in tmp_path.glob("*.entry"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    with pytest.warns(RuntimeWarning, match="damaged"):
        ism = compiled(tmp_path)
        bits(ism.saturate(x), want)
    assert lowered
    assert ProgramStore(tmp_path).entries()
    assert not [p for p in ProgramStore(tmp_path).verify() if p.kind == "damaged"]


def test_a_folder_that_cannot_be_written(tmp_path: Path, lowered: list[str]) -> None:
    del lowered
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(RuntimeWarning, match="cannot be used"):
        ism = compiled(tmp_path / "file" / "cache")
        bits(ism.saturate(one_hot(1)), compiled(False).saturate(one_hot(1)))


@pytest.mark.parametrize("off", ["off", "0"])
def test_the_cache_is_turned_off(off: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISMC_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("ISMC_CACHE", off)
    assert not ismc.compile(small_net()).key
    monkeypatch.delenv("ISMC_CACHE")
    ismc.compile(small_net()).saturate(one_hot(1))
    assert list(tmp_path.rglob("*.entry"))


def test_a_cache_that_is_no_folder() -> None:
    with pytest.raises(ismc.InputError, match="cache is 3, expected a folder"):
        ismc.compile(small_net(), cache=3)  # pyright: ignore[reportArgumentType]


def test_programs_are_not_verified_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ismc import api

    seen: list[int] = []
    compare = api.compare
    monkeypatch.setattr(api, "compare", lambda *args: (seen.append(1), compare(*args))[1])
    for _ in range(2):
        compiled(tmp_path)
    assert seen == [1]
    trained = randomise(small_net(), 1)
    ismc.compile(trained, cache=tmp_path)
    assert seen == [1, 1]
    compiled(tmp_path, precision="bfloat16")
    again = compiled(tmp_path, precision="bfloat16")
    assert again.program.measured.error is not None


SECOND = """
import os, sys, warnings
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "1"
{before}
import ismc, numpy as np
from ismc.artifacts.cache import cached, executables
from tests.artifacts.test_artifacts import small_net, one_hot
from tests.zoo import randomise
warnings.simplefilter("always")
lower, traced = cached.lower, []
cached.lower = lambda *args: (traced.append(1), lower(*args))[1]
laid = []
lay_out = executables.lay_out
executables.lay_out = lambda files: (laid.extend(files), lay_out(files))[1]
model = randomise(small_net(), int(sys.argv[2]))
ism = ismc.compile(model, cache=sys.argv[1])
got = np.asarray(ism.saturate(one_hot(2))["a"])
there = executables.executable_names()
made = there - set(laid)
print("traced", len(traced), "laid", len(laid), "compiled", len(made))
error = np.abs(got - np.asarray(ismc.NaiveISM(model).saturate(one_hot(2))["a"])).max()
print("right" if error < 1e-5 else error)
"""


def process(cache: Path, seed: int, before: str = "") -> subprocess.CompletedProcess[str]:
    code = SECOND.format(before=before)
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", code, str(cache), str(seed)],
        capture_output=True, text=True, cwd=ROOT, check=False,
        env=os.environ | {"ISMC_CACHE": "on"},
    )  # fmt: skip


def test_a_second_process_neither_traces_nor_compiles(tmp_path: Path) -> None:
    first, second = process(tmp_path, 0), process(tmp_path, 1)
    assert "right" in first.stdout, first.stderr
    assert "traced 1 laid 0" in first.stdout, first.stdout
    assert "right" in second.stdout, second.stderr
    assert "traced 0 laid 1 compiled 0" in second.stdout, second.stdout + second.stderr
    for noise in executables.NOISE:
        assert noise.decode() not in second.stderr


def test_too_late_is_said(tmp_path: Path) -> None:
    before = "import tensorflow as tf; tf.function(lambda x: x + 1, jit_compile=True)(1.0)"
    found = process(tmp_path, 0, before)
    assert "right" in found.stdout, found.stderr
    assert found.stderr.count("Import ismc first") == 1, found.stderr


def test_what_is_written_meanwhile_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    with executables.quiet():
        os.write(2, b"E0000 cpu_aot_loader.cc:220] wrong\nmatters\n")
    assert capfd.readouterr().err == "matters\n"


def test_no_warning_on_the_way(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = one_hot(1)
        for _ in range(2):
            assert np.isfinite(np.asarray(compiled(tmp_path).saturate(x)["a"])).all()
