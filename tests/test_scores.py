"""Files of scores hold what the compiled program answers, whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers

import ismc
from ismc.errors import ArtifactError, InputError, InternalError, IsmcError
from ismc.io import formats
from ismc.io.contents import Contents, contents_of
from ismc.io.fasta import Records
from ismc.io.scores import check_target, difference, open_scores
from tests.comparing import assert_same_outputs
from tests.zoo import one_hot, randomise

LENGTH, BATCH = 12, 5
FORMATS = pytest.mark.parametrize("suffix", [".npz", ".h5"])


def small_model() -> keras.Model:
    """A model with the outputs ``head`` ``[2]`` and ``track`` ``[L, 3]``."""
    sequence = keras.Input((LENGTH, 4), name="sequence")
    x = layers.Conv1D(3, 3, padding="same", activation="relu", name="track")(sequence)
    y = layers.Dense(2, name="head")(layers.Flatten()(x))
    return randomise(keras.Model(sequence, {"head": y, "track": x}), 0)


def some_records(batch: int = BATCH, *, unknown: bool = True) -> Records:
    """Random sequences; the first has an N at position 4."""
    x = one_hot(np.random.default_rng(0), batch, LENGTH).astype(np.float32)
    if unknown:
        x[0, 4] = 0
    return Records(tuple(f"gene/{i}é" for i in range(batch)), x)


def loaded(path: Path) -> dict[str, Any]:
    """All datasets and attributes of a file, by key."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file}
    found: dict[str, Any] = {}

    def visit(key: str, value: Any) -> None:
        if isinstance(value, h5py.Dataset):
            text = h5py.check_string_dtype(value.dtype)
            found[key] = value.asstr()[()] if text else value[()]

    with h5py.File(path) as file:
        file.visititems(visit)
        return found | dict(file.attrs)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return small_model()


@pytest.fixture(scope="module")
def ism(model: keras.Model) -> ismc.CompiledISM:
    return ismc.compile(model, sites=range(3, 8), score=difference, verify=False)


@pytest.fixture
def contents() -> Contents:
    return Contents(some_records(), ((3, 4), (4, 5)), (("y", (2,)),), "model.keras", "abc123")


def fill(path: Path, contents: Contents, *, overwrite: bool = False) -> None:
    """Writes ones."""
    with open_scores(path, contents, overwrite=overwrite) as file:
        file.add([np.ones((BATCH, 2, 4, 2))], [np.ones((BATCH, 2))])


def _fails(kind: type[IsmcError], call: Callable[[], object], *words: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    missing = [word for word in ("Hint:", *words) if word not in str(caught.value)]
    assert not missing, f"{missing} not in: {caught.value}"


@FORMATS
def test_round_trip(tmp_path: Path, suffix: str, model: keras.Model, ism: ismc.CompiledISM) -> None:
    records, path = some_records(), tmp_path / f"out{suffix}"
    x = records.one_hot
    with open_scores(path, contents_of(ism, records, "m.keras")) as file:
        for part in (x[:3], x[3:]):
            values = ism.flat(ism.saturate(part)), ism.flat(ism.reference(part))
            file.add(*([y.numpy() for y in ys] for ys in values))
    found = loaded(path)
    scores, reference = ism.saturate(x), ism.reference(x)
    for name in ("head", "track"):
        assert found[f"scores/{name}"].dtype == found[f"reference/{name}"].dtype == np.float32
        np.testing.assert_allclose(found[f"scores/{name}"], scores[name], rtol=0, atol=1e-6)
        np.testing.assert_allclose(found[f"reference/{name}"], reference[name], rtol=0, atol=1e-6)
    naive = ismc.NaiveISM(model, sites=range(3, 8))
    mutants = {
        name: found[f"scores/{name}"] + np.expand_dims(found[f"reference/{name}"], (1, 2))
        for name in ("head", "track")
    }
    assert_same_outputs(mutants, naive.saturate(x), naive.sites)
    assert_same_outputs({n: found[f"reference/{n}"] for n in mutants}, naive.reference(x))
    np.testing.assert_array_equal(found["one_hot"], x)
    assert found["one_hot"].dtype == np.int8
    assert list(found["names"]) == list(records.names)
    np.testing.assert_array_equal(found["sites"], [[i, i + 1] for i in range(3, 8)])
    texts = {key: str(found[key]) for key in ("ismc_version", "model", "plan", "letters")}
    assert texts == {
        "ismc_version": ismc.__version__,
        "model": "m.keras",
        "plan": ism.plan.digest,
        "letters": "ACGT",
    }
    assert "mutant - reference" in str(found["about"])


def test_the_letter_that_stands_there_scores_zero(ism: ismc.CompiledISM) -> None:
    x = some_records().one_hot
    standing = x[:, 3:8].astype(bool)
    for scores in ism.flat(ism.saturate(x)):
        assert (np.asarray(scores)[standing] == 0).all()
        assert (np.asarray(scores)[~standing] != 0).any()


@FORMATS
def test_one_output_is_not_named(tmp_path: Path, suffix: str, contents: Contents) -> None:
    fill(tmp_path / f"out{suffix}", contents)
    found = loaded(tmp_path / f"out{suffix}")
    assert found["scores"].shape == (BATCH, 2, 4, 2)
    assert found["reference"].shape == (BATCH, 2)
    assert found["scores"].all()


def test_outputs_of_one_name_are_told_apart(ism: ismc.CompiledISM) -> None:
    class Twice:
        output_names = ("a", "a")
        plan, sites = ism.plan, ism.sites

    found = contents_of(Twice(), some_records(), "m.keras")  # type: ignore[arg-type]
    assert [key for key in found.shapes() if "scores" in key] == ["scores/a", "scores/a_1"]


@FORMATS
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError, SystemExit])
def test_a_failure_leaves_nothing(
    tmp_path: Path, suffix: str, error: type[BaseException], contents: Contents
) -> None:
    with (
        pytest.raises(error, match="in the middle"),
        open_scores(tmp_path / f"out{suffix}", contents) as file,
    ):
        file.add([np.ones((2, 2, 4, 2))], [np.ones((2, 2))])
        raise error("in the middle")
    assert not list(tmp_path.iterdir())


@FORMATS
def test_a_failure_leaves_the_older_file(tmp_path: Path, suffix: str, contents: Contents) -> None:
    path = tmp_path / f"out{suffix}"
    path.write_text("older")
    with (
        pytest.raises(KeyboardInterrupt),
        open_scores(path, contents, overwrite=True),
    ):
        raise KeyboardInterrupt
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]
    fill(path, contents, overwrite=True)
    assert loaded(path)["scores"].all()
    assert list(tmp_path.iterdir()) == [path]


@FORMATS
def test_sequences_that_were_not_added(tmp_path: Path, suffix: str, contents: Contents) -> None:
    with (
        pytest.raises(InternalError, match="2 of 5 sequences"),
        open_scores(tmp_path / f"out{suffix}", contents) as file,
    ):
        file.add([np.ones((2, 2, 4, 2))], [np.ones((2, 2))])
    assert not list(tmp_path.iterdir())


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path, contents: Contents) -> None:
    path = tmp_path / "out.h5"

    def write() -> None:
        with open_scores(path, contents) as file:
            file.add([np.ones((BATCH, 2, 4, 2))], [np.ones((BATCH, 2))])
            path.write_text("another's")

    _fails(InputError, write, "exists", "--overwrite")
    assert path.read_text() == "another's"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("suffix", "place"), [(".npz", (np, "savez")), (".h5", (h5py, "File"))], ids=["npz", "h5"]
)
def test_a_full_disk_is_told(
    tmp_path: Path,
    suffix: str,
    place: tuple[Any, str],
    contents: Contents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*place, full)
    path = tmp_path / f"out{suffix}"
    _fails(ArtifactError, lambda: fill(path, contents), "out", "cannot be written", "No space left")
    assert not list(tmp_path.iterdir())


def test_the_library_is_named_when_it_is_missing(
    tmp_path: Path, contents: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    _fails(IsmcError, lambda: fill(tmp_path / "out.h5", contents), "'h5py'", "'ismc[cli]'")
    assert not list(tmp_path.iterdir())


def test_scores_beyond_memory_are_told(tmp_path: Path, contents: Contents) -> None:
    huge = Contents(contents.records, contents.sites, (("y", (1 << 50,)),), "m", "p")
    _fails(InputError, lambda: fill(tmp_path / "out.npz", huge), "memory", ".h5")
    assert not list(tmp_path.iterdir())


def test_what_can_be_checked_is_checked_first(
    tmp_path: Path, contents: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "there.h5"
    there.write_text("")
    (tmp_path / "folder.npz").mkdir()
    cases: Mapping[Path, tuple[str, ...]] = {
        tmp_path / "out.csv": ("'.csv'", "expected .npz or .h5"),
        tmp_path / "out": ("''", "expected .npz or .h5"),
        tmp_path / "none" / "out.h5": ("none does not exist", "mkdir"),
        there: ("exists", "expected a new file", "--overwrite"),
        tmp_path / "folder.npz": ("is a directory", "expected a file"),
    }
    for path, words in cases.items():
        _fails(InputError, lambda path=path: check_target(path), *words)
        _fails(InputError, lambda path=path: fill(path, contents), *words)
    check_target(there, overwrite=True)
    monkeypatch.setattr(os, "access", lambda *_: False)
    _fails(InputError, lambda: check_target(tmp_path / "new.h5"), "not writable", "permissions")


def test_every_format_is_tested() -> None:
    assert set(formats.FORMATS) == {".npz", ".h5"}
