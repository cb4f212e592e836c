"""Regions are the letters of the genome around their centres; the genome is read at any place."""

from __future__ import annotations

import gzip
import multiprocessing
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from Bio import bgzf

from ismc.io.sequences.genome import Genome
from ismc.io.sequences.regions import open_regions
from ismc.io.sequences.source import Source
from tests.support.comparing import refused

SIZES = {"chr1": 997, "chr2": 120, "chrM": 61, "chr3": 60, "scaffold.1": 7}
LENGTH = 50


def _letters(seed: int = 0) -> dict[str, str]:
    rng = np.random.default_rng(seed)
    return {name: "".join(rng.choice(list("ACGTacgtN"), n)) for name, n in SIZES.items()}


GENOME = _letters()


def _text(letters: dict[str, str], end: str = "\n") -> bytes:
    parts = []
    for name, text in letters.items():
        parts += [f">{name} of a test", *(text[i : i + 60] for i in range(0, len(text), 60))]
    return (end.join(parts) + end).encode()


def _window(chrom: str, start: int, length: int = LENGTH) -> str:
    text = GENOME[chrom].upper()
    places = range(start, start + length)
    return "".join(text[i] if 0 <= i < len(text) else "N" for i in places)


def _is(source: Source, *windows: tuple[str, int]) -> None:
    """The source has these windows, by chromosome and start, and says so."""
    texts = [_window(*window, source.length) for window in windows]
    want = np.array([[[a == b for b in "ACGT"] for a in text] for text in texts], np.int8)
    np.testing.assert_array_equal(source.one_hot(0, len(texts) + 9), want)
    np.testing.assert_array_equal(np.concatenate([b for _, b in source.blocks(2)]), want)
    at = source.coordinates
    assert at is not None
    assert at.chrom.tolist() == [chrom for chrom, _ in windows]
    assert at.start.tolist() == [start for _, start in windows]
    assert at.end.tolist() == [start + source.length for _, start in windows]
    assert at.genome == "genome.fa"
    assert at.start.dtype == at.end.dtype == at.summit.dtype == np.int64
    np.testing.assert_array_equal(at.summit, at.start + source.length // 2)


@pytest.fixture
def genome(tmp_path: Path) -> Path:
    path = tmp_path / "genome.fa"
    path.write_bytes(_text(GENOME))
    return path


@pytest.fixture
def opened(tmp_path: Path, genome: Path) -> Callable[..., Any]:
    """Opens lines of a BED file with the genome."""

    def call(text: str | bytes, length: int = LENGTH, name: str = "x.bed", **options: Any) -> Any:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return open_regions(path, genome, length, **options)

    return call


@pytest.mark.parametrize("length", [1, 2, 49, 50, 51])
def test_windows_are_around_the_middle(opened: Any, length: int) -> None:
    source = opened("chr1\t100\t200\nchr2\t50\t53\nchr1\t300\t301\n", length)
    half = length // 2
    _is(source, ("chr1", 150 - half), ("chr2", 51 - half), ("chr1", 300 - half))
    assert source.names[0] == f"chr1:{150 - half}-{150 - half + length}"
    assert source.coordinates.summit.tolist() == [150, 51, 300]
    assert source.coordinates.strand.tolist() == [".", ".", "."]


def test_random_regions_are_slices_of_the_genome(opened: Any) -> None:
    rng = np.random.default_rng(1)
    lines, windows = [], []
    for _ in range(200):
        chrom = str(rng.choice(list(SIZES)))
        start = int(rng.integers(0, SIZES[chrom]))
        end = int(rng.integers(start + 1, SIZES[chrom] + 1))
        if (chrom, start, end) not in lines:
            lines.append((chrom, start, end))
            windows.append((chrom, (start + end) // 2 - 15))
    source = opened("".join(f"{c}\t{s}\t{e}\n" for c, s, e in lines), 30)
    _is(source, *windows)
    assert len(set(source.names)) == len(lines)


def test_both_ends_of_a_chromosome_are_padded_or_left_out(opened: Any) -> None:
    text = "chr1\t0\t10\nchr2\t50\t70\nchr1\t987\t997\nchr3\t0\t60\nscaffold.1\t0\t7\nchr3\t5\t55\n"
    source = opened(text)
    windows = [("chr1", -20), ("chr2", 35), ("chr1", 967)]
    _is(source, *windows, ("chr3", 5), ("scaffold.1", -22), ("chr3", 5))
    (note,) = source.notes
    assert note == (
        "3 regions past the end of a chromosome, padded with N: chr1:-20-30 (line 1), "
        "chr1:967-1017 (line 3), scaffold.1:-22-28 (line 5)"
    )
    assert source.names[0] == "chr1:-20-30"
    assert source.names[3:] == ("chr3:5-55", "scaffold.1:-22-28", "chr3:5-55_2")
    left = opened(text, ends="skip")
    _is(left, ("chr2", 35), ("chr3", 5), ("chr3", 5))
    assert left.notes[0] == note.replace("padded with N", "skipped")
    assert not left.problems


def test_exact_fit_is_not_padded(opened: Any) -> None:
    source = opened("chr1\t0\t50\nchr1\t947\t997\n", ends="skip")
    _is(source, ("chr1", 0), ("chr1", 947))
    assert not source.notes


def _peak(start: int, end: int, summit: object, name: str = ".") -> str:
    return f"chr1\t{start}\t{end}\t{name}\t0\t+\t1.5\t-1\t2e-3\t{summit}\n"


@pytest.mark.parametrize("name", ["x.bed", "x.narrowPeak", "x.narrowpeak.gz"])
def test_summits(opened: Any, name: str) -> None:
    text = (_peak(100, 300, 7) + _peak(100, 300, -1) + _peak(100, 300, 199)).encode()
    source = opened(gzip.compress(text) if name.endswith("gz") else text, name=name)
    _is(source, ("chr1", 82), ("chr1", 175), ("chr1", 274))
    assert source.coordinates.strand.tolist() == ["+", "+", "+"]
    assert not source.notes


def test_summits_outside_and_missing(opened: Any) -> None:
    bad = _peak(100, 300, 200) + _peak(100, 300, -2) + _peak(100, 300, "x") + "chr1\t1\t2\n"
    words = (
        "line 1: summit 200 is outside its region of 200 letters", "line 2: summit -2 is outs",
        "line 3: summit 'x' in column 10", "line 4: summit ''",
    )  # fmt: skip
    refused(lambda: opened(bad, name="x.narrowPeak"), *words)
    refused(lambda: opened(_peak(100, 300, 200)), "line 1: summit 200 is outside")


@pytest.mark.parametrize("last", ["1", "x", "-7"])
def test_ten_columns_that_are_no_peak(opened: Any, last: str) -> None:
    middle = "0\t0\t255,0,0" if last == "1" else "0\t0\t0"
    _is(opened(f"chr1\t100\t300\ta\t0\t+\t{middle}\t{last}\n"), ("chr1", 175))


def test_all_widths_of_bed(opened: Any) -> None:
    fields = ["chr1", "100", "200", "a", "5", "-", "110", "120", "0", "2", "10,20", "0,80"]
    for width in range(3, 13):
        if width in (10, 11):
            continue  # no BED, by its definition
        source = opened("\t".join(fields[:width]) + "\n")
        _is(source, ("chr1", 125))
        assert source.names == (("chr1:125-175",) if width < 4 else ("a",))
        assert source.coordinates.strand.tolist() == (["."] if width < 6 else ["-"])
        assert [*source.notes] == [
            "1 region on the strand '-': letters and scores are those of the forward strand"
        ] * (width > 5)


def test_comments_blank_lines_and_line_ends(opened: Any) -> None:
    text = (
        '\ufefftrack name=x description="a b"\n# a\tb\tc\n\nbrowser position chr1:1-2\n'
        "chr1\t100\t200\n  \t\n#\nchr2\t50\t52\n\nchr1\t9\n"
    )
    for end in ("\n", "\r\n", "\r"):
        source = opened(text.replace("\n", end), on_error="skip")
        _is(source, ("chr1", 125), ("chr2", 26))
        assert source.problems == ("line 10: has 2 columns, expected 3 or more, separated by tabs",)
    _is(opened('chr1\t100\t200\t"a\nchr2\t50\t52\tb"'), ("chr1", 125), ("chr2", 26))
    long = "\t".join(["chr1", "100", "200", *40 * ["a"]])
    _is(opened(f"chr1\t90\t210\n{long}\nchr2\t50\t52"), ("chr1", 125), ("chr1", 125), ("chr2", 26))


def test_spaces_between_columns(opened: Any) -> None:
    _is(opened("track a\nchr1 100   200 a\n\n chr2\t50 52 b \n"), ("chr1", 125), ("chr2", 26))
    text = "chr1\t100\t200\tmy gene\nchr2\t50\t52\tother\n"
    assert opened(text).names == ("my gene", "other")
    refused(
        lambda: opened("chr1\t100\t200\nchr2 50 52\n"), "line 2: has 1 column, expected 3", "tabs"
    )


def test_names_of_column_four(opened: Any) -> None:
    assert opened("chr1\t100\t200\tb\nchr2\t50\t52\ta\n").names == ("b", "a")
    source = opened("chr1\t100\t200\tb\nchr2\t50\t52\tb\nchr2\t50\t53\tc\n")
    assert source.names == ("chr1:125-175", "chr2:26-76", "chr2:26-76_2")
    why = "column 4 is not used for names, as some are repeated: 'b' on lines 1, 2"
    assert source.notes == (why,)
    source = opened("chr1\t100\t200\tb\nchr2\t50\t52\t.\n")
    assert source.names == ("chr1:125-175", "chr2:26-76")
    assert source.notes == ("column 4 is not used for names, as some are missing: line 2",)
    assert not opened("chr1\t100\t200\t.\nchr2\t50\t52\t.\n").notes


BAD = (
    "chr1\t100\t200\n"
    "chr9\t1\t2\n"
    "chr1\t200\t200\n"
    "chr1\t300\t200\n"
    "chr1\t990\t998\n"
    "chr1\t-5\t10\n"
    "chr1\t1.0\t10\n"
    "chr1\t1\tx\n"
    "chr1\n"
    "\t1\t2\n"
    "chr2\t50\t52\n"
)
REASONS = (
    "line 2: chromosome 'chr9' is not in genome.fa",
    "line 3: start 200 is not before end 200",
    "line 4: start 300 is not before end 200",
    "line 5: end 998 is beyond the end of chr1, which has 997 letters",
    "line 6: start -5 is negative, expected 0 or more",
    "line 7: start '1.0' is not an integer",
    "line 8: end 'x' is not an integer",
    "line 9: has 1 column, expected 3 or more, separated by tabs",
    "line 10: column 1 is empty",
)


def test_bad_lines_stop_or_are_left_out(opened: Any) -> None:
    text = refused(lambda: opened(BAD), "x.bed", *REASONS[:5], "(and 4 more)", "chr1, chr2, chrM")
    assert "line 7" not in text
    source = opened(BAD, on_error="skip")
    _is(source, ("chr1", 125), ("chr2", 26))
    assert source.problems == REASONS
    for line, reason in zip(BAD.splitlines()[1:-1], REASONS, strict=True):
        refused(lambda line=line: opened(line + "\n"), "line 1", reason.partition(": ")[2])
    none = "".join(BAD.splitlines(keepends=True)[1:-1])
    refused(lambda: opened(none, on_error="skip"), "no record can be used", "line 1: chrom")


@pytest.mark.parametrize(
    ("asked", "there"),
    [("1", "chr1"), ("MT", "chrM"), ("M", "chrM"), ("chrscaffold.1", "scaffold.1")],
)
def test_other_names_of_chromosomes(opened: Any, asked: str, there: str) -> None:
    refused(
        lambda: opened(f"chr1\t1\t2\n{asked}\t1\t2\n"),
        f"line 2: chromosome {asked!r} is not in genome.fa, which has {there!r}",
        f"The same chromosome is {there!r} in the genome and {asked!r} here",
    )


def test_headers_without_a_mark(opened: Any) -> None:
    refused(
        lambda: opened("chrom\tstart\tend\nchr1\t1\t2\n"), "line 1: start 'start'", "begin with #"
    )


def test_order_is_kept_and_duplicates_are_taken_once(opened: Any) -> None:
    a, b, c = "chr2\t50\t52\n", "chr1\t300\t400\n", "chr1\t100\t200\n"
    source = opened(a + b + c + a + b + a)
    _is(source, ("chr2", 26), ("chr1", 325), ("chr1", 125))
    assert source.notes == (
        "3 duplicate regions, each kept once: line 4 (as line 1), line 5 (as line 2), line 6 "
        "(as line 1)",
    )
    many = opened("chr1\t300\t400\n" * 10)
    assert many.notes[0].endswith("line 6 (as line 1) (and 4 more)")
    assert len(many.notes[0].places) == 9


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "x.bed is empty, expected regions"),
        ("\n# a\n\n", "x.bed holds only comments and blank lines"),
        (gzip.compress(b"chr1\t1\t2\n" * 9, mtime=0)[:-6], "x.bed is damaged"),
        (bytes(range(128, 256)), "line 1: has 1 column"),
    ],
)
def test_empty_and_damaged_files(opened: Any, text: Any, words: str) -> None:
    refused(lambda: opened(text), words)
    refused(lambda: opened(text, on_error="skip"), words)


def test_missing_files(tmp_path: Path, genome: Path) -> None:
    refused(
        lambda: open_regions(tmp_path / "no.bed", genome, 5), "no.bed does not exist", "regions"
    )
    refused(lambda: open_regions(tmp_path, genome, 5), "is a directory")


@pytest.mark.parametrize("options", [{"length": 0}, {"on_error": "no"}, {"ends": "cut"}])
def test_wrong_options(opened: Any, options: dict[str, Any]) -> None:
    refused(lambda: opened("chr1\t1\t2\n", **options), "expected")


def test_the_digest_is_of_names_letters_and_places(opened: Any) -> None:
    digest = opened("chr1\t100\t200\n").digest
    assert digest == opened("#\r\nchr1 100 200\n").digest
    assert digest == opened("chr1\t100\t200\nchr9\t1\t2\n", on_error="skip").digest
    others = [
        "chr1\t100\t200\ta\n",
        "chr1\t100\t202\n",
        "chr1\t100\t200\t.\t0\t-\n",
        "chr2\t50\t52\n",
    ]
    assert len({digest, *(opened(text).digest for text in others)}) == 5


def test_other_letters_of_the_genome(tmp_path: Path) -> None:
    path, bed = tmp_path / "genome.fa", tmp_path / "x.bed"
    path.write_text(">a\nACGTRykACGT\n")
    bed.write_text("a\t3\t4\na\t7\t11\n")
    source = open_regions(bed, path, 4)
    assert source.one_hot(0, 1)[0].tolist() == [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0] * 4]
    assert source.notes == (
        "1 window with letters of genome.fa other than ACGTN, which are read as N: a:1-5",
    )
    path.write_text(">a\nACGTACG*ACGT\n")
    refused(lambda: open_regions(bed, path, 4), "genome.fa has '*' in a:7-11", "IUPAC")


def _brute(genome: Genome, letters: dict[str, str]) -> None:
    assert genome.lengths == {name: len(text) for name, text in letters.items()}
    rng = np.random.default_rng(2)
    for _ in range(300):
        name = str(rng.choice(list(letters)))
        start = int(rng.integers(-40, len(letters[name]) + 40))
        end = start + int(rng.integers(0, 150))
        text, places = letters[name].upper(), range(start, end)
        want = "".join(text[i] if 0 <= i < len(text) else "N" for i in places)
        assert genome.codes(name, start, end).tobytes().decode() == want


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_genome_at_any_place(tmp_path: Path, end: str, packed: bool) -> None:
    letters = {**GENOME, "big": "".join(np.random.default_rng(3).choice(list("ACGT"), 150_000))}
    path = tmp_path / ("genome.fa.gz" if packed else "genome.fa")
    path.write_bytes(_text(letters, end))
    if packed:
        with bgzf.BgzfWriter(path) as file:
            file.write(_text(letters, end))
    kinds = {".fai", ".gzi"} if packed else {".fai"}
    for _ in range(2):
        _brute(Genome(path), letters)
        assert {p.name for p in tmp_path.iterdir()} == {path.name, *(path.name + k for k in kinds)}
    _brute(pickle.loads(pickle.dumps(Genome(path))), letters)  # noqa: S301
    index = tmp_path / f"{path.name}.fai"
    before = index.read_bytes()
    for damage in (b"", before[: len(before) // 2], b"\xff\xfe", b"a\tb\n"):
        index.write_bytes(damage)
        _brute(Genome(path), letters)
        assert index.read_bytes() == before


def test_a_good_index_is_not_made_again(genome: Path) -> None:
    Genome(genome)
    index = genome.with_name("genome.fa.fai")
    before = index.stat()
    assert Genome(genome).lengths == SIZES
    assert index.stat().st_ino == before.st_ino
    assert index.stat().st_mtime_ns == before.st_mtime_ns


def test_an_index_of_another_genome_is_made_again(genome: Path) -> None:
    Genome(genome)
    index = genome.with_name("genome.fa.fai")
    other = {name: text[::-1] + "ACGT" for name, text in reversed(GENOME.items())}
    genome.write_bytes(_text(other))
    os.utime(index, ns=(0, 0))  # older than the genome
    _brute(Genome(genome), other)
    genome.write_bytes(_text(GENOME))
    os.utime(genome, ns=(10**9, 10**9))  # a genome that was moved here keeps its older time
    _brute(Genome(genome), GENOME)


def test_folders_that_may_not_be_written_to(genome: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = shutil.copyfile

    def refuse(source: Any, target: Any) -> Any:
        if Path(target).parent == genome.parent:
            raise PermissionError(13, "Permission denied")
        return copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", refuse)
    _brute(Genome(genome), GENOME)
    assert list(genome.parent.iterdir()) == [genome]


def _lengths(path: Path) -> dict[str, int]:
    return Genome(path).lengths


def test_processes_that_start_together(genome: Path) -> None:
    context = multiprocessing.get_context("forkserver")  # a worker of pytest may run threads of JAX
    context.set_forkserver_preload(["tests.io.test_regions"])
    with context.Pool(4) as pool:
        assert pool.map(_lengths, [genome] * 16, 1) == [SIZES] * 16
    assert {p.name for p in genome.parent.iterdir()} == {"genome.fa", "genome.fa.fai"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", ("genome.fa", "cannot be read as a genome", "expected a FASTA file")),
        (b"\n\n", ("cannot be read as a genome",)),
        (b"ACGT\n", ("cannot be read as a genome", "line 1")),
        (b">a\nACGT\nAC\nACGT\n>b\nAC\n", ("Inconsistent line", ">a", "line 3")),
        (b">a\nACGT\n>a\nACGT\n", ('Duplicate key "a"',)),
        (b">\nACGT\n", ("Bad sequence name",)),
        (b">a\n>b\n", ("there are no letters",)),
        (b">a\rACGT\r", ("there are no letters", "line ends")),
        (b">a\n\xff\xfe\n", ("cannot be read as a genome",)),
        (gzip.compress(b">a\nACGT\n", mtime=0), ("compressed by gzip", "bgzip genome")),
    ],
)
def test_bad_genomes(genome: Path, data: bytes, words: tuple[str, ...]) -> None:
    genome.write_bytes(data)
    refused(lambda: Genome(genome), "genome.fa", *words)
    assert list(genome.parent.iterdir()) == [genome]


def test_bad_compressed_genomes(tmp_path: Path) -> None:
    path = tmp_path / "genome.fa.gz"
    with bgzf.BgzfWriter(path) as file:
        file.write(_text({"a": "ACGT" * 50_000}))
    whole = path.read_bytes()
    path.rename(tmp_path / "genome.fa")
    refused(lambda: Genome(tmp_path / "genome.fa"), "compressed by bgzip", "ends in .gz", "Rename")
    path.write_bytes(whole[: len(whole) // 2])
    refused(lambda: Genome(path), "genome.fa.gz", "cannot be read as a genome")
    path.write_bytes(gzip.compress(b">a\nACGT\n"))
    refused(lambda: Genome(path), "compressed by gzip", "gunzip genome.fa.gz && bgzip genome.fa")
    path.write_bytes(b">a\nACGT\n")
    refused(lambda: Genome(path), "not compressed", "Rename")


def test_missing_genomes(tmp_path: Path) -> None:
    refused(lambda: Genome(tmp_path / "no.fa"), "no.fa does not exist", "genome")
    refused(lambda: Genome(tmp_path), "cannot be read", "genome")


def test_genomes_that_are_cut_afterwards(genome: Path) -> None:
    found = Genome(genome)
    genome.write_bytes(genome.read_bytes()[:500])
    refused(lambda: found.codes("chr1", 900, 990), "genome.fa", "cannot be read")
    refused(lambda: found.codes("chr7", 0, 1), "chromosome 'chr7' is not in genome.fa")
