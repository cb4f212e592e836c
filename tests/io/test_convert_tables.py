"""Tables of scores, read by pandas, and the layout of Basenji."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from ismc.errors import InputError
from ismc.io.convert import convert
from tests.support.converting import Made, made, regions


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", comment="#", keep_default_na=False, na_values=["nan"])


def rows(given: Made) -> list[tuple[Any, ...]]:
    """Name, chromosome, start, site, reference, alternative, and where the score is."""
    found = []
    places = given.store.coordinates
    for i, record in enumerate(given.one_hot):
        text = "".join("ACGT"[row.argmax()] if row.any() else "N" for row in record)
        for s, (start, stop) in enumerate(given.store.facts.sites):
            for c, letter in enumerate("ACGT"):
                if text[start:stop] != letter * (stop - start):
                    place = ("", "")
                    if places is not None:
                        place = (str(places.chrom[i]), int(places.start[i]) + start)
                    labels = (f"région {i}", *place, start, text[start:stop], letter)
                    found.append((*labels, (i, s, c)))
    return found


@pytest.mark.parametrize("suffix", [".tsv", ".tsv.gz"])
def test_table(suffix: str, tmp_path: Path) -> None:
    places = regions(["chr1"] * 6 + ["chr2"], range(-4, 66, 10), 12)
    given = made(tmp_path / "s.zarr", places=places, shapes=[(), (2, 2)])
    (path,) = convert(given.store, tmp_path / f"a{suffix}")
    found = table(path)
    assert list(found) == [
        "name", "chrom", "start", "site", "reference", "alternative",
        "head_0", "head_1[0,0]", "head_1[0,1]", "head_1[1,0]", "head_1[1,1]",
    ]  # fmt: skip
    wanted = rows(given)
    assert len(found) == len(wanted) == 7 * 12 * 3 + 1  # and the fourth of N
    assert list(found.iloc[:, :6].itertuples(index=False, name=None)) == [r[:6] for r in wanted]
    at = tuple(np.asarray([r[6] for r in wanted]).T)
    for label, values in {
        "head_0": given.scores[0],
        "head_1[1,0]": given.scores[1][..., 1, 0],
        "head_1[0,1]": given.scores[1][..., 0, 1],
    }.items():
        np.testing.assert_array_equal(found[label].to_numpy(np.float32), values[at])


def test_table_says_where_it_comes_from(tmp_path: Path) -> None:
    given = made(tmp_path / "s.zarr", shapes=[(2,), ()])
    (path,) = convert(given.store, tmp_path / "a.tsv.gz", output="head_0", task=1)
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    head = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
    assert head["model_digest"] == "d" * 64
    assert head["score"] == "difference"
    assert (head["output"], head["task"]) == ("head_0", "1")
    assert path.read_bytes()[4:8] == bytes(4)  # no date
    found = table(path)
    assert list(found)[6:] == ["head_0[1]"]
    assert set(found["chrom"]) == set(found["start"]) == {""}


def test_table_of_one_output(tmp_path: Path) -> None:
    given = made(tmp_path / "s.zarr", shapes=[(2,), (1,)])
    (path,) = convert(given.store, tmp_path / "a.tsv", output="head_0")
    assert list(table(path))[6:] == ["head_0[0]", "head_0[1]"]
    (path,) = convert(given.store, tmp_path / "b.tsv", output="head_1")
    assert list(table(path))[6:] == ["head_1"]
    with pytest.raises(InputError, match="outputs head_0, head_1, expected one"):
        convert(given.store, tmp_path / "c.tsv", task=0)


def test_table_of_wide_sites(tmp_path: Path) -> None:
    one_hot = np.eye(4, dtype=np.int8)[[[0, 0, 0, 1, 2, 3], [0, 1, 1, 1, 1, 0]]]
    given = made(tmp_path / "s.zarr", one_hot=one_hot, length=6, sites=[(0, 3), (2, 4)])
    found = table(convert(given.store, tmp_path / "a.tsv")[0])
    labels = list(zip(found["reference"], found["alternative"], strict=True))
    assert labels == [
        *[("AAA", c) for c in "CGT"], *[("AC", c) for c in "ACGT"],
        *[("ACC", c) for c in "ACGT"], *[("CC", c) for c in "AGT"],
    ]  # fmt: skip
    at = tuple(np.asarray([r[6] for r in rows(given)]).T)
    np.testing.assert_array_equal(found["head_0"].to_numpy(np.float32), given.scores[0][at])


def test_table_holds_names_and_numbers_of_any_kind(tmp_path: Path) -> None:
    names = ['a "b"', '"c', "tab\tbed", "plain", "ñ", "x y", "-"]
    given = made(
        tmp_path / "s.zarr", names=names, letters="TGCA",
        values=lambda shape: np.resize([np.nan, np.inf, -np.inf, 1e-30, 65504.125], shape),
    )  # fmt: skip
    found = table(convert(given.store, tmp_path / "a.tsv")[0])
    assert list(dict.fromkeys(found["name"])) == names
    assert found["reference"].tolist()[0] == "TGCA"[given.one_hot[0, 0].argmax()]
    there = given.one_hot[3].astype(bool)
    wanted = given.scores[0][3][~there]
    got = found["head_0"].to_numpy(np.float32)[(found["name"] == "plain").to_numpy()]
    np.testing.assert_array_equal(got, wanted)


def test_basenji_layout(tmp_path: Path) -> None:
    places = regions(["chr1"] * 6 + ["chr2"], range(0, 70, 10), 12)
    given = made(
        tmp_path / "s.zarr", places=places, shapes=[(3,)], score="log2_ratio(pseudocount=0.1)"
    )
    (path,) = convert(given.store, tmp_path / "scores.h5", "basenji")
    with h5py.File(path) as file:
        data: Any = dict(file)
        assert (data["seqs"].dtype, data["seqs"].shape) == (np.bool_, (7, 12, 4))
        np.testing.assert_array_equal(data["seqs"][:], given.one_hot > 0)
        scores = data["log2_ratio(pseudocount=0.1)"]
        assert (scores.dtype, scores.shape) == (np.float16, (7, 12, 4, 3))
        np.testing.assert_array_equal(scores[:], given.scores[0].astype(np.float16))
        assert data["chr"][:].tolist() == [b"chr1"] * 6 + [b"chr2"]
        assert data["start"][:].tolist() == list(range(0, 70, 10))
        assert data["end"][:].tolist() == list(range(12, 82, 10))
        assert data["strand"][:].tolist() == [b"+"] * 7
        assert [label.decode() for label in data["label"][:]] == [f"région {i}" for i in range(7)]
        assert file.attrs["model_digest"] == "d" * 64
        there = data["seqs"][2]  # as its plots read: the letter that is there, then the others
        relative = scores[2] - scores[2][there][:, None]
        np.testing.assert_array_equal(relative, given.scores[0][2].astype(np.float16))


def test_basenji_holds_the_stretch_that_was_scanned(tmp_path: Path) -> None:
    places = regions(["chr1"] * 7, range(0, 70, 10), 12)
    given = made(
        tmp_path / "s.zarr", places=places, sites=[(3, 4), (7, 8), (4, 5)], shapes=[(2, 2)],
        score="start", signed=False,
    )  # fmt: skip
    with pytest.raises(InputError, match=r"4 tasks \[2, 2\]"):
        convert(given.store, tmp_path / "scores.h5", "basenji")
    (path,) = convert(given.store, tmp_path / "scores.h5", "basenji", task="1,0")
    with h5py.File(path) as file:
        data: Any = dict(file)
        scores = data["start_score"][:]
        assert scores.shape == (7, 5, 4, 1)
        expected = given.scores[0][..., 1, 0].astype(np.float16)
        np.testing.assert_array_equal(scores[..., 0][:, [0, 4, 1]], expected)
        assert not scores[:, 2:4].any()
        np.testing.assert_array_equal(data["seqs"][:], given.one_hot[:, 3:8] > 0)
        assert data["start"][:].tolist() == [10 * i + 3 for i in range(7)]
        assert data["end"][:].tolist() == [10 * i + 8 for i in range(7)]


def test_basenji_without_coordinates(tmp_path: Path) -> None:
    given = made(tmp_path / "s.zarr", score="a/b")
    (path,) = convert(given.store, tmp_path / "scores.h5", "basenji")
    with h5py.File(path) as file:
        assert set(file) == {"seqs", "a_b", "label"}
        assert file["a_b"].shape == (7, 12, 4, 1)  # pyright: ignore
