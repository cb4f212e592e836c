"""Sequences are read from FASTA as they stand there, or not at all."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
import pytest
from Bio import bgzf

from ismc.errors import InputError, IsmcError
from ismc.io.fasta import read_fasta

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
def test_line_ends_and_compression(fasta: Path, ends: str, packed: object) -> None:
    data = TEXT.replace("\n", ends).encode()
    if callable(packed):
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
def test_damaged_compression(fasta: Path, damage: object) -> None:
    assert callable(damage)
    fasta.write_bytes(damage(gzip.compress(TEXT.encode())))
    _fails(fasta, "is damaged", "expected a whole gzip file", "Copy or download")


def test_the_library_is_named_when_it_is_missing(
    fasta: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fasta.write_text(TEXT)
    monkeypatch.setitem(sys.modules, "Bio.SeqIO.FastaIO", None)
    with pytest.raises(IsmcError, match=r"'Bio'(.|\n)*pip install 'ismc\[cli\]'"):
        read_fasta(fasta)
