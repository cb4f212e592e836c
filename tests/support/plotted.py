"""Small stores of scores, and the figures that `ismc plot` makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from ismc.io.sequences.source import Coordinates
from ismc.io.stores.content import Content
from ismc.io.stores.facts import Facts, Output, Part
from ismc.io.stores.making import create_store
from ismc.io.stores.store import Store
from ismc.plot import files

LENGTH, COUNT, BLOCK, START = 40, 8, 2, 500_000
SITES = np.arange(10, 31)
OUTPUTS = {"head": (3,), "counts": (), "single": (1,), "profile": (5, 2), "many": (9,)}

Drawn = list[Figure]


def made(
    path: Path,
    *,
    count: int = COUNT,
    genome: bool = True,
    signed: bool = True,
    skipped: tuple[int, ...] = (),
) -> Store:
    """A store of random scores: 0 at the letter that is there; the record 4 begins with N."""
    rng = np.random.default_rng(0)
    one_hot = np.eye(4, dtype=np.int8)[rng.integers(0, 4, (count, LENGTH))]
    one_hot[4:5, :20] = 0
    facts = facts_of(count, signed, genome, sites=tuple((int(i), int(i) + 1) for i in SITES))
    names = ["7" if i == count - 1 and i else f"peak {i}" for i in range(count)]
    store = create_store(path, facts, content(names, one_hot, genome))
    for block in range(facts.blocks):
        letters = one_hot[facts.rows(block)][:, SITES]
        scores, references = [], []
        for output in facts.outputs:
            values = rng.normal(size=(*letters.shape, *output.score))
            absent = (1 - letters).reshape(*letters.shape, *[1] * len(output.score))
            values = values * absent if signed else np.abs(values * absent)
            scores.append(values.astype(np.float32))
            references.append(np.zeros((len(letters), *output.shape), np.float32))
        if block not in skipped:
            store.write(facts.rows(block), scores, references)
    return store


def facts_of(count: int, signed: bool, genome: bool, **more: Any) -> Facts:
    """What such stores say of themselves."""
    settings: dict[str, Any] = {
        "model": "m.keras",
        "model_digest": "0" * 64,
        "plan": "p",
        "score": "difference" if signed else "l2",
        "formula": "m - r",
        "signed": signed,
        "centred": False,
        "outputs": tuple(Output(name, shape, shape) for name, shape in OUTPUTS.items()),
        "length": LENGTH,
        "parts": (Part("r.bed", "1" * 64, count),),
        "block": BLOCK,
        "genome": "g.fa" if genome else "",
    }
    return Facts(**(settings | more))


def content(names: list[str], one_hot: np.ndarray, genome: bool, **more: Any) -> Content:
    """Records, 100 positions apart on ``chr1``."""
    start = START + 100 * np.arange(len(names))
    text = np.dtypes.StringDType()
    places = Coordinates(
        np.full(len(names), "chr1", text),
        start,
        start + LENGTH,
        start + LENGTH // 2,
        np.full(len(names), ".", text),
        "g.fa",
    )
    return Content(
        names,
        lambda size: ((i // size, one_hot[i : i + size]) for i in range(0, len(names), size)),
        places if genome else None,
        {"chr1": 10**6} if genome else {},
        more,
    )


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Store]:
    """``regions`` of a genome, ``one`` record without, ``distances`` that have no sign."""
    folder = tmp_path_factory.mktemp("stores")
    return {
        "regions": made(folder / "regions.zarr"),
        "one": made(folder / "one.zarr", count=1, genome=False),
        "distances": made(folder / "distances.zarr", signed=False),
    }


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """The figures that are saved."""
    found: Drawn = []
    save = files.save

    def noted(figure: Figure, path: Path) -> None:
        found.append(figure)
        save(figure, path)

    monkeypatch.setattr(files, "save", noted)
    return found
