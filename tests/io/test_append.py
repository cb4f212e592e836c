"""Records are appended to a store: those that were there stay, and nothing is lost on the way."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pandas
import pytest
import zarr
from zarr.storage import LocalStore

import ismc
from ismc.cli.run import run
from ismc.errors import ArtifactError, InputError
from ismc.io.stores.store import Store, open_store
from ismc.jobs.run import Scorer
from tests.support.runs import (
    contents,
    folder_of_inputs,
    kept_programs,
    places,
    regions,
    wanted,
    write_genome,
    write_regions,
)

__all__ = ["kept_programs"]

FIRST, COUNT = 18, 30  # blocks of four: the fifth is filled
append = places(append=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = folder_of_inputs(tmp_path_factory.mktemp("inputs"), models=2)
    write_regions(folder / "regions.narrowPeak", COUNT)
    lines = (folder / "regions.narrowPeak").read_text().splitlines(keepends=True)
    for name, some in {"first": lines[:FIRST], "second": lines[FIRST:], "third": lines[:3]}.items():
        (folder / f"{name}.narrowPeak").write_text("".join(some))
    return folder


def part(files: Path, name: str, **more: Any) -> Any:
    return regions(files, bed=files / f"{name}.narrowPeak", **more)


@pytest.fixture(scope="module")
def begun(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the first records."""
    path = tmp_path_factory.mktemp("begun") / "out.zarr"
    run(wanted(files), part(files, "first"), places(), path)
    return path


@pytest.fixture(scope="module")
def both(files: Path, begun: Path) -> Path:
    """The store of the first records, with the second ones appended."""
    path = begun.with_name("both.zarr")
    copytree(begun, path)
    summary = run(wanted(files), part(files, "second"), append, path)
    assert summary.tally.records == COUNT - FIRST
    assert "12 now, of 30" in str(summary)
    return path


def columns(store: Store) -> dict[str, Any]:
    """What is said of records, and their letters."""
    keys = ("names", "chrom", "start", "end", "summit", "strand", "sites", "genome_sizes")
    return {key: store.column(key).tolist() for key in (*keys, "one_hot")}


def test_it_is_the_store_of_all_records(files: Path, both: Path, tmp_path: Path) -> None:
    run(wanted(files), regions(files), places(), tmp_path / "whole.zarr")
    whole, found = open_store(tmp_path / "whole.zarr"), open_store(both)
    assert found.complete
    assert found.written.tolist() == whole.written.tolist()
    assert len(found) == COUNT
    assert columns(found) == columns(whole)
    for name in ("head", "counts"):
        np.testing.assert_allclose(found.scores(name)[:], whole.scores(name)[:], atol=1e-6)
        np.testing.assert_allclose(found.reference(name)[:], whole.reference(name)[:], atol=1e-6)
    parts = [(p.source, p.records) for p in found.facts.parts]
    assert parts == [("first.narrowPeak", FIRST), ("second.narrowPeak", COUNT - FIRST)]
    ismc.convert(found, tmp_path / "scores.npz")
    with np.load(tmp_path / "scores.npz") as archive:
        np.testing.assert_array_equal(archive["scores/head"], found.scores("head")[:])
        assert len(archive["names"]) == COUNT


def test_scores_that_were_there_are_not_scored_again(begun: Path, both: Path) -> None:
    before, after = open_store(begun), open_store(both)
    np.testing.assert_array_equal(after.scores("head")[:FIRST], before.scores("head")[:])
    kept = {name for name in contents(begun) if "/c/" in name and name.startswith("scores")}
    full = {name for name in kept if int(name.split("/")[3]) < FIRST // 4}
    assert len(full) == 8
    assert {n: contents(begun)[n] for n in full} == {n: contents(both)[n] for n in full}


def test_a_name_that_is_there_gets_a_number(files: Path, both: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.zarr"
    copytree(both, path)
    run(wanted(files), part(files, "third"), append, path)
    assert open_store(path).names[COUNT:].tolist() == [f"peak{i}_2" for i in range(3)]
    found = ismc.score(
        files / "model.keras", np.eye(4)[np.zeros((2, 60), int)], output=tmp_path / "a.zarr"
    )
    assert found.names.tolist() == ["record_0", "record_1"]
    more = ismc.score(
        files / "model.keras", "C" * 60, output=tmp_path / "a.zarr", append=True, verbose=0
    )
    assert more.names.tolist() == ["record_0", "record_1", "record_0_2"]
    assert more.notes == ("1 names were already in the store; numbers were added.",)
    assert more.complete
    other = ismc.score(files / "model.keras", "C" * 60)
    np.testing.assert_allclose(more.scores("head")[2], other.scores("head")[0], atol=1e-6)


@contextmanager
def stopped_after(blocks: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A run inside is stopped by its user when it scores one more block."""
    real, calls = Scorer.__call__, iter(range(99))

    def stopped(self: Scorer, *more: Any) -> Any:
        if next(calls) == blocks:
            raise KeyboardInterrupt
        return real(self, *more)

    with monkeypatch.context() as patch:
        patch.setattr(Scorer, "__call__", stopped)
        with pytest.raises(KeyboardInterrupt):
            yield


class Killed(BaseException):
    """Ends a process where it is: nothing may clean up after it that a kill would not allow."""


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Iterator[int]]:
    """Makes the write of that number to the disk the last one."""

    def after(number: int) -> Iterator[int]:
        real, count = LocalStore.set, iter(range(10**6))

        async def counted(self: LocalStore, *more: Any) -> None:
            if next(count) >= number:
                raise Killed
            await real(self, *more)

        monkeypatch.setattr(LocalStore, "set", counted)
        return count

    return after


def test_killed_at_any_write_it_goes_on_to_the_same_bytes(
    files: Path,
    begun: Path,
    both: Path,
    tmp_path: Path,
    dying: Any,
    monkeypatch: Any,
    pytestconfig: pytest.Config,
) -> None:
    every = 1 if pytestconfig.getoption("--slow") else 5
    expected, old = contents(both), open_store(begun)
    asked = wanted(files), part(files, "second")
    moments = 0
    for number in range(0, 1000, every):
        path = tmp_path / f"{number}.zarr"
        copytree(begun, path)
        with monkeypatch.context():
            dying(number)
            try:
                run(*asked, append, path)
                ended = True
            except Killed:
                ended = False
            finally:
                monkeypatch.undo()
        if ended:
            break
        left = open_store(path)
        counted = len(left) == COUNT
        if not counted:  # to a reader, nothing has happened
            assert left.facts == old.facts
            assert left.complete
            assert columns(left) == columns(old)
        np.testing.assert_array_equal(left.scores("head")[:FIRST], old.scores("head")[:])
        run(*asked, places(append=True, resume=True), path)
        assert contents(path) == expected, number
        moments += 1
    assert moments > 30 / every


def test_full_disk(files: Path, begun: Path, tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "out.zarr"
    copytree(begun, path)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("ismc.io.stores.content._resized", full)
        with pytest.raises(ArtifactError, match="No space left"):
            run(wanted(files), part(files, "second"), append, path)
    assert columns(open_store(path)) == columns(open_store(begun))


def test_what_cannot_be_appended(files: Path, both: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.zarr"
    copytree(both, path)
    before = contents(path)
    fasta = tmp_path / "x.fa"
    fasta.write_text(">a\n" + "ACGT" * 15 + "\n")
    plain = replace(regions(files), bed=None, genome=None, fasta=fasta)
    other = tmp_path / "other"
    other.mkdir()
    write_genome(other / "genome.fa")
    with (other / "genome.fa").open("a") as file:
        file.write(">chr3\nACGT\n")
    elsewhere = regions(files, bed=files / "third.narrowPeak", genome=other / "genome.fa")
    third = part(files, "third")
    cases = [
        (wanted(files), part(files, "second"), append, "already holds .* second.*\n.*--resume"),
        (wanted(files), part(files, "first"), append, "already holds .* first.narrowPeak"),
        (wanted(files, score="l2"), third, append, "score is 'difference', expected 'l2'"),
        (wanted(files), third, places(append=True, start=3), "sites is 60 ranges"),
        (wanted(files), plain, append, "Only one of .* has genome_chroms, genome_sizes, chrom"),
        (wanted(files), elsewhere, append, "other chromosomes, or other lengths"),
        (wanted(files), third, places(append=True, shard="1/2"), "one process"),
        (wanted(files), third, places(append=True, overwrite=True), "one process"),
    ]  # fmt: skip
    for what, inputs, where, words in cases:
        with pytest.raises(InputError, match=words):
            run(what, inputs, where, path)
        assert contents(path) == before
    with pytest.raises(InputError, match=r"store \.zarr that one process"):
        run(wanted(files), third, append, tmp_path / "out.npz")


def test_a_run_is_finished_first(
    files: Path, begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.zarr"
    copytree(begun, path)
    with stopped_after(2, monkeypatch):
        run(wanted(files), part(files, "second"), append, path)
    assert not open_store(path).complete
    with pytest.raises(InputError, match=r"not written.*\n.*second\.narrowPeak: --append --resume"):
        run(wanted(files), part(files, "third"), append, path)
    summary = run(wanted(files), part(files, "second"), places(append=True, resume=True), path)
    assert open_store(path).complete
    assert 0 < summary.tally.records < COUNT - FIRST


def test_variants_are_appended(files: Path, tmp_path: Path) -> None:
    letters = write_genome(tmp_path / "genome.fa")["chr1"]
    model = files / "model.keras"
    lines: dict[str, list[str]] = {"a": [], "b": [], "all": []}
    for i, position in enumerate(range(200, 1200, 100)):
        here = letters[position - 1]
        alts = ",".join([x for x in "ACGT" if x != here][: 1 + i % 2])
        line = f"chr1\t{position}\trs{i}\t{here}\t{alts}\t.\t.\t.\n"
        lines["a" if i < 6 else "b"].append(line)
        lines["all"].append(line)
    lines["b"].append("chr9\t100\tlost\tA\tC\t.\t.\t.\n")
    lines["all"].append(lines["b"][-1])
    for name, some in lines.items():
        (tmp_path / f"{name}.vcf").write_text(
            "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + "".join(some)
        )
    for name in ("a", "b"):
        inputs = regions(tmp_path, bed=None, vcf=tmp_path / f"{name}.vcf")
        run(wanted(files), inputs, places(append=name == "b"), tmp_path / "out.zarr")
    store = open_store(tmp_path / "out.zarr")
    whole = ismc.score(model, tmp_path / "all.vcf", genome=tmp_path / "genome.fa")
    tables = []
    for i, one in enumerate((store, whole)):
        [path] = ismc.convert(one, tmp_path / f"{i}.tsv")
        tables.append(pandas.read_csv(path, sep="\t", comment="#", keep_default_na=False))
    assert len(tables[0]) == 16
    for column in tables[1].columns:
        if column.startswith(("head", "counts")):
            first, second = (pandas.to_numeric(t[column], errors="coerce") for t in tables)
            np.testing.assert_allclose(first, second, rtol=0, atol=1e-6)
            assert np.isfinite(first).sum() == 15
        else:
            assert tables[0][column].tolist() == tables[1][column].tolist(), column


def test_a_failure_before_anything_is_scored_leaves_it_as_it_was(
    files: Path, begun: Path, both: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.zarr"
    copytree(begun, path)
    before, old = open_store(path), columns(open_store(begun))

    with stopped_after(0, monkeypatch):
        run(wanted(files), part(files, "second"), append, path)
    assert open_store(path).complete
    assert columns(open_store(path)) == old
    assert open_store(path).scores("head").shape[0] == open_store(path).one_hot.shape[0] == FIRST
    late = zarr.open_group(path, mode="r+")["written"]
    late[4] = 4  # by a worker that had not heard of it
    assert open_store(path).complete
    [table] = ismc.convert(open_store(path), tmp_path / "old.npz")
    with np.load(table) as archive:
        assert len(archive["scores/head"]) == len(archive["names"]) == FIRST
    run(wanted(files), part(files, "second"), append, path)
    assert contents(path) == contents(both)
    assert before.complete  # it was opened before the others came
    assert "18 records of 60, 60 sites" in repr(before)
    assert not list(tmp_path.glob(".*.lock"))


def test_blocks_are_those_of_the_store(
    files: Path, begun: Path, both: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.zarr"
    copytree(begun, path)
    with stopped_after(2, monkeypatch):
        run(wanted(files), part(files, "second"), places(append=True, batch_size=None), path)
    asked = places(append=True, resume=True, batch_size=None)
    run(wanted(files), part(files, "second"), asked, path)
    assert contents(path) == contents(both)
