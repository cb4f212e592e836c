"""Arrays and strings are taken as they are, or not at all; one call opens whatever is given."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ismc.io.sequences.alphabet import codes_of, one_hot_of
from ismc.io.sequences.arrays import from_array, from_strings, open_array
from ismc.io.sequences.fasta import open_fasta
from ismc.io.sequences.open_source import open_source
from ismc.io.sequences.source import Source
from tests.support.comparing import refused

TEXTS = ["ACGTN", "ttgca", "NNNNN", "GATTA"]


def _x(texts: list[str] = TEXTS) -> np.ndarray:
    return np.array([[[a == b for b in "ACGT"] for a in t.upper()] for t in texts], np.int8)


def _same(source: Source, texts: list[str] = TEXTS) -> None:
    for size in (1, 3, 9):
        found = list(source.blocks(size, lambda i: i != 1))
        assert [i for i, _ in found] == [i for i in range(-(-len(texts) // size)) if i != 1]
        for i, block in found:
            assert block.dtype == np.int8
            np.testing.assert_array_equal(block, _x(texts)[i * size : (i + 1) * size])
    np.testing.assert_array_equal(source.one_hot(1, 3), _x(texts)[1:3])
    again = pickle.loads(pickle.dumps(source))  # noqa: S301
    np.testing.assert_array_equal(again.one_hot(0, 99), _x(texts))


def test_every_character_has_its_channels() -> None:
    codes = np.arange(256, dtype=np.uint8).reshape(2, 128)
    rows = one_hot_of(codes)
    assert rows.shape == (2, 128, 4)
    assert rows.sum() == 8
    for i, letter in enumerate("ACGT"):
        assert rows.reshape(256, 4)[[ord(letter), ord(letter.lower())], i].tolist() == [1, 1]
    np.testing.assert_array_equal(one_hot_of(codes_of(rows)), rows)


@pytest.mark.parametrize(
    "dtype", [bool, np.int8, np.uint16, np.int64, np.float16, np.float32, float]
)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_arrays_of_any_numbers(tmp_path: Path, dtype: Any, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    np.save(path, _x().astype(dtype)) if suffix == ".npy" else np.savez(path, _x().astype(dtype))
    source = open_array(path)
    assert (source.path, source.length, source.coordinates) == (path, 5, None)
    assert source.names == ("record_0", "record_1", "record_2", "record_3")
    assert not source.notes
    assert not source.problems
    _same(source)


def test_formats_with_the_same_records_have_the_same_digest(tmp_path: Path) -> None:
    fasta = tmp_path / "x.fa"
    fasta.write_text("".join(f">record_{i}\n{text}\n" for i, text in enumerate(TEXTS)))
    sources = [open_fasta(fasta), from_strings(TEXTS), from_array(_x()), from_array(_x() == 1)]
    assert len({source.digest for source in sources}) == 1
    assert from_array(_x(), names=list("abcd")).digest != sources[0].digest
    assert from_array(_x()[::-1]).digest != sources[0].digest


def test_channels_before_positions_are_turned_and_noted(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", _x().transpose(0, 2, 1))
    source = open_array(tmp_path / "x.npy")
    _same(source)
    assert source.one_hot(0, 4).flags.c_contiguous
    assert "x.npy is [B, 4, L]" in source.notes[0]
    square = from_array(np.eye(4)[None, [1, 0, 2, 2]])
    assert not square.notes
    np.testing.assert_array_equal(square.one_hot(0, 1), np.eye(4)[None, [1, 0, 2, 2]])


def test_one_of_several_arrays(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, x=_x(), y=np.zeros(3), names=np.array(list("abcd")))
    _same(open_array(path))
    np.savez(path, one=_x()[:1], two=_x(), y=np.zeros(3))
    refused(
        lambda: open_array(path), "2 arrays with three axes (one, two)", "x.npz:KEY", "one, two, y"
    )
    _same(open_array(f"{path}:two"))
    refused(lambda: open_array(f"{path}:three"), "has no array 'three'", "one, two, y")
    np.savez(path, y=np.zeros(3))
    refused(lambda: open_array(path), "0 arrays with three axes")


@pytest.mark.parametrize(
    "row", [[1, 1, 0, 0], [0.5, 0.5, 0, 0], [0, 2, 0, 0], [np.nan, 0, 0, 1], [1, -1, 1, 0]]
)
def test_rows_that_are_not_one_hot(tmp_path: Path, row: list[float]) -> None:
    x = _x().astype(float)
    x[1, 3] = x[2, 0] = row
    np.save(tmp_path / "x.npy", x)
    value = ", ".join(f"{v:g}" for v in row)
    text = refused(
        lambda: open_array(tmp_path / "x.npy"), "x.npy", f"record 1 has [{value}] at position 3"
    )
    assert "record 2" in text
    source = open_array(tmp_path / "x.npy", "skip")
    assert source.names == ("record_0", "record_3")
    assert source.problems[1] == f"record 2 has [{value}] at position 0"
    _same(source, [TEXTS[0], TEXTS[3]])
    x[:] = 7
    np.save(tmp_path / "x.npy", x)
    refused(lambda: open_array(tmp_path / "x.npy", "skip"), "no record can be used", "record 0")


def test_arrays_larger_than_a_block_are_checked_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ismc.io.sequences.arrays.MAX_BLOCK_BYTES", 100)
    _same(from_array(_x()))
    x = _x()
    x[3, 4] = 1
    refused(lambda: from_array(x), "record 3 has [1, 1, 1, 1] at position 4")


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros((2, 5, 3)), "shape (2, 5, 3)"),
        (np.zeros((5, 4)), "shape (5, 4)"),
        (np.zeros((0, 5, 4)), "shape (0, 5, 4)"),
        (np.zeros((2, 0, 4)), "shape (2, 0, 4)"),
        (np.zeros((2, 5, 4), complex), "dtype complex128"),
        (np.zeros((2, 5, 4), "U1"), "dtype <U1"),
    ],
)
def test_other_arrays(tmp_path: Path, x: np.ndarray, words: str) -> None:
    np.save(tmp_path / "x.npy", x)
    refused(lambda: open_array(tmp_path / "x.npy"), "x.npy", words, "expected")


@pytest.mark.parametrize("save", [np.save, np.savez])
def test_damaged_arrays(tmp_path: Path, save: Any) -> None:
    path = tmp_path / ("x.npy" if save is np.save else "x.npz")
    save(path, _x())
    path.write_bytes(path.read_bytes()[:-30])
    refused(lambda: open_array(path), path.name, "cannot be read", "expected")
    path.write_bytes(b"")
    refused(lambda: open_array(path), path.name, "is empty", "expected")
    path.write_bytes(b">a\nACGT\n")
    refused(lambda: open_array(path), path.name, "cannot be read", "expected")
    path.unlink()
    refused(lambda: open_array(path), path.name, "does not exist")
    refused(lambda: open_array(tmp_path), "is a directory")


def test_pickled_objects_are_not_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([None, {}]), allow_pickle=True)
    refused(lambda: open_array(tmp_path / "x.npy"), "cannot be read")


def test_strings() -> None:
    _same(from_strings(TEXTS))
    assert from_strings(TEXTS, list("abcd")).names == tuple("abcd")
    coded = from_strings(["ACR", "ACG"], ambiguous="n")
    _same(coded, ["ACN", "ACG"])
    assert "1 record with letters other than ACGTN" in coded.notes[0]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["ACGT", "ACXT", "ACGT"], "'record_1' has 'X' at position 2"),
        (["ACGT", "AéGT", "ACGT"], "'record_1' has 'é' at position 1"),
        (["ACGT", "ACRT", "ACGT"], "'record_1' has 'R' at position 2"),
        (["ACGT", "", "ACGT"], "'record_1' has no letters"),
        (["ACGT", "ACG", "ACGT"], "'record_1' has 3 letters, expected 4"),
    ],
)
def test_bad_strings(texts: list[str], words: str) -> None:
    refused(lambda: from_strings(texts), words)
    source = from_strings(texts, on_error="skip")
    assert source.names == ("record_0", "record_2")
    assert source.problems[0].startswith(words)


def test_names_and_types_of_strings() -> None:
    refused(lambda: from_strings("ACGT"), "not a list of strings")  # a string is a list of letters
    refused(lambda: from_strings([1]), "not a list of strings")  # type: ignore[list-item]
    refused(lambda: from_strings([]), "no sequences")
    refused(lambda: from_strings(["A", "C"], ["a"]), "1 names, expected 2")
    refused(lambda: from_strings(["A", "C"], ["a", "a"]), "'a' repeated")
    refused(lambda: from_array(_x(), ["a", "a", "b", ""]), "'a' repeated")


def test_one_call_opens_what_is_given(tmp_path: Path) -> None:
    fasta, array, bed = tmp_path / "x.fa", tmp_path / "x.npy", tmp_path / "x.bed"
    fasta.write_text(">a\nACGTR\n>b\nAC\n")
    np.save(array, _x())
    bed.write_text("a\t0\t5\n")
    source = open_source(fasta=fasta, length=5, on_error="skip", ambiguous="n")
    assert source.names == ("a",)
    _same(open_source(array=array))
    regions = open_source(bed=bed, genome=fasta, length=3)
    assert regions.names == ("a:1-4",)
    assert not open_source(bed=str(bed), genome=str(fasta), length=5).notes[:-1]
    refused(lambda: open_source(bed=bed, genome=fasta, length=9, ends="skip"), "no region remains")
    refused(open_source, "no input", "--fasta, --bed and --array")
    refused(lambda: open_source(fasta=fasta, bed=bed), "--fasta and --bed", "expected one")
    refused(lambda: open_source(bed=bed, length=3), "x.bed have no genome", "--genome", "bgzip")
    refused(lambda: open_source(bed=bed, genome=fasta), "length", "x.bed", "--length")
    refused(lambda: open_source(array=array, length=7), "sequences of 5 letters, expected 7")
    refused(lambda: open_source(array=array, length=-1), "length is -1")
