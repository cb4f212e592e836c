"""Two thousand regions, from a BED to every file, each opened by the package that reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from typer.testing import CliRunner

import ismc
from ismc.cli.app import app
from ismc.io.stores.store import open_store
from tests.io.test_convert_motifs import as_modisco_reads
from tests.support.reports import browser, heat_map, shown
from tests.zoo import randomise

__all__ = ["browser"]

COUNT, LENGTH = 2000, 100
SIZES = {"chr1": 150_000, "chr2": 90_000}


def call(*arguments: Any) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genome, regions all over it that overlap, a model, and the store of a run."""
    folder = tmp_path_factory.mktemp("pipeline")
    rng = np.random.default_rng(0)
    with (folder / "genome.fa").open("w") as file:
        for name, size in SIZES.items():
            letters = rng.choice(np.frombuffer(b"ACGT", np.uint8), size).tobytes().decode()
            file.write(
                f">{name}\n" + "\n".join(letters[i : i + 70] for i in range(0, size, 70)) + "\n"
            )
    lines = []
    for chrom, size in SIZES.items():
        starts = np.sort(rng.choice(np.arange(0, size - LENGTH, 40), COUNT // 2, replace=False))
        lines += [f"{chrom}\t{s}\t{s + LENGTH}\tpeak_{chrom}_{s}\n" for s in starts]
    (folder / "regions.bed").write_text("".join(lines))
    sequence = keras.Input((LENGTH, 4))
    x = layers.Conv1D(8, 7, padding="same", activation="relu")(sequence)
    x = layers.GlobalAveragePooling1D()(layers.MaxPooling1D(2)(x))
    randomise(keras.Model(sequence, layers.Dense(1)(x)), 0).save(folder / "model.keras")
    said = call(
        "run", folder / "model.keras", "--bed", folder / "regions.bed",
        "--genome", folder / "genome.fa", "-o", folder / "scores.zarr",
    )  # fmt: skip
    assert f"sequences  {COUNT:,}" in said
    return folder


@pytest.fixture(scope="module")
def scores(folder: Path) -> np.ndarray:
    """``[2000, 100, 4]``, of which some are held against the naive program."""
    store = open_store(folder / "scores.zarr")
    found = store.scores()[:][..., 0]
    rows = [0, 777, COUNT - 1]
    naive = ismc.NaiveISM(keras.models.load_model(folder / "model.keras"), score="difference")
    x = np.asarray(store.one_hot[:], np.float32)[rows]
    np.testing.assert_allclose(found[rows], naive.saturate(x)[..., 0], rtol=0, atol=1e-6)
    return found


def contributions(folder: Path, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Letters ``[2000, 4, 100]``, and what each contributes: centred over the four."""
    letters = np.asarray(open_store(folder / "scores.zarr").one_hot[:], np.float32)
    centred = scores - scores.mean(2, keepdims=True)
    return letters.transpose(0, 2, 1), centred.transpose(0, 2, 1)


def test_modisco(folder: Path, scores: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    call("convert", folder / "scores.zarr", "-o", folder / "peaks", "--to", "modisco")
    files = ["-s", str(folder / "peaks.ohe.npz"), "-a", str(folder / "peaks.attr.npz")]
    monkeypatch.chdir(folder)
    seen = as_modisco_reads(files, monkeypatch, LENGTH)
    letters, given = contributions(folder, scores)
    np.testing.assert_array_equal(seen["one_hot"].transpose(0, 2, 1), letters)
    np.testing.assert_allclose(
        seen["hypothetical_contribs"].transpose(0, 2, 1), given, rtol=0, atol=1e-6
    )


def test_chrombpnet(folder: Path, scores: np.ndarray) -> None:
    call("convert", folder / "scores.zarr", "-o", folder / "peaks.h5", "--to", "chrombpnet")
    letters, given = contributions(folder, scores)
    with h5py.File(folder / "peaks.h5") as file:
        np.testing.assert_array_equal(file["raw/seq"][:], letters)
        np.testing.assert_allclose(file["shap/seq"][:], given, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(
            file["projected_shap/seq"][:], given * letters, rtol=1e-3, atol=1e-5
        )
        assert file["shap/seq"].dtype == np.float16
        assert file["shap/seq"].shape == (COUNT, 4, LENGTH)


def test_bigwig(folder: Path, scores: np.ndarray) -> None:
    import pyBigWig

    call("convert", folder / "scores.zarr", "-o", folder / "peaks.bw")
    letters, given = contributions(folder, scores)
    values = (letters * given).sum(1)
    places = open_store(folder / "scores.zarr").coordinates
    assert places is not None
    with pyBigWig.open(str(folder / "peaks.bw")) as file:
        assert file.chroms() == SIZES
        for chrom, size in SIZES.items():
            owner, expected = np.full(size, -1), np.full(size, np.nan)
            for i in np.flatnonzero(np.asarray(places.chrom) == chrom):  # summits ascend
                at = np.arange(places.start[i], places.end[i])
                later = at >= (owner[at] + places.summit[i]) // 2
                mine = at[(owner[at] < 0) | later]
                owner[mine], expected[mine] = places.summit[i], values[i, mine - places.start[i]]
            found = file.values(chrom, 0, size, numpy=True)
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_report(folder: Path, scores: np.ndarray, browser: Any) -> None:
    said = call("report", folder / "scores.zarr", "-o", folder / "report.html")
    assert f"{COUNT:,} sequences" in said
    name = str(open_store(folder / "scores.zarr").names[1234])
    with shown(browser, folder / "report.html", "#entry=1234") as tab:
        assert name in tab.inner_text("body")
        drawn = heat_map(tab)
        np.testing.assert_allclose(
            drawn, scores[1234].T, rtol=0, atol=np.abs(scores[1234]).max() / 60_000
        )
