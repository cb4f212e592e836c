"""A run goes from files to a store and back: exact, resumed, in shards, and out of memory."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas
import pytest
import tensorflow as tf

import ismc
from ismc.cli.options import shard_of
from ismc.cli.run import run
from ismc.errors import ArtifactError, InputError
from ismc.io.sequences.regions import open_regions
from ismc.io.stores import store as stores
from ismc.io.stores.store import Store, open_store
from ismc.ism.program import CompiledProgram
from ismc.jobs.program import ScoringSpec
from tests.support.runs import (
    BLOCK,
    LENGTH,
    contents,
    folder_of_inputs,
    kept_programs,
    places,
    regions,
    wanted,
    write_genome,
)

pytestmark = pytest.mark.as_written

__all__ = ["kept_programs"]

COUNT = 30


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_inputs(tmp_path_factory.mktemp("inputs"), models=2)


@pytest.fixture(scope="module")
def whole(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a run that nothing happened to."""
    path = tmp_path_factory.mktemp("whole") / "out.zarr"
    run(wanted(files), regions(files), places(), path)
    return path


def test_a_store_holds_what_the_naive_program_answers(files: Path, whole: Path) -> None:
    store = open_store(whole)
    model = keras.models.load_model(files / "model.keras")
    source = open_regions(files / "regions.narrowPeak", files / "genome.fa", LENGTH)
    x = source.one_hot(0, COUNT).astype(np.float32)
    naive = ismc.NaiveISM(model, score="difference")
    scores, own = naive.saturate(x), naive.reference(x)
    assert store.complete
    assert len(store) == COUNT
    np.testing.assert_array_equal(store.one_hot[:], x)
    for name in ("head", "counts"):
        np.testing.assert_allclose(store.scores(name)[:], scores[name], rtol=0, atol=1e-5)
        np.testing.assert_allclose(store.reference(name)[:], own[name], rtol=0, atol=1e-5)
    assert store.coordinates is not None
    assert source.coordinates is not None
    np.testing.assert_array_equal(store.coordinates.start, source.coordinates.start)
    assert list(store.names) == list(source.names)
    assert store.facts.score == "difference"
    assert (store.facts.model, store.facts.genome) == ("model.keras", "genome.fa")
    assert "30 records of 60" in repr(store)


@pytest.mark.compiled
def test_another_run_writes_the_same_bytes(files: Path, whole: Path, tmp_path: Path) -> None:
    run(wanted(files), regions(files), places(), tmp_path / "again.zarr")
    assert contents(tmp_path / "again.zarr") == contents(whole)


@pytest.mark.compiled
def test_a_run_that_stops_goes_on(
    files: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.zarr"
    real, count = Store.write, iter(range(100))

    def full(self: Store, *more: Any) -> None:
        if next(count) == 3:
            with stores.disk_errors(path):
                raise OSError(errno.ENOSPC, "No space left on device")
        real(self, *more)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "write", full)
        with pytest.raises(ArtifactError, match="No space left on device"):
            run(wanted(files), regions(files), places(), path)
    assert open_store(path).done.sum() == 3
    with pytest.raises(InputError, match=r"exists.*\n?.*--resume"):
        run(wanted(files), regions(files), places(), path)
    summary = run(wanted(files), regions(files), places(resume=True), path)
    assert summary.tally.records == COUNT - 3 * BLOCK
    assert contents(path) == contents(whole)
    assert run(wanted(files), regions(files), places(resume=True), path).tally.records == 0


def test_a_store_of_something_else_is_not_gone_on_with(files: Path, whole: Path) -> None:
    before = contents(whole)
    again = places(resume=True)
    cases = {
        "score is 'difference', expected 'l2'": (wanted(files, score="l2"), regions(files), again),
        "model_digest": (ScoringSpec((files / "model1.keras",)), regions(files), again),
        "sites": (wanted(files), regions(files), places(resume=True, start=3)),
        "it holds 30 records of regions.narrowPeak": (
            wanted(files),
            regions(files, bed=files / "one.bed"),
            again,
        ),
        "outputs": (wanted(files, outputs=("head",)), regions(files), again),
    }
    (files / "one.bed").write_text("chr1\t100\t160\n")
    for words, given in cases.items():
        with pytest.raises(InputError, match=words):
            run(*given, whole)
    assert contents(whole) == before


@pytest.mark.compiled
def test_shards_make_one_store(files: Path, whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.zarr"
    run(wanted(files), regions(files), places(shard="2/3"), path)
    assert open_store(path).done.tolist() == [i % 3 == 2 for i in range(8)]
    with pytest.raises(InputError, match="6 of 8 blocks"):
        ismc.convert(open_store(path), tmp_path / "out.h5")
    for i in (3, 1):
        run(wanted(files), regions(files), places(shard=f"{i}/3"), path)
    assert contents(path) == contents(whole)


def test_shards_cover_every_block_once() -> None:
    for first in (0, 1):
        mine = [shard_of(f"{i}/4") for i in range(first, first + 4)]
        assert all(sum(wanted(block) for wanted in mine) == 1 for block in range(20))
    for text in ("5/4", "1", "a/b", "1/0", "-1/2"):
        with pytest.raises(InputError, match="expected a shard"):
            shard_of(text)


def test_memory_that_runs_out_halves_the_tile(
    files: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tiles = CompiledProgram.saturated, []

    def hungry(self: CompiledProgram, inputs: Any) -> Any:
        tiles.append(self.tile or LENGTH)
        if tiles[-1] > 16:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return real(self, inputs)

    monkeypatch.setattr(CompiledProgram, "saturated", hungry)
    summary = run(wanted(files), regions(files), places(), tmp_path / "out.zarr")
    assert summary.halved == 2
    assert tiles[:3] == [60, 30, 15]
    assert "halved 2 times" in str(summary)
    found, expected = open_store(tmp_path / "out.zarr"), open_store(whole)
    np.testing.assert_allclose(
        found.scores("head")[:], expected.scores("head")[:], rtol=0, atol=1e-6
    )


def test_memory_that_is_never_enough_is_an_error(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hungry(*_: Any) -> Any:
        raise MemoryError("too much")

    monkeypatch.setattr(CompiledProgram, "saturated", hungry)
    with pytest.raises(InputError, match="does not fit into memory, even for one site"):
        run(wanted(files), regions(files), places(), tmp_path / "out.zarr")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".h5", ".npz", ".tsv"])
def test_a_file_is_made_by_way_of_a_store(files: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    head = wanted(files, outputs=("head",))
    summary = run(head, regions(files), places(), path)
    if suffix == ".tsv":
        rows = pandas.read_csv(path, sep="\t", comment="#")
        assert len(rows) == COUNT * LENGTH * 3
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert str(path) in str(summary)


def test_bad_regions_are_left_out_and_told_of(files: Path, tmp_path: Path) -> None:
    good = (files / "regions.narrowPeak").read_text().splitlines()
    good[4] = "chr9\t10\t110\tpeak4\t0\t.\t5\t-1\t-1\t50"
    good[7] = good[7].replace("\t", "\tx", 1)
    (tmp_path / "bad.narrowPeak").write_text("\n".join(good))
    bad = regions(files, bed=tmp_path / "bad.narrowPeak")
    with pytest.raises(InputError, match=r"(?s)line 5.*chr9"):
        run(wanted(files), bad, places(), tmp_path / "out.zarr")
    assert not (tmp_path / "out.zarr").exists()
    skipping = regions(files, bed=tmp_path / "bad.narrowPeak", on_error="skip")
    summary = run(wanted(files), skipping, places(), tmp_path / "out.zarr")
    assert summary.tally.records == COUNT - 2
    assert "skipped    2 records: " in str(summary)
    assert "line 5" in str(summary)
    assert "line 8" in str(summary)


def test_an_ensemble_of_strands_folds_and_shifts(files: Path, tmp_path: Path) -> None:
    both = ScoringSpec(
        (files / "model.keras", files / "model1.keras"), ("head",), "difference", True
    )
    run(both, regions(files), places(), tmp_path / "out.zarr")
    store = open_store(tmp_path / "out.zarr")
    x = np.asarray(store.one_hot[:2], np.float32)
    expected = []
    for name in ("model.keras", "model1.keras"):
        naive = ismc.NaiveISM(keras.models.load_model(files / name), score="difference")
        expected.append(np.asarray(naive.saturate(x)["head"]))
        turned = np.asarray(naive.saturate(x[:, ::-1, ::-1])["head"])
        expected.append(turned[:, ::-1, ::-1])
    np.testing.assert_allclose(store.scores()[:2], np.mean(expected, axis=0), rtol=0, atol=1e-5)


def test_the_same_in_python(files: Path, whole: Path, tmp_path: Path) -> None:
    model = keras.models.load_model(files / "model.keras")
    found = ismc.score(model, files / "regions.narrowPeak", genome=files / "genome.fa")
    expected = open_store(whole)
    assert found.path is None
    np.testing.assert_allclose(found.scores("head")[:], expected.scores("head")[:], atol=1e-6)
    assert list(found.names) == list(expected.names)
    frame = pandas.DataFrame({"chrom": ["chr1"], "start": [500], "end": [560]})
    one = ismc.score(
        files / "model.keras", frame, genome=files / "genome.fa", score="centred",
        outputs="counts", output=tmp_path / "one.zarr",
    )  # fmt: skip
    assert one.scores()[:].shape == (1, LENGTH, 4, 1)
    np.testing.assert_allclose(one.scores()[:].sum(2), 0, atol=1e-6)
    letters = write_genome(tmp_path / "g.fa")["chr1"][500:560]
    assert "".join("ACGT"[i] for i in one.one_hot[0].argmax(1)) == letters
    text = ismc.score(model, letters, outputs="counts", score="centred")
    np.testing.assert_allclose(text.scores()[:], one.scores()[:], atol=1e-6)
    program = ismc.compile(model, score="centred", outputs="counts")
    with pytest.raises(InputError, match="already compiled"):
        ismc.score(program, letters, score="difference")
    with pytest.raises(InputError, match="already compiled"):
        ismc.score(program, letters, sites=[3])
    ready = ismc.score(program, letters, score="centred")
    np.testing.assert_array_equal(ready.scores()[:], text.scores()[:])
    twice = ismc.score([program, program], letters)
    np.testing.assert_allclose(twice.scores()[:], text.scores()[:], atol=1e-6)
    with pytest.warns(UserWarning, match="1 record skipped"):
        some = ismc.score(model, [letters, letters[:-1] + "!", letters], on_error="skip")
    assert len(some) == 2
    with pytest.raises(InputError, match="chrom, start and end"):
        ismc.score(model, frame.rename(columns={"end": "stop"}), genome=files / "genome.fa")
