"""Contributions of letters, opened by the programs that look for motifs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ismc.errors import InputError
from ismc.io.convert import FORMATS, convert
from ismc.io.convert.halves import SMALLEST_HALF
from tests.support.converting import Made, centred, made, regions

LAYOUTS = ("modisco", "chrombpnet", "bpnet")
HALF = ("chrombpnet", "bpnet", "basenji")


def written(given: Made, name: str, **choice: Any) -> list[Path]:
    target = given.path.with_name("out" + FORMATS[name].suffixes[0])
    return convert(given.store, target, name, overwrite=True, **choice)


def contributions(given: Made, name: str, **choice: Any) -> tuple[np.ndarray, np.ndarray]:
    """Sequences and contributions ``[N, L, 4]`` of the files, as they lie there."""
    paths = written(given, name, **choice)
    if name == "modisco":
        ohe, attr = (np.load(path, allow_pickle=False)["arr_0"] for path in paths)
        return ohe.swapaxes(1, 2), attr.swapaxes(1, 2)
    with h5py.File(paths[0]) as file:
        if name == "bpnet":
            return file["input_seqs"][:], file["hyp_scores"][:]  # pyright: ignore
        return file["raw/seq"][:].swapaxes(1, 2), file["shap/seq"][:].swapaxes(1, 2)  # pyright: ignore


@pytest.fixture
def example(tmp_path: Path) -> Made:
    places = regions(["chr1"] * 5 + ["chrX"] * 2, range(0, 70, 10), 12)
    return made(tmp_path / "s.zarr", places=places)


def as_modisco_reads(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, window: int = 12
) -> dict[str, Any]:
    """What ``modisco motifs`` hands to its algorithm."""
    click = pytest.importorskip("click.testing")
    cli = pytest.importorskip("modiscolite.cli")
    seen: dict[str, Any] = {}

    def algorithm(**inputs: Any) -> tuple[list[Any], list[Any]]:
        seen.update(inputs)
        return [], []

    monkeypatch.setattr(cli.precompile, "start", lambda: None)
    monkeypatch.setattr(cli.modiscolite.tfmodisco, "TFMoDISco", algorithm)
    monkeypatch.setattr(cli.modiscolite.io, "save_hdf5", lambda *_: None)
    run = click.CliRunner().invoke(cli.cli, ["motifs", *arguments, "-n", "10", "-w", str(window)])
    assert run.exit_code == 0, run
    return seen


def test_modisco_reads_its_files(example: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    ohe, attr = written(example, "modisco")
    seen = as_modisco_reads(["-s", str(ohe), "-a", str(attr)], monkeypatch)
    np.testing.assert_array_equal(seen["one_hot"], example.one_hot)
    np.testing.assert_array_equal(seen["hypothetical_contribs"], centred(example.scores[0]))
    assert seen["hypothetical_contribs"].dtype == np.float32


@pytest.mark.parametrize("name", ["chrombpnet", "bpnet"])
def test_modisco_reads_files_of_others(
    name: str, example: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = as_modisco_reads(["-i", str(written(example, name)[0])], monkeypatch)
    np.testing.assert_array_equal(seen["one_hot"], example.one_hot)
    expected = centred(example.scores[0]).astype(np.float16)
    np.testing.assert_array_equal(seen["hypothetical_contribs"], expected)


@pytest.mark.slow
def test_modisco_finds_a_planted_motif(tmp_path: Path) -> None:
    pytest.importorskip("modiscolite")
    rng, motif = np.random.default_rng(0), [2, 0, 3, 0, 0, 2, 2, 3]
    letters = rng.integers(0, 4, (250, 120))
    drawn = rng.normal(size=(250, 120, 4)) * 0.05
    for row, start in enumerate(rng.integers(30, 60, 250)):
        letters[row, start : start + 8] = motif
        drawn[row, np.arange(start, start + 8), motif] += 1.3
    one_hot = np.eye(4, dtype=np.int8)[letters]
    there = (drawn * one_hot).sum(2, keepdims=True)
    given = made(
        tmp_path / "s.zarr", length=120, one_hot=one_hot, block=64,
        values=lambda _: (drawn - there).astype(np.float32),
    )  # fmt: skip
    ohe, attr = written(given, "modisco")
    found = tmp_path / "motifs.h5"
    call = ["motifs", "-s", ohe, "-a", attr, "-n", "400", "-w", "120", "-o", found]
    code = "import sys; from modiscolite.cli import cli; cli(sys.argv[1:])"
    subprocess.run([sys.executable, "-c", code, *map(str, call)], check=True)  # noqa: S603
    with h5py.File(found) as file:
        pattern = file["pos_patterns/pattern_0/contrib_scores"][:]  # pyright: ignore
    strong = np.flatnonzero(pattern.sum(1) > 0.5)  # pyright: ignore
    assert pattern.argmax(1)[strong].tolist() == motif  # pyright: ignore


def test_modisco_files_hold_where_they_come_from(example: Made) -> None:
    for path in written(example, "modisco"):
        with np.load(path, allow_pickle=False) as file:
            assert file.files[0] == "arr_0"  # some readers take the first
            assert file["arr_0"].shape == (7, 4, 12)
            assert file["arr_0"].dtype == (np.int8 if "ohe" in path.name else np.float32)
            said = json.loads(str(file["facts"]))
            assert file["names"].tolist() == [f"région {i}" for i in range(7)]
            assert file["chrom"].tolist() == ["chr1"] * 5 + ["chrX"] * 2
            assert file["start"].tolist() == list(range(0, 70, 10))
            assert file["sites"].tolist() == [[i, i + 1] for i in range(12)]
        assert said["model_digest"] == "d" * 64
        assert said["output"] == "head_0"
        assert said["contents"] == "scores, less their mean over the four letters"


def test_modisco_target_may_end_in_npz(example: Made, tmp_path: Path) -> None:
    for target in ("a", "a.npz"):
        paths = convert(example.store, tmp_path / target, "modisco", overwrite=True)
        assert [path.name for path in paths] == ["a.ohe.npz", "a.attr.npz"]


def test_chrombpnet_layout(example: Made) -> None:
    (path,) = written(example, "chrombpnet")
    expected = centred(example.scores[0]).astype(np.float16).swapaxes(1, 2)
    raw = example.one_hot.swapaxes(1, 2)
    with h5py.File(path) as file:
        data: Any = {key: file[f"{key}/seq"] for key in ("shap", "raw", "projected_shap")}
        assert {key: (d.dtype, d.shape) for key, d in data.items()} == {
            "shap": (np.float16, (7, 4, 12)),
            "raw": (np.int8, (7, 4, 12)),
            "projected_shap": (np.float16, (7, 4, 12)),
        }
        np.testing.assert_array_equal(data["shap"][:], expected)
        np.testing.assert_array_equal(data["raw"][:], raw)
        np.testing.assert_array_equal(data["projected_shap"][:], raw * expected)
        check_regions(file)
        middle = slice(12 // 2 - 4, 12 // 2 + 4)  # as Fi-NeMo cuts
        np.testing.assert_array_equal(data["shap"][:, :, middle], expected[:, :, middle])


def test_bpnet_layout(example: Made) -> None:
    (path,) = written(example, "bpnet")
    expected = centred(example.scores[0]).astype(np.float16)
    with h5py.File(path) as file:
        scores: Any = file["hyp_scores"]
        seqs: Any = file["input_seqs"]
        assert (scores.dtype, scores.shape) == (np.float16, (7, 12, 4))
        assert (seqs.dtype, seqs.shape) == (np.int8, (7, 12, 4))
        np.testing.assert_array_equal(scores[:], expected)
        np.testing.assert_array_equal(seqs[:], example.one_hot)
        check_regions(file)


def check_regions(file: Any) -> None:
    assert file["coords_chrom"][:].astype("U").tolist() == ["chr1"] * 5 + ["chrX"] * 2
    assert file["coords_start"][:].tolist() == list(range(0, 70, 10))
    assert file["coords_end"][:].tolist() == list(range(12, 82, 10))
    assert [name.decode() for name in file["names"][:]] == [f"région {i}" for i in range(7)]
    assert file.attrs["model_digest"] == "d" * 64
    assert file.attrs["score"] == "difference"


@pytest.mark.parametrize("name", LAYOUTS)
def test_records_without_coordinates(name: str, tmp_path: Path) -> None:
    given = made(tmp_path / "s.zarr")
    one_hot, _ = contributions(given, name)
    np.testing.assert_array_equal(one_hot, given.one_hot)
    if name != "modisco":
        with h5py.File(written(given, name)[0]) as file:
            assert "names" in file
            assert "coords_chrom" not in file


@pytest.mark.parametrize("name", LAYOUTS)
def test_centred_scores_stay_and_others_are_centred(name: str, tmp_path: Path) -> None:
    kind = np.float32 if name == "modisco" else np.float16
    as_scored = made(tmp_path / "a.zarr", centred=True, score="centred_alternatives")
    _, found = contributions(as_scored, name)
    np.testing.assert_array_equal(found, as_scored.scores[0].astype(kind))
    difference = made(tmp_path / "b.zarr")
    _, found = contributions(difference, name)
    np.testing.assert_array_equal(found, centred(difference.scores[0]).astype(kind))
    own = (found * difference.one_hot).sum(2)  # of letters that are there: not lost
    assert (np.delete(own, 1, 1) != 0).all()


@pytest.mark.parametrize("name", LAYOUTS)
def test_positions_that_were_not_scanned_are_zero(name: str, tmp_path: Path) -> None:
    given = made(tmp_path / "s.zarr", sites=[(9, 10), (2, 3), (4, 5)])
    one_hot, found = contributions(given, name)
    np.testing.assert_array_equal(one_hot, given.one_hot)
    expected = centred(given.scores[0]).astype(found.dtype)
    np.testing.assert_array_equal(found[:, [9, 2, 4]], expected)
    assert not np.delete(found, [9, 2, 4], 1).any()


@pytest.mark.parametrize("name", LAYOUTS)
def test_one_output_and_one_task(name: str, tmp_path: Path) -> None:
    given = made(tmp_path / "s.zarr", shapes=[(2,), (3, 2)])
    _, found = contributions(given, name, output="head_1", task="2,0")
    expected = centred(given.scores[1][..., 2, 0]).astype(found.dtype)
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(InputError, match="outputs head_0, head_1"):
        written(given, name)
    with pytest.raises(InputError, match="has 2 tasks"):
        written(given, name, output="head_0")


@pytest.mark.parametrize("name", [*LAYOUTS, "basenji", "bigwig"])
def test_scores_that_do_not_fit(name: str, tmp_path: Path) -> None:
    places = regions(["chr1"] * 7, range(7), 12)
    more = {"places": places, "chromosomes": {"chr1": 99}}
    wide = made(tmp_path / "a.zarr", sites=[(0, 1), (4, 7)], **more)
    with pytest.raises(InputError, match="site 4:7 has 3 positions, expected one"):
        written(wide, name)
    other = made(tmp_path / "b.zarr", letters="ACGU", **more)
    with pytest.raises(InputError, match="letters of the store are ACGU, expected ACGT"):
        written(other, name)
    infinite = made(tmp_path / "c.zarr", **more, values=one_number(np.inf))
    with pytest.raises(InputError, match="record 'région 5' are infinite or not a number"):
        written(infinite, name)
    if name in LAYOUTS:
        distance = made(tmp_path / "d.zarr", signed=False, score="l2", **more)
        with pytest.raises(InputError, match=r"score l2 is a distance without a sign.*\n.*centred"):
            written(distance, name)
    assert {path.suffix for path in tmp_path.iterdir()} == {".zarr"}


def one_number(value: float) -> Any:
    def drawn(shape: tuple[int, ...]) -> np.ndarray:
        found = np.random.default_rng(1).normal(size=shape)
        found[5, 3] = value
        return found

    return drawn


@pytest.mark.parametrize("name", HALF)
def test_numbers_that_16_bits_do_not_hold(name: str, tmp_path: Path) -> None:
    large = made(tmp_path / "a.zarr", values=one_number(3e5), centred=True)
    with pytest.raises(
        InputError, match=r"record 'région 5' has a score of 300000, expected 65504"
    ):
        written(large, name)
    small = made(tmp_path / "b.zarr", values=lambda s: np.full(s, SMALLEST_HALF / 3))
    with pytest.raises(InputError, match=r"All scores are less than 6e-08"):
        written(small, name)
    assert {path.suffix for path in tmp_path.iterdir()} == {".zarr"}


def test_numbers_that_become_zero_are_counted(tmp_path: Path) -> None:
    from ismc.cli.convert import convert as convert_command

    given = made(tmp_path / "s.zarr", values=one_number(1e-9), centred=True)
    text = convert_command(given.path, tmp_path / "a.h5", "bpnet")
    held = np.count_nonzero(given.scores[0])
    assert f"note       3 of {held} scores are less than 6e-08 and became 0" in text
