"""Stores of scores with known numbers, for tests of what is made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ismc.io.sequences.source import Coordinates
from ismc.io.stores.content import Content
from ismc.io.stores.facts import Facts, Output, Part
from ismc.io.stores.making import create_store
from ismc.io.stores.store import Store

Array = np.ndarray
TEXT = np.dtypes.StringDType()


@dataclass(frozen=True)
class Made:
    """A store, and what was written to it."""

    store: Store
    one_hot: Array
    scores: list[Array]
    references: list[Array]

    @property
    def path(self) -> Path:
        assert self.store.path is not None
        return self.store.path


def regions(chrom: Sequence[str], start: Sequence[int], length: int) -> Coordinates:
    begin = np.asarray(start, np.int64)
    return Coordinates(
        np.asarray(chrom, TEXT),
        begin,
        begin + length,
        begin + length // 2,
        np.asarray([".+-"[i % 3] for i in range(len(begin))], TEXT),
        "genome.fa",
    )


def made(
    path: Path,
    *,
    count: int = 7,
    length: int = 12,
    shapes: Sequence[tuple[int, ...]] = ((),),
    sites: Sequence[tuple[int, int]] | None = None,
    places: Coordinates | None = None,
    chromosomes: Mapping[str, int] | None = None,
    one_hot: Array | None = None,
    block: int = 3,
    names: Sequence[str] | None = None,
    values: Callable[[tuple[int, ...]], Array] | None = None,
    written: bool = True,
    seed: int = 0,
    **facts: Any,
) -> Made:
    """A store of random scores, 0 at letters that are there; blocks are small, the last smaller."""
    rng = np.random.default_rng(seed)
    ranges = [(i, i + 1) for i in range(length)] if sites is None else list(sites)
    if one_hot is None:
        one_hot = np.eye(4, dtype=np.int8)[rng.integers(0, 4, (count, length))]
        one_hot[0, 1] = 0  # N
    count = len(one_hot)
    outputs = tuple(Output(f"head_{i}", shape, shape) for i, shape in enumerate(shapes))
    known: dict[str, Any] = {
        "model": "net.keras",
        "model_digest": "d" * 64,
        "plan": "abc",
        "score": "difference",
        "formula": "m - r",
        "signed": True,
        "centred": False,
        "parts": (Part("peaks.bed", "e" * 64, count),),
        "genome": "genome.fa" if places is not None else "",
        "versions": {"ismc": "0.1.0", "keras": "3.0"},
        "letters": "ACGT",
    }
    kept = Facts(
        outputs=outputs, sites=tuple(ranges), length=length, block=block,
        **(known | facts),
    )  # fmt: skip
    labels = [f"région {i}" for i in range(count)] if names is None else list(names)
    rows = one_hot
    content = Content(
        labels,
        lambda size: ((i, rows[i * size : (i + 1) * size]) for i in range(-(-count // size))),
        places,
        chromosomes or {},
    )
    store = create_store(path, kept, content)
    store = Store(path, kept, store.group)
    there = np.stack([one_hot[:, a:b].all(1) for a, b in ranges], 1)
    scores, references = [], []
    for shape in shapes:
        draw = values or (lambda size: rng.normal(size=size))
        found = draw((count, len(ranges), 4, *shape)).astype(np.float32)
        found[there] = 0
        scores.append(found)
        references.append(rng.normal(size=(count, *shape)).astype(np.float32))
    for number in range(kept.blocks if written else 0):
        r = kept.rows(number)
        store.write(r, [s[r] for s in scores], [y[r] for y in references])
    return Made(store, one_hot, scores, references)


def centred(scores: Array) -> Array:
    """Contributions ``[N, S, 4]`` of differences."""
    return scores - scores.mean(2, keepdims=True)
