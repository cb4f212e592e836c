"""Sequences are read from FASTA as they stand there, or not at all."""

from __future__ import annotations

import gzip
import os
import pickle
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from Bio import bgzf

from ismc.errors import InputError, IsmcError
from ismc.io.sequences.fasta import open_fasta, read_fasta

TEXT = ">first a gene\nACGT\nnN\n\n>second\nttttaa\n"
EYE = np.eye(4, dtype=np.float32)


def _fails(path: Path, *words: str, length: int | None = None) -> str:
    """Reading raises an `InputError` with a hint that names the file and holds every word."""
    with pytest.raises(InputError) as caught:
        read_fasta(path, length)
    text = str(caught.value)
    missing = [word for word in (path.name, "Hint:", *words) if word not in text]
    assert not missing, f"{missing} not in: {text}"
    return text


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    return tmp_path / "sequences.fa"


def test_letters_cases_unknown_and_wrapped_lines(fasta: Path) -> None:
    fasta.write_text(TEXT)
    records = read_fasta(fasta, 6)
    assert records.names == ("first", "second")
    assert records.one_hot.shape == (2, 6, 4)
    assert records.one_hot.dtype == np.float32
    np.testing.assert_array_equal(records.one_hot[0], [*EYE, np.zeros(4), np.zeros(4)])
    np.testing.assert_array_equal(records.one_hot[1], EYE[[3, 3, 3, 3, 0, 0]])


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("packed", [lambda b: b, gzip.compress, None], ids=["plain", "gz", "bgz"])
def test_line_ends_and_compression(fasta: Path, ends: str, packed: Any) -> None:
    data = TEXT.replace("\n", ends).encode()
    if packed:
        fasta.write_bytes(packed(data))
    else:
        with bgzf.BgzfWriter(fasta) as file:
            file.write(data)
    records = read_fasta(fasta)
    assert records.names == ("first", "second")
    np.testing.assert_array_equal(records.one_hot[1], EYE[[3, 3, 3, 3, 0, 0]])


def test_nothing_is_left_beside_the_file(fasta: Path) -> None:
    fasta.write_text(TEXT)
    read_fasta(fasta)
    assert list(fasta.parent.iterdir()) == [fasta]


def test_byte_order_mark_last_line_without_end_and_spaces(fasta: Path) -> None:
    fasta.write_bytes("\ufeff\n>a\nAC GT \n>b\nACGN".encode())
    np.testing.assert_array_equal(read_fasta(fasta).one_hot[0], EYE)


@pytest.mark.parametrize("letter", ["R", "u", "-", "*", ">", "1", "é"])
def test_other_letters_are_placed(fasta: Path, letter: str) -> None:
    fasta.write_text(f">a\nACGT\nAC\n>b x\r\nAC\r\nGT{letter}A\n", encoding="utf-8", newline="")
    _fails(fasta, "record 'b'", repr(letter), "line 6", "column 3", "A, C, G, T or N", length=6)


def test_letters_in_compressed_files_are_placed(fasta: Path) -> None:
    fasta.write_bytes(gzip.compress(b">a\nACGT\n>b\n  ACQT\n"))
    _fails(fasta, "record 'b'", "'Q'", "line 4", "column 5")


def test_several_problems_are_told_at_once(fasta: Path) -> None:
    fasta.write_text(">a\nARGY\n>a\nACG\n>\nACGT\n>e\n")
    text = _fails(fasta, "'R' at line 2, column 2", "'Y' at line 2, column 4", "(and 1 more)")
    for words in ("2 records have the name 'a' (lines 1, 3)", "headers are empty (lines 5)"):
        assert words in text
    assert "record 'a' (line 3) has 3 letters, expected 4, as most records have" in text
    assert "'e'" not in text


def test_many_problems_are_counted(fasta: Path) -> None:
    fasta.write_text(">a\n" + 100 * "X" + "\n")
    assert _fails(fasta, "column 5,", "(and 95 more)").count("'X'") == 5


def test_wrong_lengths_are_listed(fasta: Path) -> None:
    fasta.write_text("".join(f">s{i}\n{'A' * i}\n" for i in range(3, 11)))
    text = _fails(fasta, "'s3' (line 1) has 3 letters, expected 5", "(and 2 more)", length=5)
    assert text.count("expected 5") == 5
    assert "'s5'" not in text
    assert "'s10'" not in text


def test_the_record_that_differs_from_most_is_the_wrong_one(fasta: Path) -> None:
    fasta.write_text(">long\nACGTACGT\n>a\nACGT\n>b\nACGT\n")
    text = _fails(fasta, "record 'long' (line 1) has 8 letters, expected 4, as most records have")
    assert "'a'" not in text


def test_the_length_may_be_given(fasta: Path) -> None:
    fasta.write_text(TEXT)
    assert read_fasta(fasta, 6).length == 6
    _fails(fasta, "'first'", "'second'", "has 6 letters, expected 7", length=7)


def test_records_without_letters(fasta: Path) -> None:
    fasta.write_text(">a\n>b\n")
    _fails(fasta, "record 'a' (line 1) has no letters", "record 'b' (line 2) has no letters")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("is empty", "expected FASTA records", ">name")),
        ("\n \n", ("only blank lines", ">name")),
        ("\nACGT\n>a\nACGT\n", ("begins with 'ACGT' at line 2", "expected '>name'")),
        ("; comment\n>a\nACGT\n", ("begins with '; comment' at line 1", "expected '>name'")),
    ],
)
def test_no_records(fasta: Path, text: str, words: tuple[str, ...]) -> None:
    fasta.write_text(text)
    _fails(fasta, *words)


def test_missing_files_and_directories(tmp_path: Path) -> None:
    _fails(tmp_path / "none.fa", "does not exist", "expected a FASTA file")
    _fails(tmp_path, "is a directory", "expected a FASTA file")


def test_unreadable_files(fasta: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    fasta.write_text(TEXT)
    monkeypatch.setattr(Path, "open", refuse)
    _fails(fasta, "cannot be read (Permission denied)", "permissions")


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b[:12] + b"\xff\xff" + b[14:]])
def test_damaged_compression(fasta: Path, damage: Any) -> None:
    fasta.write_bytes(damage(gzip.compress(TEXT.encode())))
    _fails(fasta, "is damaged", "expected a complete gzip file", "Copy or download")


def test_the_library_is_named_when_it_is_missing(
    fasta: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fasta.write_text(TEXT)
    monkeypatch.setitem(sys.modules, "Bio.SeqIO.FastaIO", None)
    with pytest.raises(IsmcError, match=r"'Bio'(.|\n)*pip install 'ismc\[cli\]'"):
        read_fasta(fasta)


BAD = ">a\nACGT\n>b\nACRT\nX\n>a\nCCCC\n>\nGGGG\n>c\nAC\n>d\ntttt\n"


def test_bad_records_are_left_out_and_listed(fasta: Path) -> None:
    fasta.write_text(BAD)
    source = open_fasta(fasta, on_error="skip")
    assert source.names == ("a", "d")
    assert (source.length, source.coordinates, source.path) == (4, None, fasta)
    assert source.problems == (
        "record 'b' (line 3) has 'R' at line 4, column 3, 'X' at line 5, column 1, expected A, C, "
        "G, T or N",
        "record 'a' (line 6) has the name of the record of line 1",
        "the header of line 8 is empty, expected '>name'",
        "record 'c' (line 10) has 2 letters, expected 4, as most records have",
    )
    np.testing.assert_array_equal(source.one_hot(0, 2), EYE[[[0, 1, 2, 3], [3, 3, 3, 3]]])


def test_of_equal_names_the_first_good_one_is_kept(fasta: Path) -> None:
    fasta.write_text(">a\nAC-T\n>a\nCCCC\n>a\nGGGG\n>b\nGGGG\n")
    source = open_fasta(fasta, on_error="skip")
    assert source.names == ("a", "b")
    assert "'a' (line 5) has the name of the record of line 3" in source.problems[1]
    np.testing.assert_array_equal(source.one_hot(0, 1)[0], EYE[[1, 1, 1, 1]])


def test_files_without_a_good_record_stop_even_if_records_may_be_left_out(fasta: Path) -> None:
    fasta.write_text(">a\nXX\n>b\nYY\n")
    with pytest.raises(InputError, match=r"no record can be used: record 'a' \(line 1\) has 'X'"):
        open_fasta(fasta, on_error="skip")


def test_damage_stops_even_if_records_may_be_left_out(fasta: Path) -> None:
    fasta.write_bytes(gzip.compress(TEXT.encode())[:-9])
    with pytest.raises(InputError, match="is damaged"):
        open_fasta(fasta, on_error="skip")


def test_codes_of_iupac_are_an_error_or_unknown(fasta: Path) -> None:
    fasta.write_text(">a\nACRk\n>b\nACGT\n>c\nNNNB\n")
    _fails(fasta, "'R' at line 2, column 3", "'k' at line 2, column 4", "--ambiguous n")
    source = open_fasta(fasta, ambiguous="n")
    np.testing.assert_array_equal(source.one_hot(0, 1)[0, 2:], np.zeros((2, 4)))
    (note,) = source.notes
    assert note == (
        "2 records with letters other than ACGTN, which are read as N: record 'a' (line 1), "
        "record 'c' (line 5)"
    )
    fasta.write_text(">a\nACRk\n>b\nAC-R\n")
    with pytest.raises(InputError, match=r"'-' at line 4, column 3, expected") as caught:
        open_fasta(fasta, ambiguous="n")
    assert "'R'" not in str(caught.value)
    assert "--ambiguous" not in str(caught.value)


@pytest.mark.parametrize("options", [{"on_error": "go"}, {"ambiguous": "x"}, {"length": 0}])
def test_wrong_options(fasta: Path, options: dict) -> None:
    fasta.write_text(TEXT)
    with pytest.raises(InputError, match="expected"):
        open_fasta(fasta, **options)


@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_blocks_are_the_good_records_in_order(fasta: Path, size: int) -> None:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGTNacgtn"), 30)) for _ in range(20)]
    texts[4] = texts[11] = "X"
    fasta.write_text("".join(f">r{i}\n{t[:13]}\n{t[13:]}\n" for i, t in enumerate(texts)))
    source = open_fasta(fasta, on_error="skip")
    good = [t.upper() for i, t in enumerate(texts) if i not in (4, 11)]
    want = np.array([[[a == b for b in "ACGT"] for a in text] for text in good], np.int8)
    found = list(source.blocks(size, lambda i: i % 2 == 0))
    assert [i for i, _ in found] == list(range(0, -(-18 // size), 2))
    for i, block in found:
        assert block.dtype == np.int8
        np.testing.assert_array_equal(block, want[i * size : (i + 1) * size])
    np.testing.assert_array_equal(np.concatenate([b for _, b in source.blocks(size)]), want)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).one_hot(5, 99), want[5:])  # noqa: S301
    assert source.one_hot(3, 3).shape == (0, 30, 4)


def test_the_digest_is_of_names_and_letters(fasta: Path) -> None:
    def digest(text: str, **options: Any) -> str:
        fasta.write_text(text)
        return open_fasta(fasta, **options).digest

    first = digest(">a\nACGT\n>b\nNNAA\n")
    assert len(first) == 64
    assert first == digest(">a x\r\nac\r\ngt\r\n>b\r\nnnaa")
    assert first == digest(">a\nACGT\n>c\nA\n>b\nNNAA\n", on_error="skip")
    others = [">b\nACGT\n>a\nNNAA\n", ">a\nACGT\n>b\nNNAC\n", ">a\nACGT\n", ">aA\nCGT\n>bN\nNAA\n"]
    assert len({first, *map(digest, others)}) == 5


@pytest.mark.parametrize("text", [">a\nAC\n>b\nGT\n>c\nAC\n", ">a\nAC\n>c\nGG\n", ">a\nAC\n"])
def test_files_that_change_meanwhile_are_not_read(fasta: Path, text: str) -> None:
    fasta.write_text(">a\nAC\n>b\nGT\n")
    source = open_fasta(fasta)
    fasta.write_text(text)
    with pytest.raises(InputError, match="changed after it was checked"):
        list(source.blocks(1))


def test_touched_files_are_not_read(fasta: Path) -> None:
    fasta.write_text(">a\nAC\n")
    source = open_fasta(fasta)
    os.utime(fasta, ns=(0, 0))
    with pytest.raises(InputError, match="changed after it was checked"):
        source.one_hot(0, 1)


def test_memory_does_not_grow_with_the_letters(fasta: Path) -> None:
    count, length = 20_000, 1000
    line = "ACGTTGCAAC" * (length // 10) + "\n"
    with fasta.open("w") as file:
        file.writelines(f">record_{i}\n{line}" for i in range(count))
    tracemalloc.start()
    try:
        source = open_fasta(fasta)
        done = sum(len(block) for _, block in source.blocks(32))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert done == count
    assert peak < fasta.stat().st_size / 3, f"{peak:,} bytes"  # names, 48 bytes each, and a block
