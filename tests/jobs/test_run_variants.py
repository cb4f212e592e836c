"""Variants are scored at their own sites and alleles, and none is dropped."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pandas
import pytest

import ismc
from ismc.cli.run import run
from ismc.errors import InputError
from ismc.io.stores.store import open_store
from ismc.jobs.program import ScoringSpec
from tests.support.runs import (
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


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = folder_of_inputs(tmp_path_factory.mktemp("inputs"))
    genome = write_genome(folder / "genome.fa")
    rng = np.random.default_rng(1)
    lines = ["##fileformat=VCFv4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    for i in range(25):
        chrom = ["chr1", "chr2"][i % 2]
        pos = int(rng.integers(40, 2900))
        here = genome[chrom][pos - 1]
        others = [letter for letter in "ACGT" if letter != here]
        alt = ",".join(others[: 1 + i % 3])
        lines.append(f"{chrom}\t{pos}\trs{i}\t{here}\t{alt}\t.\t.\t.")
    here = genome["chr1"][199]
    wrong = next(letter for letter in "ACGT" if letter != here)
    lines.append(f"chr1\t200\tindel\t{here}\t{here}AC\t.\t.\t.")
    lines.append(f"chr1\t200\twrong\t{wrong}\t{here}\t.\t.\t.")
    lines.append("chr7\t200\tlost\tA\tC\t.\t.\t.")
    (folder / "variants.vcf").write_text("\n".join(lines) + "\n")
    return folder


def test_each_variant_in_a_window_of_its_own(files: Path, tmp_path: Path) -> None:
    inputs = regions(files, bed=None, vcf=files / "variants.vcf")
    summary = run(wanted(files), inputs, places(), tmp_path / "out.tsv")
    text = (tmp_path / "out.tsv").read_text()
    assert text.startswith("# score: difference")
    assert "model.keras" in text.splitlines()[1]
    rows = pandas.read_csv(tmp_path / "out.tsv", sep="\t", comment="#", keep_default_na=False)
    assert len(rows) == sum(1 + i % 3 for i in range(25)) + 3
    assert rows.status.value_counts()["ok"] == len(rows) - 3
    bad = rows[rows.status != "ok"].set_index("id").status
    assert "insertion" in bad["indel"]
    assert bad["wrong"].startswith("REF disagrees")
    assert "chromosome" in bad["lost"]
    assert "REF disagrees" in str(summary)
    genome = write_genome(tmp_path / "again.fa")
    model = keras.models.load_model(files / "model.keras")
    for row in rows[rows.status == "ok"].itertuples():
        start = row.pos - 1 - LENGTH // 2
        window = "".join(
            genome[row.chrom][i] if 0 <= i < len(genome[row.chrom]) else "N"
            for i in range(start, start + LENGTH)
        )
        before = np.stack([np.eye(5)["ACGTN".index(c)][:4] for c in window])
        after = before.copy()
        after[LENGTH // 2] = np.eye(4)["ACGT".index(row.alt)]
        own, changed = (model(np.stack([x]).astype(np.float32)) for x in (before, after))
        expected = np.asarray(changed["head"] - own["head"])[0]
        found = [float(rows.loc[row.Index, f"head[{i}]"]) for i in range(3)]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
        assert row.site == LENGTH // 2


def test_several_variants_in_windows_of_regions(files: Path, tmp_path: Path) -> None:
    inputs = regions(files, vcf=files / "variants.vcf", bed=tmp_path / "r.bed")
    (tmp_path / "r.bed").write_text(
        "".join(f"chr1\t{i}\t{i + 60}\tw{i}\n" for i in range(0, 3000, 45))
        + "".join(f"chr2\t{i}\t{i + 60}\tv{i}\n" for i in range(0, 2900, 300))
    )
    run(wanted(files), inputs, places(), tmp_path / "out.zarr")
    store = open_store(tmp_path / "out.zarr")
    at = np.asarray(store.group["at"][:])
    assert at.shape[1] > 1
    assert ((at >= 0).sum(1) >= 1).all()
    run(wanted(files), inputs, places(), tmp_path / "out.tsv")
    rows = pandas.read_csv(tmp_path / "out.tsv", sep="\t", comment="#", keep_default_na=False)
    x = np.asarray(store.one_hot[:], np.float32)
    model = keras.models.load_model(files / "model.keras")
    scores = np.asarray(ismc.NaiveISM(model, score="difference").saturate(x)["counts"])
    names = list(store.names)
    ok = rows[rows.status == "ok"]
    assert ok.window.nunique() > 5
    assert (ok.groupby("window").site.nunique() > 1).any()
    assert (ok.groupby(["id", "alt"]).window.nunique() > 1).any()
    for row in ok.itertuples():
        expected = scores[names.index(row.window), row.site, "ACGT".index(row.alt), 0]
        assert abs(float(row.counts) - expected) < 1e-5
    outside = rows[rows.status == "not in any region"]
    assert set(outside.window) == {""}
    assert set(rows.id) == {f"rs{i}" for i in range(25)} | {"indel", "wrong", "lost"}


def test_a_store_of_variants_is_gone_on_with(files: Path, tmp_path: Path) -> None:
    inputs = regions(files, bed=None, vcf=files / "variants.vcf")
    run(wanted(files), inputs, places(), tmp_path / "a.zarr")
    for i in (1, 2):
        run(wanted(files), inputs, places(shard=f"{i}/2"), tmp_path / "b.zarr")
    assert contents(tmp_path / "a.zarr") == contents(tmp_path / "b.zarr")
    with pytest.raises(InputError, match="variants"):
        ismc.convert(open_store(tmp_path / "a.zarr"), tmp_path / "a", "modisco")
    table, other = tmp_path / "a.tsv", tmp_path / "b.tsv"
    ismc.convert(open_store(tmp_path / "a.zarr"), table)
    run(wanted(files), inputs, places(), other)
    assert table.read_text() == other.read_text()


def test_the_same_in_python_and_by_an_artifact(files: Path, tmp_path: Path) -> None:
    vcf, genome = files / "variants.vcf", files / "genome.fa"
    found = ismc.score(files / "model.keras", vcf, genome=genome)
    [path] = ismc.convert(found, tmp_path / "python.tsv")
    rows = [pandas.read_csv(path, sep="\t", comment="#", keep_default_na=False)]
    model = keras.models.load_model(files / "model.keras")
    ismc.compile(model, score="difference").save(tmp_path / "model.ismc")
    inputs = regions(files, bed=None, vcf=vcf)
    run(ScoringSpec((tmp_path / "model.ismc",)), inputs, places(), tmp_path / "out.tsv")
    rows.append(pandas.read_csv(tmp_path / "out.tsv", sep="\t", comment="#", keep_default_na=False))
    for column in rows[0].columns:
        if column.startswith(("head", "counts")):
            a, b = (pandas.to_numeric(r[column], errors="coerce") for r in rows)
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)
        else:
            assert list(rows[0][column]) == list(rows[1][column])
    every = ismc.score(ismc.compile(model, score="difference"), vcf, genome=genome)
    np.testing.assert_allclose(every.scores("head")[:], found.scores("head")[:], atol=1e-6)
    with pytest.raises(InputError, match=r"expected 1, \(30, 31\)"):
        ismc.score(ismc.compile(model, score="difference", sites=[(20, 40)]), vcf, genome=genome)
    with pytest.raises(InputError, match="genome="):
        ismc.score(model, vcf)


def test_nothing_to_score_is_said(files: Path, tmp_path: Path) -> None:
    (tmp_path / "none.vcf").write_text(
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\nchr9\t1\t.\tA\tC\n"
    )
    inputs = regions(files, bed=None, vcf=tmp_path / "none.vcf")
    with pytest.raises(InputError, match="no variant"):
        run(wanted(files), inputs, places(), tmp_path / "out.tsv")
    assert [p.name for p in tmp_path.iterdir()] == ["none.vcf"]
