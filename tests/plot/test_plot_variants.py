"""Variants of a table, and those of a store of variants, as lollipops."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from ismc.cli.plot import plot
from ismc.errors import InputError
from ismc.io.stores.facts import Part
from ismc.io.stores.making import create_store
from ismc.io.stores.store import Store
from ismc.plot import importance
from ismc.plot.table import read_variants
from tests.support.plotted import LENGTH, SITES, START, Drawn, content, drawn, facts_of, stores

__all__ = ["drawn", "stores"]

RECORD = 3
FIRST = START + 100 * RECORD


def letter(store: Store, site: int, record: int = RECORD) -> str:
    return "ACGT"[int(np.asarray(store.one_hot[record])[site].argmax())]


def other(store: Store, site: int, which: int = 0) -> str:
    return [c for c in "ACGT" if c != letter(store, site)][which]


def row(store: Store, site: int, score: float | str, which: int = 0) -> str:
    """A line of a table: chromosome, position, ref, alt, score."""
    return f"chr1\t{FIRST + site + 1}\t{letter(store, site)}\t{other(store, site, which)}\t{score}"


def table(path: Path, *rows: str, names: str = "chrom\tpos\tref\talt\tscore") -> Path:
    path.write_text("\n".join(["# made by hand", "#\tsecond", names, *rows, ""]))
    return path


def call(store: Store, folder: Path, **options: Any) -> str:
    settings = {"kind": "lollipop", "record": "peak 3", "task": "0", "overwrite": True} | options
    return plot(Path(str(store.path)), folder / "figure.png", **settings)


def heads(figure: Figure) -> set[tuple[int, str, float]]:
    found = set()
    for line in figure.axes[0].lines:
        if line.get_marker() == "o":
            positions, scores = line.get_data()
            letters = [line.get_label()] * len(positions)
            found |= set(zip(map(int, positions), letters, map(float, scores), strict=True))
    return found


def test_variants_of_a_table(stores: dict[str, Store], drawn: Drawn, tmp_path: Path) -> None:
    store = stores["regions"]
    rows = [
        row(store, 12, 0.5),
        row(store, 12, -0.25, which=1),
        "# a comment between",
        "",
        row(store, 30, "1e-3").lower().replace("chr1", "chr1"),
        row(store, 5, 0.5),  # before the first site
        row(store, 20, 0.5).replace("chr1", "chr2"),
        f"chr1\t{FIRST + 16}\t{letter(store, 15)}\t{letter(store, 15)}AC\t0.5",
        row(store, 17, "nan"),
        row(store, 18, "."),
    ]
    said = call(store, tmp_path, variants=table(tmp_path / "v.tsv", *rows), kind=None)
    assert said.endswith(
        ": 3 variants (2 outside the window, 1 not one letter for another, 2 without a score)"
    )
    assert heads(drawn[-1]) == {
        (FIRST + 12, other(store, 12), 0.5),
        (FIRST + 12, other(store, 12, 1), -0.25),
        (FIRST + 30, other(store, 30), 1e-3),
    }
    scores = np.asarray(store.scores("head")[RECORD])[:, :, 0]
    values, edges, _ = drawn[-1].axes[1].patches[0].get_data()
    np.testing.assert_allclose(values, importance(scores, np.asarray(store.one_hot[RECORD])[SITES]))
    assert edges[0] == FIRST + SITES[0] - 0.5
    assert drawn[-1].axes[0].get_ylabel() == "score"


def test_the_window_chooses_variants(
    stores: dict[str, Store], drawn: Drawn, tmp_path: Path
) -> None:
    store = stores["regions"]
    path = table(tmp_path / "v.tsv", *(row(store, site, 1.0) for site in (12, 14, 15, 20)))
    call(store, tmp_path, variants=path, start=14, end=20)
    assert {position - FIRST for position, _, _ in heads(drawn[-1])} == {14, 15}


def test_tables_that_name_windows(stores: dict[str, Store], drawn: Drawn, tmp_path: Path) -> None:
    store = stores["regions"]
    names = "chrom\tpos\tref\talt\tstatus\twindow\tsite\thead[0]\thead[1]\tcounts"
    first, second = row(store, 12, "ok"), row(store, 13, "ok")
    path = table(
        tmp_path / "v.tsv",
        f"{first}\tpeak 3\t12\t1\t2\t3",
        f"{first}\tanother\t50\t4\t5\t6",
        f"{second}\tpeak 3\t13\t7\t8\t9",
        names=names,
    )
    for settings, column, scores in (
        ({"task": "1"}, "head[1]", {2.0, 8.0}),
        ({"output": "counts", "task": None}, "counts", {3.0, 9.0}),
        ({"column": "head[0]", "task": "2"}, "head[0]", {1.0, 7.0}),
    ):
        call(store, tmp_path, variants=path, **settings)
        assert {score for _, _, score in heads(drawn[-1])} == scores
        assert drawn[-1].axes[0].get_ylabel() == column
    with pytest.raises(InputError, match=r"3 columns that may be scores \(head\[0\].*\n.*--column"):
        call(store, tmp_path, variants=path, task="2")
    with pytest.raises(InputError, match=r"(?s)no column 'count'.*Did you mean counts"):
        call(store, tmp_path, variants=path, column="count")


def test_without_a_genome_names_of_records_are_chromosomes(
    stores: dict[str, Store], drawn: Drawn, tmp_path: Path
) -> None:
    store = stores["one"]
    there = letter(store, 12, record=0)
    alternative = next(c for c in "ACGT" if c != there)
    path = table(tmp_path / "v.tsv", f"peak 0\t13\t{there}\t{alternative}\t2")
    call(store, tmp_path, variants=path, record=None)
    assert heads(drawn[-1]) == {(12, alternative, 2.0)}


def test_n_is_any_letter(stores: dict[str, Store], drawn: Drawn, tmp_path: Path) -> None:
    path = table(tmp_path / "v.tsv", f"chr1\t{START + 400 + 13}\tG\tA\t2")
    call(stores["regions"], tmp_path, record="peak 4", variants=path)
    assert len(heads(drawn[-1])) == 1


def test_compressed_tables_and_those_of_windows(
    stores: dict[str, Store], drawn: Drawn, tmp_path: Path
) -> None:
    store = stores["regions"]
    plain = table(tmp_path / "v.tsv", row(store, 12, 0.5)).read_text()
    (tmp_path / "v.tsv.gz").write_bytes(gzip.compress(plain.replace("\n", "\r\n").encode()))
    call(store, tmp_path, variants=tmp_path / "v.tsv.gz")
    assert heads(drawn[-1]) == {(FIRST + 12, other(store, 12), 0.5)}
    (tmp_path / "cut.tsv.gz").write_bytes(gzip.compress(plain.encode())[:-9])
    with pytest.raises(InputError, match="damaged"):
        call(store, tmp_path, variants=tmp_path / "cut.tsv.gz")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["chr1\t0\tA\tC\t1"], r"pos is '0' \(line 4\), expected whole numbers from 1"),
        (["chr1\t5\tA\tC\t1", "", "chr1\tx\tA\tC\t1"], r"pos is 'x' \(line 6\)"),
        (["chr1\t5\tA\tC\tlow"], r"score is 'low' \(line 4\), expected numbers"),
        (["chr1\t-5\tA\tC\t1"] * 7, r"\(line 8\), and 2 more"),
        (["chr1\t5\tA\tC\t1", "chr1\t5\tA\tC\t1\t2"], "cannot be parsed.*line 5, saw 6"),
        (["chr1\t5\tA\tC\t1\t2"] * 2, "cannot be parsed.*columns by tabs, the same"),
        (["chr1\t5\tA\tC"], "None of the 1 variants.*1 outside the window.*chrom in the table is"),
        ([], "None of the 0 variants"),
    ],
)
def test_lines_that_are_wrong_are_named(
    rows: list[str], words: str, stores: dict[str, Store], tmp_path: Path
) -> None:
    path = table(tmp_path / "v.tsv", *rows)
    with pytest.raises(InputError, match=f"(?s){words}"):
        call(stores["regions"], tmp_path, variants=path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["v.tsv"]


def test_a_table_of_another_genome(stores: dict[str, Store], tmp_path: Path) -> None:
    store = stores["regions"]
    good = row(store, 12, 1.0)
    chrom, pos, ref, alt, _ = row(store, 13, 1.0).split("\t")
    path = table(tmp_path / "v.tsv", good, f"{chrom}\t{pos}\t{alt}\t{ref}\t1")
    with pytest.raises(InputError, match=rf"ref of 1 variants.*{alt} in place of {ref} \(line 5\)"):
        call(store, tmp_path, variants=path)


def test_tables_without_columns(tmp_path: Path) -> None:
    path = table(tmp_path / "v.tsv", names="chrom\tposition\tref\talt\tscore")
    with pytest.raises(InputError, match=r"chrom, position, ref.*\(line 3\), expected pos too"):
        read_variants(path)
    path = table(tmp_path / "v.tsv", names="chrom\tpos\tref\talt\tid")
    with pytest.raises(InputError, match="has 0 columns that may be scores"):
        read_variants(path)
    path.write_text("# only\n")
    with pytest.raises(InputError, match="holds no line of names"):
        read_variants(path)
    with pytest.raises(InputError, match=r"none\.tsv does not exist"):
        read_variants(tmp_path / "none.tsv")


def test_variants_of_a_store(drawn: Drawn, tmp_path: Path) -> None:
    at = np.array([[10, 20], [20, -1], [5, -1]])
    rows = {  # window, slot, letter
        "window": np.array([0, 0, 1, 0, -1]),
        "slot": np.array([0, 1, 0, 1, -1]),
        "letter": np.array([1, 3, 2, 0, -1]),
    }
    facts = facts_of(3, True, True, sites=(), slots=2, parts=(Part("v.vcf", "1" * 64, 3, 5),))
    more = {"at": at} | {f"variants/{key}": values for key, values in rows.items()}
    one_hot = np.zeros((3, LENGTH, 4), np.int8)
    store = create_store(
        tmp_path / "v.zarr", facts, content(["w0", "w1", "w2"], one_hot, True, **more)
    )
    rng = np.random.default_rng(0)
    held = []
    for block in range(2):
        count = len(one_hot[facts.rows(block)])
        scores = [rng.normal(size=(count, 2, 4, *o.score)) for o in facts.outputs]
        scores = [values.astype(np.float32) for values in scores]
        store.write(facts.rows(block), scores, [np.zeros((count, *o.shape)) for o in facts.outputs])
        held.append(scores)
    said = call(store, tmp_path, record="w0", task="2", kind=None)
    head = held[0][0]
    assert heads(drawn[-1]) == {
        (START + 10, "C", float(head[0, 0, 1, 2])),
        (START + 20, "T", float(head[0, 1, 3, 2])),
        (START + 20, "A", float(head[0, 1, 0, 2])),
    }
    assert said.endswith("lollipop of w0, head[2]: 3 variants")
    assert drawn[-1].axes[0].get_xlabel() == "chr1 position (0-based)"
    call(store, tmp_path, record="w1", output="counts", task=None)
    assert heads(drawn[-1]) == {(START + 120, "G", float(held[0][1][1, 0, 2]))}
    with pytest.raises(InputError, match="w2 has no variant with a score"):
        call(store, tmp_path, record="w2")
    with pytest.raises(InputError, match="expected one to be chosen"):
        call(store, tmp_path, record="w0", task=None)
    with pytest.raises(InputError, match=r"holds variants.*\n.*--kind lollipop"):
        call(store, tmp_path, record="w0", kind="logo")
