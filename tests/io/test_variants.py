"""Variants are scored at their sites and letters, or named with the reason why they are not."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from Bio import bgzf

from ismc.io.sequences.arrays import from_strings
from ismc.io.sequences.genome import Genome
from ismc.io.sequences.regions import open_regions
from ismc.io.sequences.variants import Variant, Variants, open_variants
from tests.support.comparing import refused

LENGTH = 20
HEADER = "##fileformat=VCFv4.2\n##contig=<ID=chr1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
FIRST = 4
"""The line after the header."""


def _genome() -> dict[str, str]:
    rng = np.random.default_rng(0)
    found = {
        name: "".join(rng.choice(list("ACGT"), n)) for name, n in (("chr1", 300), ("chr2", 90))
    }
    found["chr1"] = found["chr1"][:100] + "CAGnt" + found["chr1"][105:]
    return found


GENOME = _genome()


def _ref(chrom: str, pos: int, count: int = 1) -> str:
    return GENOME[chrom][pos - 1 : pos - 1 + count].upper()


def _other(letter: str) -> str:
    return "ACGT"[("ACGT".index(letter) + 1) % 4]


def _snv(chrom: str, pos: int, name: str = ".") -> str:
    ref = _ref(chrom, pos)
    return f"{chrom}\t{pos}\t{name}\t{ref}\t{_other(ref)}\t.\tPASS\t.\n"


@pytest.fixture
def genome(tmp_path: Path) -> Path:
    path = tmp_path / "genome.fa"
    path.write_text("".join(f">{name}\n{text}\n" for name, text in GENOME.items()))
    return path


@pytest.fixture
def opened(tmp_path: Path, genome: Path) -> Callable[..., Variants]:
    """Opens lines of a VCF file, put after a header, with the genome."""

    def call(text: str, length: int | None = LENGTH, **options: Any) -> Variants:
        path = tmp_path / "x.vcf"
        path.write_text(HEADER + text)
        return open_variants(path, genome, length, **options)

    return call


def _right(found: Variants) -> None:
    """Each scored row is at its position: the window has REF there, and ALT is another letter."""
    at = found.windows.coordinates
    assert at is not None
    x = found.windows.one_hot(0, len(found.windows.names))
    used = set()
    for row in found.rows:
        if row.status != "ok":
            assert (row.window, row.site, row.letter) == (-1, -1, -1)
            continue
        used.add(row.window)
        pairs = zip(row.ref.upper(), row.alt.upper(), strict=True)
        changed = [i for i, (old, new) in enumerate(pairs) if old != new]
        assert len(changed) == 1
        assert at.chrom[row.window] == row.chrom
        assert at.start[row.window] + row.site == row.pos - 1 + changed[0]
        assert "ACGT"[row.letter] == row.alt[changed[0]].upper()
        ref = row.ref[changed[0]].upper()
        assert x[row.window, row.site].tolist() == [int(letter == ref) for letter in "ACGT"]
    assert used == set(range(len(at)))
    assert sum(found.counts.values()) == len(found.rows)


def test_windows_are_centred_on_positions(opened: Any) -> None:
    found = opened(_snv("chr1", 50, "rs1") + _snv("chr2", 40) + _snv("chr1", 30, "rs2"))
    _right(found)
    first = found.rows[0]
    ref = _ref("chr1", 50)
    letter = "ACGT".index(_other(ref))
    assert first == Variant(
        FIRST, "chr1", 50, "rs1", ref, _other(ref), "ok", 0, LENGTH // 2, letter
    )
    assert [row.window for row in found.rows] == [0, 1, 2]
    assert {row.site for row in found.rows} == {LENGTH // 2}
    assert found.windows.names == ("chr1:39-59", "chr2:29-49", "chr1:19-39")
    assert found.windows.coordinates.summit.tolist() == [49, 39, 29]
    assert found.counts == {"ok": 3}
    assert not found.notes
    assert not found.problems


def test_alleles_of_a_line_are_rows_and_positions_have_one_window(opened: Any) -> None:
    others = [letter for letter in "ACGT" if letter != _ref("chr1", 50)]
    found = opened(f"chr1\t50\trs1\t{_ref('chr1', 50)}\t{','.join(others)}\n" + _snv("chr1", 50))
    _right(found)
    assert [row.alt for row in found.rows[:3]] == others
    assert [row.window for row in found.rows] == [0, 0, 0, 0]
    assert [row.line for row in found.rows] == [FIRST, FIRST, FIRST, FIRST + 1]


def test_ends_of_chromosomes_are_padded_and_noted(opened: Any) -> None:
    found = opened(_snv("chr1", 1) + _snv("chr2", 90) + _snv("chr1", 11) + _snv("chr1", 291))
    _right(found)
    assert found.windows.coordinates.start.tolist() == [-10, 79, 0, 280]
    assert found.notes == (
        "2 windows past the end of a chromosome, padded with N: chr1:-10-10, chr2:79-99",
    )


@pytest.mark.parametrize(
    ("ref", "alt", "status"),
    [
        ("C", "CA", "unsupported: insertion"),
        ("CAG", "C", "unsupported: deletion"),
        ("CA", "TTG", "unsupported: insertion"),
        ("CAG", "TC", "unsupported: deletion"),
        ("CA", "TG", "unsupported: multi-nucleotide"),
        ("C", "<DEL>", "unsupported: symbolic allele"),
        ("C", "<*>", "unsupported: symbolic allele"),
        ("C", "C[chr2:5[", "unsupported: breakend"),
        ("C", "]chr2:5]C", "unsupported: breakend"),
        ("C", ".A", "unsupported: breakend"),
        ("C", "*", "unsupported: spanning deletion"),
        ("C", ".", "unsupported: no alternate allele"),
        ("C", "c", "unsupported: ALT is REF"),
        ("C", "N", "unsupported: letter N"),
        ("C", "A-", "unsupported: allele 'A-'"),
        ("A", "T", "REF disagrees: VCF A, genome C"),
        ("CAT", "CTT", "REF disagrees: VCF CAT, genome CAG"),
    ],
)
def test_what_is_not_scored_is_named_and_kept(opened: Any, ref: str, alt: str, status: str) -> None:
    line = f"chr1\t101\trs7\t{ref}\t{alt}\n"
    found = opened(_snv("chr1", 50) + line + _snv("chr2", 40))
    _right(found)
    row = found.rows[1]
    assert (row.line, row.pos, row.id, row.ref, row.alt) == (FIRST + 1, 101, "rs7", ref, alt)
    assert row.status == status
    kind = "REF disagrees" if status.startswith("REF") else status
    assert found.counts == {"ok": 2, kind: 1}
    (note,) = found.notes
    assert note.startswith(f"1 variant without a score, {kind}: rs7 {ref}>{alt} (line {FIRST + 1})")
    assert status.partition("REF disagrees: ")[2] in note
    refused(lambda: opened(line), "x.vcf has no variant that can be scored", kind, "rs7")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("chr9\t5\t.\tA\tC\n", "chromosome not in genome"),
        ("chr2\t91\t.\tA\tC\n", "beyond the end"),
        ("chr2\t0\t.\tA\tC\n", "beyond the end"),
        (f"chr2\t90\t.\t{_ref('chr2', 90)}A\t{_other(_ref('chr2', 90))}A\n", "beyond the end"),
    ],
)
def test_places_that_are_not_in_the_genome(opened: Any, line: str, status: str) -> None:
    found = opened(_snv("chr1", 50) + line)
    _right(found)
    assert found.rows[1].status == status
    assert found.counts == {"ok": 1, status: 1}
    assert f"without a score, {status}: " in found.notes[0]
    refused(lambda: opened(line), "no variant that can be scored", status, "of the same build")


def test_many_disagreements_are_counted_and_all_listed(opened: Any) -> None:
    letters = [_ref("chr1", pos) for pos in range(1, 9)]
    lines = [f"chr1\t{i}\t.\t{_other(own)}\t{own}\n" for i, own in enumerate(letters, 1)]
    found = opened("".join(lines) + _snv("chr1", 50))
    assert found.counts == {"REF disagrees": 8, "ok": 1}
    assert "(and 3 more)" in found.notes[0]
    assert len(found.notes[0].places) == 8
    assert f"VCF {_other(_ref('chr1', 8))}, genome {_ref('chr1', 8)}" in found.notes[0].places[7]


def test_cases_are_equal_and_shared_letters_are_no_change(opened: Any) -> None:
    found = opened("chr1\t101\t.\tcag\tcTg,C,caT\nchr1\t105\t.\tT\ta\nchr1\t104\t.\tN\tG\n")
    _right(found)
    assert [row.status for row in found.rows] == ["ok", "unsupported: deletion", "ok", "ok", "ok"]
    starts = found.windows.coordinates.start[[row.window for row in found.rows if row.window >= 0]]
    assert (starts + LENGTH // 2).tolist() == [101, 102, 104, 103]
    assert [row.letter for row in found.rows] == [3, -1, 3, 0, 2]


@pytest.fixture
def bed(tmp_path: Path, genome: Path) -> Callable[..., Any]:
    def call(*centres: tuple[str, int], length: int = LENGTH, **options: Any) -> Any:
        path = tmp_path / "x.bed"
        path.write_text("".join(f"{chrom}\t{at}\t{at + 1}\n" for chrom, at in centres))
        return open_regions(path, genome, length, **options)

    return call


def test_variants_are_found_in_regions(opened: Any, bed: Any) -> None:
    regions = bed(("chr2", 45), ("chr1", 210), ("chr1", 60), ("chr1", 55), ("chr1", 5))
    lines = [
        _snv("chr1", 58),
        _snv("chr1", 45),
        _snv("chr1", 1),
        _snv("chr1", 150),
        _snv("chr2", 36),
    ]
    found = opened("".join([*lines, "chr1\t101\trs7\tC\tCA\n"]), None, regions=regions)
    _right(found)
    assert found.windows.names == ("chr2:35-55", "chr1:50-70", "chr1:45-65", "chr1:-5-15")
    rows = [(row.line - FIRST, row.status, row.window, row.site) for row in found.rows]
    assert rows == [
        (0, "ok", 1, 7),
        (0, "ok", 2, 12),
        (1, "not in any region", -1, -1),
        (2, "ok", 3, 5),
        (3, "not in any region", -1, -1),
        (4, "ok", 0, 0),
        (5, "unsupported: insertion", -1, -1),
    ]
    assert found.counts == {"ok": 4, "not in any region": 2, "unsupported: insertion": 1}
    assert found.windows.coordinates.summit.tolist() == [45, 60, 55, 5]


@pytest.mark.parametrize("length", [1, 6, 7])
def test_regions_against_a_search_of_all(opened: Any, bed: Any, length: int) -> None:
    rng = np.random.default_rng(length)
    sizes = {name: len(text) for name, text in GENOME.items()}
    centres = [(name, int(c)) for name, n in sizes.items() for c in rng.permutation(n)[: n // 3]]
    centres = [centres[i] for i in rng.permutation(len(centres))]
    places = [(name, int(p) + 1) for name, n in sizes.items() for p in rng.integers(0, n, 60)]
    places = [place for place in places if _ref(*place) != "N"]
    found = opened(
        "".join(_snv(*place) for place in places), None, regions=bed(*centres, length=length)
    )
    _right(found)
    want = []
    for i, (chrom, pos) in enumerate(places):
        starts = [c - length // 2 for name, c in centres if name == chrom]
        want += [(i, pos - 1 - s) for s in starts if s <= pos - 1 < s + length] or [(i, -1)]
    assert [(row.line - FIRST, row.site) for row in found.rows] == want
    assert found.counts["not in any region"] == sum(site < 0 for _, site in want)


def test_regions_of_something_else(opened: Any, bed: Any, tmp_path: Path) -> None:
    refused(
        lambda: opened(_snv("chr1", 50), regions=from_strings(["ACGT"])), "no regions of genome.fa"
    )
    refused(
        lambda: opened(_snv("chr1", 50), 7, regions=bed(("chr1", 50))), "20 letters, expected 7"
    )
    refused(lambda: opened(_snv("chr1", 150), regions=bed(("chr1", 50))), "not in any region")
    refused(lambda: opened(_snv("chr1", 50), None), "--length")
    other = tmp_path / "other.fa"
    other.write_text(">chr1\nACGT\n")
    path = tmp_path / "x.vcf"
    refused(lambda: open_variants(path, other, regions=bed(("chr1", 50))), "no regions of other.fa")


def test_bad_lines_stop_or_are_left_out(opened: Any) -> None:
    places = ["chr1\t5", "chr1\tx\t.\tA\tC", "chr1\t-5\t.\tA\tC", "chr1\t5\t.\tA1\tC"]
    bad = "\n".join([*places, "chr1\t5\t.\tA\tC,", "chr1 5 . A C\n"])
    words = (
        "line 5: has 2 columns, expected 5 or more, separated by tabs",
        "line 6: POS 'x' is not a number",
        "line 7: POS '-5' is not a number",
        "line 8: REF 'A1' has other characters than letters",
        "line 9: ALT 'C,' has an empty allele",
        "line 10: has 1 column, expected 5",
    )
    refused(lambda: opened(_snv("chr1", 50) + bad), "x.vcf: ", *words[:5], "(and 1 more)")
    found = opened(_snv("chr1", 50) + bad, on_error="skip")
    assert len(found.rows) == 1
    assert all(word in text for word, text in zip(words, found.problems, strict=True))
    refused(lambda: opened(bad, on_error="skip"), "no record can be used", "line 4: has 2")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [lambda b: b, gzip.compress, None], ids=["plain", "gz", "bgz"])
def test_line_ends_compression_and_samples(
    tmp_path: Path, genome: Path, end: str, packed: Any
) -> None:
    path = tmp_path / "x.vcf.gz"
    lines = (_snv("chr1", 50) + "\n" + _snv("chr1", 60)).replace(
        ".\n", ".\tGT\t0|1" + 30 * "\t0|0" + "\n"
    )
    data = (HEADER + lines).replace("\n", end).encode()
    if packed:
        path.write_bytes(packed(data))
    else:
        with bgzf.BgzfWriter(path) as file:
            file.write(data)
    found = open_variants(path, Genome(genome), LENGTH)
    _right(found)
    assert [row.line for row in found.rows] == [FIRST, FIRST + 2]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty, expected variants"),
        (HEADER.encode(), "holds only comments and blank lines, expected variants"),
        (gzip.compress((HEADER + _snv("chr1", 50)).encode(), mtime=0)[:-9], "is damaged"),
        (gzip.compress(b"BCF\2\2rest", mtime=0), "is a BCF file"),
    ],
)
def test_empty_and_damaged_files(tmp_path: Path, genome: Path, data: bytes, words: str) -> None:
    path = tmp_path / "x.vcf"
    path.write_bytes(data)
    refused(lambda: open_variants(path, genome, LENGTH), "x.vcf", words)
    path.unlink()
    refused(lambda: open_variants(path, genome, LENGTH), "x.vcf does not exist, expected variants")
