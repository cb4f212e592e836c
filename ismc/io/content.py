"""What stands in a store before anything is scored, and the empty arrays of scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ismc.io.facts import Facts

if TYPE_CHECKING:
    from ismc.io.sources import Coordinates

COORDINATES = ("chrom", "start", "end", "summit", "strand")
Array = np.ndarray


@dataclass(frozen=True)
class Content:
    """What stands in a store before anything is scored.

    Attributes:
        names: of the records, ``N``.
        blocks: from the size of a block to numbers and rows, int8 ``[n, L, 4]``, of all blocks.
        coordinates: where the records lie in a genome, if they do.
        chromosomes: their lengths, if they do.
        more: other arrays by key.
    """

    names: Sequence[str]
    blocks: Callable[[int], Iterable[tuple[int, Array]]]
    coordinates: Coordinates | None = None
    chromosomes: Mapping[str, int] = field(default_factory=dict)
    more: Mapping[str, Array] = field(default_factory=dict)

    def columns(self, facts: Facts) -> dict[str, Array]:
        """The arrays that are written as a whole."""
        found = {"names": np.asarray(self.names, np.dtypes.StringDType())}
        if facts.sites:
            found["sites"] = np.asarray(facts.sites, np.int64).reshape(-1, 2)
        if self.coordinates is not None:
            places = self.coordinates
            found |= {name: np.asarray(getattr(places, name)) for name in COORDINATES}
        if self.chromosomes:
            found["genome_chroms"] = np.asarray([*self.chromosomes], np.dtypes.StringDType())
            found["genome_sizes"] = np.asarray([*self.chromosomes.values()], np.int64)
        return found | dict(self.more)


def fill(group: Any, facts: Facts, content: Content) -> None:
    """All arrays: those of records written, those of scores empty."""
    count, block, channels = facts.count, facts.block, len(facts.letters)
    for key, values in content.columns(facts).items():
        kind = "str" if values.dtype.kind in "UTO" else values.dtype.name
        chunks = tuple(max(size, 1) for size in values.shape)
        if key == "at":
            chunks = (block, *chunks[1:])
        _array(group, key, values.shape, chunks, kind)[...] = values
    blocks: dict[str, tuple[tuple[int, ...], str]] = {"one_hot": ((facts.length, channels), "int8")}
    for output in facts.outputs:
        scored = (facts.width, channels, *output.score)
        blocks[facts.key("scores", output.name)] = scored, "float32"
        blocks[facts.key("reference", output.name)] = output.shape, "float32"
    for key, (shape, dtype) in blocks.items():
        _array(group, key, (count, *shape), (block, *shape), dtype)
    _array(group, "done", (facts.blocks,), (1,), "bool")
    for number, rows in content.blocks(block):
        group["one_hot"][facts.rows(number)] = rows


def _array(
    group: Any, key: str, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: str
) -> Any:
    """An empty array, compressed.

    Blosc holds a Zstandard of its own. That of `zarr.codecs.ZstdCodec` may be another library's
    that was imported before, and its bytes are others then.
    """
    from zarr.codecs import BloscCodec

    size = 1 if dtype == "str" else np.dtype(dtype).itemsize
    shuffle = "shuffle" if size > 1 else "noshuffle"
    return group.create_array(
        key,
        shape=shape,
        chunks=chunks,
        dtype=str if dtype == "str" else dtype,
        compressors=BloscCodec(typesize=size, cname="zstd", clevel=1, shuffle=shuffle),
    )
