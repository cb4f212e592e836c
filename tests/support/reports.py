"""Stores that reports are made of, and what stands in a page, with and without a browser."""

from __future__ import annotations

import base64
import json
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest

from ismc.io.sequences.source import Coordinates
from ismc.io.stores.content import Content
from ismc.io.stores.facts import Facts, Output, Part, block_size
from ismc.io.stores.making import create_store
from ismc.io.stores.store import Store
from ismc.report.entries import LEVELS, same_as
from ismc.report.strongest import MAX_PEAKS

Array = np.ndarray


def records(count: int, source: str = "regions.bed") -> tuple[Part, ...]:
    """So many records of one file."""
    return (Part(source, "e" * 64, count),)


STR = np.dtypes.StringDType()
SITES = tuple((i, i + 1) for i in range(60))
FACTS = Facts(
    model="m.keras", model_digest="d" * 64, plan="p", score="difference", formula="m - r",
    signed=True, centred=False, outputs=(Output("head", (2,), (2,)),), sites=SITES, length=60,
    block=5, parts=records(12), versions={"ismc": "0.1"},
)  # fmt: skip


def made(
    path: Path,
    facts: Facts = FACTS,
    names: list[str] | None = None,
    chrom: str = "chr1",
    blocks: int | None = None,
    odd: bool = False,
) -> Store:
    """A store of random scores, 0 where a letter is; with `odd`, also N and what is no number."""
    rng = np.random.default_rng(0)
    one_hot = np.eye(4, dtype=np.int8)[rng.integers(0, 4, (facts.count, facts.length))]
    if odd:
        one_hot[:, 10] = 0
    start = 1000 + 100 * np.arange(facts.count)
    text = [np.full(facts.count, value, STR) for value in (chrom, ".")]
    half = start + facts.length // 2
    places = Coordinates(text[0], start, start + facts.length, half, text[1], "g.fa")
    rows = facts.rows
    parts = [(block, one_hot[rows(block)]) for block in range(facts.blocks)]
    names = names or [f"peak_{i}" for i in range(facts.count)]
    store = create_store(path, facts, Content(names, lambda _: parts, places if chrom else None))
    for block, letters in parts[:blocks]:
        same = np.stack([same_as(x, np.asarray(facts.sites)) for x in letters])
        scores = []
        for output in facts.outputs:
            values = rng.standard_normal((*same.shape, *output.score), np.float32)
            values[same] = 0
            if odd:
                values[:, 20, 1] = np.nan
            scores.append(values if facts.signed else np.abs(values))
        own = [rng.standard_normal((len(letters), *o.shape), np.float32) for o in facts.outputs]
        store.write(rows(block), scores, own)
    return store


class Parsed(HTMLParser):
    """Entries, the index and everything that would be asked for, of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.entries: dict[int, str] = {}
        self.text, self.asked, self.policy, self.at = "", [], "", {}
        self.feed(path.read_text("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.at = {"tag": tag, **dict(attrs)}
        self.asked += [value for name, value in attrs if name in ("src", "href", "action")]
        if self.at.get("http-equiv") == "Content-Security-Policy":
            self.policy = self.at["content"]

    def handle_data(self, data: str) -> None:
        if self.at.get("id") == "index" and not self.text:
            self.text = data
        if "data-entry" in self.at and data.strip():
            self.entries[int(self.at["data-entry"])] = data

    def scores(self, entry: int) -> tuple[Array, Array, Array]:
        """Scores ``[T, S, 4]``, letters and the strongest of an entry, read as the page does."""
        index = json.loads(self.text)
        data = zlib.decompress(base64.b64decode(self.entries[entry]))
        tracks, sites = len(index["tracks"]), len(index["sites"])
        codes, size = 4 * MAX_PEAKS * tracks, tracks * 4 * sites
        high = np.frombuffer(data[-2 * size : -size], np.int8).astype(int)
        steps = 256 * high + np.frombuffer(data[-size:], np.uint8)
        tops = np.array(index["tops"][entry])[:, None, None]
        values = np.where(steps < -LEVELS, np.nan, steps).reshape(tracks, 4, sites) * tops / LEVELS
        strongest = np.frombuffer(data[:codes], "<u4").reshape(tracks, MAX_PEAKS)
        return values.swapaxes(1, 2), np.frombuffer(data[codes : -2 * size], np.uint8), strongest


def sized(count: int, length: int, shape: tuple[int, ...] = ()) -> Facts:
    """So many records of such a length, of one output."""
    outputs = (Output("head", shape, shape),)
    block = block_size(outputs, length, length)
    sites = tuple((i, i + 1) for i in range(length))
    return replace(
        FACTS, parts=records(count), length=length, sites=sites, outputs=outputs, block=block
    )


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The browser that is installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")
    with playwright.sync_playwright() as started:
        own = started.chromium.executable_path
        path = next(filter(None, map(shutil.which, (*BROWSERS, own))), None)
        if path is None:
            pytest.skip("no browser: apt-get install chromium, or playwright install chromium")
        launched = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


@contextmanager
def shown(browser: Any, path: Path, address: str = "") -> Iterator[Any]:
    """A page that is ready; nothing may go wrong in it, and it may ask for nothing."""
    wrong: list[str] = []
    tab = browser.new_page(viewport={"width": 1366, "height": 900})
    tab.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("dialog", lambda dialog: (wrong.append("a dialog"), dialog.dismiss()))
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.route(
        "**/*", lambda route: route.continue_() if path.name in route.request.url else route.abort()
    )
    try:
        tab.goto(path.as_uri() + address)
        until(tab, "document.getElementById('message').textContent !== 'Loading ...'")
        assert tab.inner_text("#message") == ""
        yield tab
        assert not wrong and len(asked) == 1
    finally:
        tab.close()


def until(tab: Any, condition: str, argument: Any = None) -> None:
    """Waits for it; what the library waits with, the page's policy forbids."""
    began = perf_counter()
    while not tab.evaluate(condition, argument):
        assert perf_counter() - began < 20, condition
        tab.wait_for_timeout(10)


def visit(tab: Any, **where: int) -> None:
    tab.evaluate("where => visit(where)", where)


def heat_map(tab: Any) -> np.ndarray:
    """What is drawn, ``[4, columns]``."""
    return np.array(tab.evaluate("figure.data[0].z.map((row) => Array.from(row))"), float)


def pointed(tab: Any, position: int, y: str, expected: str) -> str:
    """The label at a position, in the middle of the letters or at a letter of the heat-map."""
    x, top = tab.evaluate(
        """([position, y]) => {
          const { left, top } = figure.getBoundingClientRect(), l = figure._fullLayout;
          const axis = y ? l.yaxis2 : l.yaxis;
          const at = y ? axis.d2p(y) : axis._length / 2;
          return [left + l.xaxis._offset + l.xaxis.d2p(position), top + axis._offset + at];
        }""",
        [position, y],
    )
    tab.mouse.move(x - 2, top)
    tab.mouse.move(x, top)
    found = "(text) => (document.querySelector('.hoverlayer').textContent || '').includes(text)"
    until(tab, found, expected)
    return tab.text_content(".hoverlayer")


def drag(tab: Any, begin: int, end: int, y: str) -> None:
    """Zooms with the mouse, in the letters (``yaxis``) or in the heat-map (``yaxis2``)."""
    tab.evaluate("document.querySelector('main').scrollTop = 0")
    left, right, top = tab.evaluate(
        """([begin, end, y]) => {
          const { left, top } = figure.getBoundingClientRect(), l = figure._fullLayout;
          const x = (position) => left + l.xaxis._offset + l.xaxis.d2p(position);
          return [x(begin), x(end), top + l[y]._offset + l[y]._length / 2];
        }""",
        [begin, end, y],
    )
    before = tab.evaluate("state.from")
    tab.mouse.move(left, top)
    tab.mouse.down()
    tab.mouse.move(right, top, steps=4)
    tab.mouse.up()
    until(tab, "(before) => state.from !== before", before)


def corners(tab: Any) -> float:
    """How many corners a letter has, or a bar."""
    x = tab.evaluate("figure.data.slice(1, 6).flatMap((trace) => trace.x)")
    return len(x) / x.count(None) - 1
