"""The page of a store in a real browser, without a window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from ismc.cli.report import report
from ismc.io.stores.facts import Output
from ismc.io.stores.store import Store, open_store
from tests.support.reports import (
    FACTS,
    browser,
    corners,
    drag,
    heat_map,
    made,
    pointed,
    records,
    shown,
    sized,
    until,
    visit,
)

__all__ = ["browser"]

SEQUENCES = 3000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 12 sequences of 300 letters, ``s.zarr``, and its page, ``r.html``."""
    folder = tmp_path_factory.mktemp("report")
    made(folder / "s.zarr", replace(sized(12, 300, (2,)), block=5), odd=True)
    report(folder / "s.zarr", folder / "r.html")
    return folder


@pytest.fixture(scope="module")
def store(folder: Path) -> Store:
    return open_store(folder / "s.zarr")


@pytest.fixture(scope="module")
def kept(browser: Any, folder: Path) -> Iterator[Any]:
    """The page of the 12 sequences; opening one takes seconds, so that tests share it."""
    with shown(browser, folder / "r.html") as tab:
        yield tab


@pytest.fixture
def tab(kept: Any) -> Any:
    """The page as it is at first."""
    kept.fill("#search", "")
    kept.select_option("#order", "file")
    kept.evaluate("state.kind = $('kind').value = 'contribution'")
    visit(kept, entry=0, track=0)
    kept.evaluate("counts.decoded = 0")
    return kept


def test_what_is_drawn_is_what_is_stored(tab: Any, store: Store) -> None:
    assert tab.evaluate("document.querySelectorAll('script[data-entry]').length") == 12
    for entry, track in ((0, 0), (7, 1), (11, 0)):
        visit(tab, entry=entry, track=track)
        expected = store.scores()[entry][..., track]
        top = np.nanmax(np.abs(expected))
        np.testing.assert_allclose(heat_map(tab), expected.T, rtol=0, atol=top / 65534 * 1.000001)
        low, high = tab.evaluate("[figure.data[0].zmin, figure.data[0].zmax]")
        assert -low == high == top
        assert tab.inner_text("#name") == f"peak_{entry}"
        assert f"chr1:{1000 + 100 * entry:,}-{1300 + 100 * entry:,}" in tab.inner_text("#place")
        label, prediction = tab.inner_text("#prediction").split("\nprediction ")
        assert label == f"head [{track}]"
        assert float(prediction) == pytest.approx(store.reference()[entry][track], rel=1e-3)


def test_the_heights_of_letters(tab: Any, store: Store) -> None:
    scores, one_hot = store.scores()[3][..., 0], store.one_hot[3]
    visit(tab, entry=3)
    found = np.array(tab.evaluate("figure.numbers.heights"), float)
    unknown = [10, 20]  # N, and no number
    expected = -scores.mean(1)
    expected[unknown] = np.nan
    np.testing.assert_allclose(found, expected, atol=1e-4)
    tab.select_option("#kind", "importance")
    until(tab, "figure.layout.yaxis.title.text === 'importance'")
    found = np.array(tab.evaluate("figure.numbers.heights"), float)
    np.testing.assert_allclose(found, np.sqrt((scores**2).sum(1) / 3), atol=1e-4)
    assert not one_hot[10].any()


def test_both_zoom_together(tab: Any) -> None:
    assert corners(tab) == 4
    drag(tab, 20, 40, "yaxis2")
    first, last = tab.evaluate("figure.layout.xaxis.range")
    assert abs(first - 20) < 0.5 and abs(last - 40) < 0.5
    assert corners(tab) > 8
    drag(tab, 25, 35, "yaxis")
    first, last = tab.evaluate("figure.layout.xaxis.range")
    assert abs(first - 25) < 0.5 and abs(last - 35) < 0.5
    assert "position 30" in pointed(tab, 30, "", "position 30")
    assert "position 30" in pointed(tab, 30, "C", "position 30")
    tab.click("#reset")
    until(tab, "state.to - state.from === 300")
    assert tab.evaluate("figure.layout.xaxis.range") == [-0.5, 299.5]


def test_values_are_told_under_the_mouse(tab: Any, store: Store) -> None:
    visit(tab, entry=2, to=40, **{"from": 25})
    there = "ACGT"[store.one_hot[2][30].argmax()]
    other = "G" if there != "G" else "T"
    value = store.scores()[2][30, "ACGT".index(other), 0]
    text = pointed(tab, 30, other, f"{there} > {other}")
    assert text.startswith("position 30genome chr1:1230")
    assert float(text.split(": ")[-1]) == pytest.approx(value, rel=5e-4)
    assert f"{there} (reference): 0" in pointed(tab, 30, there, "reference")
    height = -store.scores()[2][30, :, 0].mean()
    text = pointed(tab, 30, "", "contribution")
    assert float(text.split("contribution ")[-1]) == pytest.approx(height, rel=1e-3)


def test_tables_jump(tab: Any, store: Store) -> None:
    rows = tab.locator("#all tbody tr")
    assert rows.count() == 100
    name, position, change, value = rows.nth(7).locator("td").all_inner_texts()
    entry, site = int(name.split("_")[1]), int(position)
    stored = store.scores()[entry][site, "ACGT".index(change[-1]), 0]
    assert float(value) == pytest.approx(stored, rel=1e-3)
    rows.nth(7).click()
    until(tab, "(site) => state.marked === site", site)
    assert tab.inner_text("#name") == name
    first, last = tab.evaluate("figure.layout.xaxis.range")
    assert max(first, -0.5) <= site <= last and last - first <= 51
    own = tab.locator("#own tbody tr")
    texts = [own.nth(i).locator("td").all_inner_texts() for i in range(own.count())]
    assert [position, change, value] in texts
    own.nth(1).press("Enter")
    until(tab, "(site) => state.marked === site", int(texts[1][0]))
    assert tab.inner_text("#name") == name


def test_search_and_keys(tab: Any) -> None:
    assert tab.inner_text("#found") == "12 sequences"
    tab.fill("#search", "PEAK_1")
    assert tab.locator(".row b").all_inner_texts() == ["peak_1", "peak_10", "peak_11"]
    assert tab.inner_text("#found") == "3 of 12 sequences"
    tab.press("#search", "Enter")
    until(tab, "state.entry === 1")
    tab.press("#search", "ArrowDown")
    until(tab, "state.entry === 10")
    tab.fill("#search", "chr1:2,000-2,001")
    assert tab.locator(".row b").all_inner_texts() == ["peak_8", "peak_9", "peak_10"]
    tab.fill("#search", "")
    tab.locator(".row").nth(4).click()
    until(tab, "state.entry === 4")
    tab.keyboard.press("ArrowRight")
    until(tab, "state.entry === 5")
    tab.keyboard.press("ArrowUp")
    until(tab, "state.entry === 4")
    assert tab.locator(".row.chosen b").all_inner_texts() == ["peak_4"]
    tab.select_option("#order", "strength")
    tops = tab.evaluate("list.entries.map((entry) => Math.max(...index.tops[entry]))")
    assert tops == sorted(tops, reverse=True) and len(tops) == 12
    assert tab.evaluate("counts.decoded") == 5


def test_addresses(browser: Any, folder: Path, tab: Any) -> None:
    tab.evaluate("location.hash = '#peak_7'")
    until(tab, "state.entry === 7")
    tab.evaluate("location.hash = '#entry=9&from=10&to=30&track=1'")
    until(tab, "state.entry === 9")
    assert tab.evaluate("[state.track, state.from, state.to]") == [1, 10, 30]
    tab.evaluate("location.hash = '#entry=99&from=50&to=2&track=-1%E0'")
    until(tab, "state.to === 300")
    assert tab.evaluate("[state.entry, state.track, state.from]") == [9, 1, 0]
    visit(tab, entry=3, to=25, **{"from": 12})
    address = tab.evaluate("location.hash")
    assert address == "#entry=3&track=1&from=12&to=25"
    with shown(browser, folder / "r.html", address) as other:
        assert other.inner_text("#name") == "peak_3"
        assert other.evaluate("figure.layout.xaxis.range") == [11.5, 24.5]
        assert other.evaluate("counts.decoded") == 1


def test_names_are_text(browser: Any, tmp_path: Path) -> None:
    bad = ["<script>alert(1)</script>", "</script><img src=x onerror=alert(2)>", "&lt;b&gt; ' \" é"]
    facts = replace(
        FACTS,
        parts=records(3, bad[2]),
        model=bad[1],
        score=bad[0],
        outputs=(Output(bad[1], (), ()),),
    )
    made(tmp_path / "s.zarr", facts, bad, chrom="<b onmouseover=alert(3)>chr")
    report(tmp_path / "s.zarr", tmp_path / "r.html")
    with shown(browser, tmp_path / "r.html", f"#{quote(bad[1])}") as tab:
        assert tab.inner_text("#name") == bad[1]
        assert tab.locator(".row b").all_inner_texts() == bad
        assert tab.inner_text("h1") == f"{bad[0]} of {bad[1]}" == tab.title()
        assert bad[2] in tab.inner_text("footer")
        assert set(tab.locator("#all tbody td:first-child").all_inner_texts()) == set(bad)
        assert "genome <b onmouseover=alert(3)>chr:11" in pointed(tab, 30, "C", "position 30")
        assert tab.locator("main img, nav img, main b, h1 *").count() == 0
        assert tab.locator("script").count() == 3 + 1 + 2


def test_sites_of_their_own(browser: Any, tmp_path: Path) -> None:
    facts = replace(FACTS, sites=((5, 6), (10, 13), (13, 14)), signed=False, parts=records(5))
    facts = replace(facts, outputs=tuple(Output(name, (), (3,)) for name in ("a", "b")))
    store = made(tmp_path / "s.zarr", facts, chrom="")
    report(tmp_path / "s.zarr", tmp_path / "r.html")
    with shown(browser, tmp_path / "r.html") as tab:
        found, scores = heat_map(tab), store.scores("a")[0]
        drawn = [0, 5, 6, 7, 8]
        np.testing.assert_allclose(found[:, drawn].T, scores[[0, 1, 1, 1, 2]], atol=1e-3)
        assert np.isnan(np.delete(found, drawn, 1)).all() and found.shape == (4, 9)
        assert tab.evaluate("figure.data[0].zmin") == 0
        assert tab.locator("#kind option").all_inner_texts() == ["importance"]
        assert tab.locator("#track option").all_inner_texts() == ["a", "b"]
        there = "".join("ACGT"[i] for i in store.one_hot[0][10:13].argmax(1))
        text = pointed(tab, 11, "G", "positions 10 to 12")
        assert text.startswith(f"positions 10 to 12{there} > GGG: ")
        assert tab.inner_text("#place") == "60 letters · record 0 of 5, counted from 0"


def test_thousands_of_sequences(browser: Any, tmp_path: Path) -> None:
    store = made(tmp_path / "s.zarr", sized(SEQUENCES, 100))
    told = report(tmp_path / "s.zarr", tmp_path / "r.html")
    size = (tmp_path / "r.html").stat().st_size
    assert told.endswith(f"3,000 sequences, {size / 1e6:.1f} MB")
    assert size < 4.9e6 + SEQUENCES * (100 * 4 * 8 / 3 + 300)  # random scores do not deflate
    began = perf_counter()
    with shown(browser, tmp_path / "r.html") as tab:
        assert perf_counter() - began < 30
        assert tab.evaluate("counts.decoded") == 1
        assert tab.inner_text("#found") == "3,000 sequences"
        assert tab.locator(".row").count() < 40
        tab.fill("#search", "peak_2987")
        tab.press("#search", "Enter")
        until(tab, "state.entry === 2987")
        assert tab.evaluate("counts.decoded") == 2
        expected = store.scores()[2987].T
        np.testing.assert_allclose(heat_map(tab), expected, atol=np.abs(expected).max() / 65000)
        tab.fill("#search", "")
        tab.evaluate("document.getElementById('list').scrollTop = 1e9")
        until(tab, "document.querySelector('#rows').textContent.includes('peak_2999')")
        assert tab.locator("#all tbody tr").count() == 100


def test_long_sequences_are_drawn_by_their_largest(browser: Any, tmp_path: Path) -> None:
    store = made(tmp_path / "s.zarr", sized(2, 5000))
    report(tmp_path / "s.zarr", tmp_path / "r.html")
    with shown(browser, tmp_path / "r.html") as tab:
        step = tab.evaluate("figure.data[0].dx")
        assert 5000 / step < 1000 and f"largest of {step} positions" in tab.inner_text("#window")
        scores = store.scores()[0]
        for column in (0, 17, 300):
            part = scores[column * step : (column + 1) * step]
            largest = part[np.abs(part).argmax(0), range(4)]
            np.testing.assert_allclose(heat_map(tab)[:, column], largest, atol=1e-3)
        visit(tab, to=2400, **{"from": 2300})
        begin = int(tab.evaluate("figure.data[0].x0"))
        found = heat_map(tab)
        expected = scores[begin : begin + found.shape[1]].T
        np.testing.assert_allclose(found, expected, atol=1e-3)
        assert begin <= 2300 and begin + found.shape[1] >= 2400
