"""The page of a store: what stands in it, how it is written, and what is said instead."""

from __future__ import annotations

import json
import math
import resource
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ismc.cli.report import report
from ismc.errors import ArtifactError, InputError, IsmcError
from ismc.io.extras import EXTRAS
from ismc.io.stores.content import Content
from ismc.io.stores.facts import Output
from ismc.io.stores.making import create_store
from ismc.io.stores.store import open_store
from ismc.report import choose_tracks
from ismc.report.entries import UNKNOWN_LETTER, quantize, same_as
from ismc.report.strongest import MAX_PEAKS, MIN_DISTANCE, Strongest, peaks
from tests.support.reports import FACTS, Parsed, made, records, sized


def test_the_page_holds_the_store(tmp_path: Path) -> None:
    store = made(tmp_path / "s.zarr", odd=True)
    page = tmp_path / "r.html"
    assert report(tmp_path / "s.zarr", page) == f"wrote {page}: 12 sequences, 4.9 MB"
    parsed = Parsed(page)
    assert sorted(parsed.entries) == list(range(12))
    assert not parsed.asked and parsed.policy.startswith("default-src 'none'; script-src 'sha256-")
    index = json.loads(parsed.text)
    assert index["names"] == [f"peak_{i}" for i in range(12)]
    np.testing.assert_allclose(index["predictions"], store.reference()[:][..., None], rtol=1e-5)
    for entry in range(12):
        values, letters, _ = parsed.scores(entry)
        expected = np.moveaxis(store.scores()[entry], 2, 0)
        tops = np.nanmax(np.abs(expected), axis=(1, 2), keepdims=True)
        np.testing.assert_array_equal(np.isnan(values), np.isnan(expected))
        assert (np.nan_to_num(np.abs(values - expected)) <= tops / 65534 * (1 + 1e-6)).all()
        one_hot = store.one_hot[entry]
        np.testing.assert_array_equal(
            letters, np.where(one_hot.any(1), one_hot.argmax(1), UNKNOWN_LETTER)
        )
    text = page.read_text("utf-8")
    assert "1/65534" in text and "d" * 64 in text and "regions.bed" in text
    report(tmp_path / "s.zarr", tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == page.read_bytes()


def test_the_strongest_sites(tmp_path: Path) -> None:
    facts = replace(FACTS, parts=records(40))
    store = made(tmp_path / "s.zarr", facts, odd=True)
    report(tmp_path / "s.zarr", tmp_path / "r.html")
    parsed = Parsed(tmp_path / "r.html")
    for track in range(2):
        every = []
        for entry in range(40):
            scores, one_hot = store.scores()[entry][..., track], store.one_hot[entry]
            order = [(float(-abs(scores[s, a])), s, a) for s in range(60) for a in range(4)
                     if not one_hot[s, a] and np.isfinite(scores[s, a])]  # fmt: skip
            taken: list[tuple[float, int, int]] = []
            for item in sorted(order):
                if all(abs(item[1] - other[1]) >= MIN_DISTANCE for other in taken):
                    taken.append(item)
            best = [4 * s + a for _, s, a in taken[:MAX_PEAKS]]
            assert parsed.scores(entry)[2][track][: len(best)].tolist() == best
            for _, s, a in taken[:MAX_PEAKS]:
                there = "ACGT"[one_hot[s].argmax()] if one_hot[s].any() else "N"
                every.append((entry, s, f"{there}>{'ACGT'[a]}", float(scores[s, a])))
        every.sort(key=lambda row: -abs(row[3]))
        found = json.loads(parsed.text)["strongest"][track]
        assert [row[:3] for row in found] == [list(row[:3]) for row in every[:100]]
        np.testing.assert_allclose([row[3] for row in found], [e[3] for e in every[:100]], 1e-5)


def test_scores_as_integers() -> None:
    values = np.array([[3.0, -1.5, np.nan, np.inf, 0.0]], np.float32)
    steps, top = quantize(values)
    assert top == 3 and steps.tolist() == [[32767, -16384, -32768, -32768, 0]]
    assert quantize(np.zeros((2, 2)))[1] == 0
    one_hot = np.eye(4)[[0, 0, 1]]
    found = same_as(one_hot, np.array([[0, 2], [1, 3]]))
    assert found.tolist() == [[True, False, False, False], [False] * 4]
    assert not same_as(np.zeros((2, 4)), np.array([[0, 2]])).any()
    assert peaks(np.zeros((5, 4)), np.zeros((5, 4), bool), np.arange(5)) == []


def test_equal_scores_keep_the_first() -> None:
    kept = Strongest()
    for entry in reversed(range(200)):
        kept.add(entry, 3, "A>C", -0.5)
    assert kept.rows() == [(entry, 3, "A>C", -0.5) for entry in range(100)]


def test_what_is_shown() -> None:
    two = replace(FACTS, outputs=(Output("a", (), ()), Output("b", (3,), (100, 3))))
    labels = {"a", "b [0]", "b [1]", "b [2]"}
    tracks, note = choose_tracks(two)
    assert {t.label for t in tracks} == labels and not note
    assert [t.label for t in choose_tracks(two, ["b"], [2])[0]] == ["b [2]"]
    assert tracks[1].predictions(np.zeros((100, 3))) == []
    many = replace(FACTS, outputs=(Output("many", (164,), (164,)),))
    tracks, note = choose_tracks(many)
    assert [t.label for t in tracks] == ["many [0]"] and "many [0], 1 of 164" in note
    assert [t.task for t in choose_tracks(many, task=[7, 3])[0]] == [3, 7]
    with pytest.raises(InputError, match="9 tasks are requested, expected at most 8"):
        choose_tracks(many, task=range(9))
    with pytest.raises(InputError, match="no task 164 of the output 'many', expected 0 to 163"):
        choose_tracks(many, task=[164])
    with pytest.raises(InputError, match="no output 'x', expected one of many"):
        choose_tracks(many, ["x"])


def test_few_of_many_values(tmp_path: Path) -> None:
    made(tmp_path / "s.zarr", sized(3, 40, (20,)))
    told = report(tmp_path / "s.zarr", tmp_path / "r.html")
    assert told.splitlines()[1].startswith("Shown: head [0], 1 of 20 values")
    assert told.splitlines()[1] in (tmp_path / "r.html").read_text("utf-8")
    report(tmp_path / "s.zarr", tmp_path / "r.html", task=[4, 19], overwrite=True)
    parsed = Parsed(tmp_path / "r.html")
    assert json.loads(parsed.text)["tracks"] == ["head [4]", "head [19]"]
    scores = open_store(tmp_path / "s.zarr").scores()[2][..., [4, 19]]
    np.testing.assert_allclose(parsed.scores(2)[0], np.moveaxis(scores, 2, 0), atol=1e-4)


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path / "s.zarr")
    monkeypatch.setitem(EXTRAS, "plotly", "report")
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(IsmcError, match=r"'plotly' is not installed.*\n.*ismc\[report\]"):
        report(tmp_path / "s.zarr", tmp_path / "r.html")
    assert [p.name for p in tmp_path.iterdir()] == ["s.zarr"]


def test_memory_does_not_grow_with_sequences(tmp_path: Path) -> None:
    highest, sizes = [], []
    for count in (50, 800):
        path = tmp_path / f"{count}.zarr"
        store = made(path, sized(count, 600))
        sizes.append(4 * math.prod(store.scores().shape))
        tracemalloc.start()
        report(path, tmp_path / f"{count}.html")
        highest.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (tmp_path / f"{count}.html").stat().st_size > 0.3 * sizes[-1]
    assert highest[1] - highest[0] < (sizes[1] - sizes[0]) / 10


def test_whole_or_not_at_all(tmp_path: Path) -> None:
    made(tmp_path / "s.zarr")
    page = tmp_path / "r.html"
    page.write_text("older")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(ArtifactError, match=r"r\.html cannot be written \(File too large\)"):
            report(tmp_path / "s.zarr", page, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    chunk = next(p for p in (tmp_path / "s.zarr" / "scores").rglob("*") if p.name[0] == "1")
    while chunk.is_dir():
        chunk = next(chunk.iterdir())
    chunk.write_bytes(chunk.read_bytes()[:40])
    with pytest.raises(ArtifactError, match=r"records 5 to 9 of .*s\.zarr cannot be read"):
        report(tmp_path / "s.zarr", page, overwrite=True)
    assert page.read_text() == "older"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.html", "s.zarr"]


def test_what_does_not_fit(tmp_path: Path) -> None:
    path, page = tmp_path / "s.zarr", tmp_path / "r.html"
    with pytest.raises(InputError, match=r"s\.zarr does not exist"):
        report(path, page)
    made(path, blocks=1)
    with pytest.raises(InputError, match=r"2 of 3 blocks are not written \(1, 2\).*\n.*--resume"):
        report(path, page)
    page.write_text("older")
    with pytest.raises(InputError, match=r"r\.html exists.*\n.*--overwrite"):
        report(path, page)
    with pytest.raises(InputError, match=r"ends in '\.png', expected \.html or \.htm"):
        report(path, tmp_path / "r.png")
    with pytest.raises(InputError, match=r"does not exist, expected one for the output r\.html"):
        report(path, tmp_path / "none" / "r.html")
    made(tmp_path / "none.zarr", replace(FACTS, parts=records(0)))
    with pytest.raises(InputError, match="holds no records"):
        report(tmp_path / "none.zarr", tmp_path / "n.html")
    more = {"at": np.zeros((12, 3), np.int64)}
    variants = Content([str(i) for i in range(12)], lambda _: [], more=more)
    create_store(tmp_path / "v.zarr", replace(FACTS, sites=(), slots=3), variants)
    with pytest.raises(InputError, match="holds variants, expected scores of every letter"):
        report(tmp_path / "v.zarr", tmp_path / "n.html")
