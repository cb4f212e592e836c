"""Runs check what they write: stopped, recomputed, resumed, appended, in shards and by actors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import ismc
from ismc.cli.run import run
from ismc.errors import VerificationError
from ismc.io.stores.store import open_store
from ismc.ism.checking.choose import MIN_ROWS
from ismc.ism.checking.statistics import Checked
from ismc.jobs.program import ScoringSpec
from ismc.jobs.ray import Actor, pack_programs
from ismc.jobs.run import Scorer
from tests.cli.test_cli import _call
from tests.support.runs import contents, folder_of_inputs, kept_programs, places, regions, wanted
from tests.support.wrong import WRONG, network, sequences

pytestmark = pytest.mark.as_written

__all__ = ["kept_programs"]

NAMED = r"of record 'peak\d+' at site \(\d+, \d+\), letter [ACGT], where the model gives -?\d"
COUNT = 30


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="module")
def whole(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "out.zarr"
    run(wanted(files), regions(files), places(), path)
    return path


@pytest.fixture(scope="module")
def wrong_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wrong") / "wrong.ismc"
    ismc.compile(network(), score="difference", **WRONG).save(path, verbose=0)
    return path


def wrong(score: str = "difference", **more: Any) -> ScoringSpec:
    return ScoringSpec((network(),), score=score, settings=WRONG, **more)


def test_a_run_stops_at_a_wrong_score_and_leaves_nothing(files: Path, tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match=NAMED):
        run(wrong(), regions(files), places(), tmp_path / "out.zarr")
    with pytest.raises(VerificationError, match=NAMED):
        run(wrong(), regions(files), places(), tmp_path / "out.h5")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("both", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_run_goes_on_with_the_models_own_scores(files: Path, tmp_path: Path, both: bool) -> None:
    path = tmp_path / "out.zarr"
    asked = wrong("centred", reverse_complement=both)
    summary = run(asked, regions(files), places(check="recompute"), path)
    store = open_store(path)
    x = np.asarray(store.one_hot[:], np.float32)
    want: Mapping[str, Any] = ismc.NaiveISM(network(), score="centred").saturate(x)
    if both:
        want = ismc.ensemble(network(), reverse_complement=True, score="centred").predict(x)
    for name in ("head", "track"):
        y = np.asarray(want[name])
        np.testing.assert_allclose(store.scores(name)[:], y, rtol=1e-4, atol=1e-5 * abs(y).max())
    assert store.checked == summary.tally.checked
    assert store.checked.recomputed == COUNT
    assert 8 * 6 <= store.checked.mutants <= 8 * MIN_ROWS
    assert "30 sequences recomputed by the model itself" in str(summary)


def test_off_is_off_and_the_summary_says_so(files: Path, tmp_path: Path) -> None:
    summary = run(wrong(), regions(files), places(check=False), tmp_path / "out.zarr")
    assert open_store(tmp_path / "out.zarr").checked == Checked()
    assert "checked    no mutants (--check off)" in str(summary)


def test_summary_and_store_tell_what_was_checked(files: Path, tmp_path: Path) -> None:
    summary = run(wanted(files), regions(files), places(), tmp_path / "out.zarr")
    store = open_store(tmp_path / "out.zarr")
    rows = store.column("check")
    assert rows.shape == (COUNT, 3)
    assert summary.tally.checked == store.checked
    assert store.checked.mutants == rows[:, 0].sum() >= MIN_ROWS // 2
    assert 0 < store.checked.error == rows[:, 1].max() < 1e-4
    assert f"checked    {store.checked.mutants} mutants, off by" in str(summary)


@pytest.mark.compiled
def test_a_fault_in_a_later_block_keeps_those_before(
    files: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real, calls = tmp_path / "out.zarr", Scorer.__call__, []

    def fault(self: Scorer, *more: Any) -> Any:
        scores, own = real(self, *more)
        calls.append(len(scores[0]))
        return [y + (len(calls) > 3) for y in scores], own

    with monkeypatch.context() as patch:
        patch.setattr(Scorer, "__call__", fault)
        patch.setattr("ismc.ism.checking.check._row_count", lambda *_: MIN_ROWS)  # in every block
        with pytest.raises(VerificationError, match=NAMED):
            run(wanted(files), regions(files), places(), path)
    assert open_store(path).done.tolist() == [True] * 3 + [False] * 5
    for name in ("head", "counts"):
        got, want = (open_store(p).scores(name)[:12] for p in (path, whole))
        np.testing.assert_array_equal(got, want)
    run(wanted(files), regions(files), places(resume=True), path)
    for name in ("head", "counts"):
        got, want = (open_store(p).scores(name)[:] for p in (path, whole))
        np.testing.assert_array_equal(got, want)


@pytest.mark.compiled
def test_resumed_runs_and_shards_add_up(files: Path, whole: Path, tmp_path: Path) -> None:
    path, found = tmp_path / "out.zarr", Checked()
    for shard in ("2/3", "1/3"):
        found += run(wanted(files), regions(files), places(shard=shard), path).tally.checked
    summary = run(wanted(files), regions(files), places(resume=True), path)
    assert found + summary.tally.checked == open_store(path).checked == open_store(whole).checked
    assert "(in total" in str(summary)
    assert contents(path) == contents(whole)


def test_appended_records_are_checked_too(files: Path, tmp_path: Path) -> None:
    lines = (files / "regions.narrowPeak").read_text().splitlines(keepends=True)
    beds = [tmp_path / "first.narrowPeak", tmp_path / "second.narrowPeak"]
    beds[0].write_text("".join(lines[:18]))
    beds[1].write_text("".join(lines[18:20]))
    path = tmp_path / "out.zarr"
    first = run(wanted(files), regions(files, bed=beds[0]), places(), path).tally.checked
    more = run(wanted(files), regions(files, bed=beds[1]), places(append=True), path).tally.checked
    assert MIN_ROWS // 2 <= more.mutants < MIN_ROWS
    assert open_store(path).checked == first + more
    assert open_store(path).column("check")[18:, 0].sum() == more.mutants


def test_actors_add_up(files: Path, whole: Path, wrong_artifact: Path, tmp_path: Path) -> None:
    model = keras.models.load_model(files / "model.keras")
    path = tmp_path / "out.zarr"
    run(wanted(files), regions(files), places(shard="1/8"), path)
    store = open_store(path, write=True)
    packed = pack_programs(ismc.compile(model, score="difference"), tmp_path)
    actors = [Actor(packed, str(tmp_path), str(path), check=True) for _ in range(2)]
    mutants = open_store(path).checked.mutants
    for number, rows in enumerate(store.pending()):
        batch = {"start": np.array([rows.start]), "stop": np.array([rows.stop])}
        mutants += sum(actors[number % 2](batch)["checked"])
    assert mutants == open_store(path).checked.mutants == open_store(whole).checked.mutants
    wrong_one = pack_programs(ismc.load(wrong_artifact), tmp_path)
    run(wrong(), regions(files), places(shard="1/8", check=False), tmp_path / "wrong.zarr")
    actor = Actor(wrong_one, str(tmp_path), str(tmp_path / "wrong.zarr"), check="recompute")
    (rows, *_) = actor.store.pending()
    batch = {"start": np.array([rows.start]), "stop": np.array([rows.stop])}
    assert actor(batch)["recomputed"] == [4]


@pytest.mark.compiled
def test_stores_of_before_go_on(files: Path, whole: Path, tmp_path: Path) -> None:
    import shutil

    path = tmp_path / "out.zarr"
    run(wanted(files), regions(files), places(shard="1/3"), path)
    shutil.rmtree(path / "check")
    run(wanted(files), regions(files), places(resume=True), path)
    assert open_store(path).checked == Checked()
    lines = (files / "regions.narrowPeak").read_text().splitlines(keepends=True)[:3]
    (tmp_path / "third.narrowPeak").write_text("".join(lines))
    third = regions(files, bed=tmp_path / "third.narrowPeak")
    run(wanted(files), third, places(append=True), path)
    assert open_store(path).complete
    got, want = (open_store(p).scores("head")[:COUNT] for p in (path, whole))
    np.testing.assert_array_equal(got, want)


def test_notebooks_have_it_too(tmp_path: Path) -> None:
    x = sequences(5)
    x[2, 10:20] = 0
    with pytest.raises(VerificationError, match=r"of record '\w+' at site .* the model gives"):
        ismc.score(network(), x, **WRONG)
    with pytest.raises(VerificationError):
        ismc.score(network(), x, output=tmp_path / "out.zarr", **WRONG)
    assert not list(tmp_path.iterdir())
    store = ismc.score(network(), x, check="recompute", **WRONG)
    want = ismc.NaiveISM(network(), score="difference").saturate(x)
    for name in ("head", "track"):
        np.testing.assert_allclose(store.scores(name)[:], want[name], rtol=1e-4, atol=2e-5)
    assert store.checked.recomputed == 5
    ready = ismc.compile(network(), check=False, **WRONG)  # without a score: m - r is written
    assert ismc.score(ready, x).checked == Checked()
    with pytest.raises(VerificationError):
        ismc.score(ready, x, check=True)
    again = ismc.score(ready, x, check="recompute")
    np.testing.assert_allclose(again.scores("head")[:], store.scores("head")[:], atol=2e-5)


def test_variants_are_checked_at_their_own_sites(files: Path, tmp_path: Path) -> None:
    genome = "".join((files / "genome.fa").read_text().splitlines()[1:3])
    rows = [f"chr1\t{pos}\t.\t{genome[pos - 1]}\t" for pos in range(40, 90, 3)]
    others = ["C" if row.split("\t")[3] != "C" else "G" for row in rows]
    lines = ["##fileformat=VCFv4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    lines += [f"{row}{alt}\t.\t.\t." for row, alt in zip(rows, others, strict=True)]
    (tmp_path / "in.vcf").write_text("\n".join(lines) + "\n")
    inputs = regions(files, bed=None, vcf=tmp_path / "in.vcf")
    with pytest.raises(VerificationError, match=r"of record .* at site \(\d+, \d+\)"):
        run(wrong(), inputs, places(), tmp_path / "out.zarr")
    run(wrong(), inputs, places(check="recompute"), tmp_path / "out.zarr")
    store = open_store(tmp_path / "out.zarr")
    at, x = np.asarray(store.group["at"]), np.asarray(store.one_hot[:], np.float32)
    want = ismc.NaiveISM(network(), score="difference").saturate(x)["head"].numpy()
    for record, sites in enumerate(at):
        for column, site in enumerate(sites):
            got = store.scores("head")[record, column]
            expected = np.full_like(got, np.nan) if site < 0 else want[record, site]
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=2e-5)
    assert store.checked.recomputed == len(store)


def test_the_command_line_checks(
    files: Path, wrong_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bed = str(files / "regions.narrowPeak")
    options = (str(wrong_artifact), "--bed", bed, "--genome", str(files / "genome.fa"))
    code, _, err = _call("run", *options, "-o", "a.zarr")
    assert code == 1
    assert "where the model gives" in err
    assert not Path("a.zarr").exists()
    code, out, err = _call("run", *options, "-o", "a.zarr", "--check", "recompute")
    assert code == 0, err
    assert "30 sequences recomputed by the model itself" in out
    code, out, err = _call("run", *options, "-o", "b.zarr", "--check", "off")
    assert code == 0, err
    assert "checked    no mutants" in out
