"""What stands in a store before anything is scored, and the arrays that wait for scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ismc.io.stores.facts import Facts, attributes_of

if TYPE_CHECKING:
    from ismc.io.sequences.source import Coordinates

GENOME = ("genome_chroms", "genome_sizes")
FIXED = ("sites", *GENOME)
COORDINATES = ("chrom", "start", "end", "summit", "strand")
VARIANTS = "variants/"
CHECK = "check"
ROWS = 1 << 12  # of one chunk, where a row is a name or a number
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

    def columns(self) -> dict[str, Array]:
        """The arrays that have a row for each record or variant, but for letters."""
        found = {"names": np.asarray(self.names, np.dtypes.StringDType())}
        if self.coordinates is not None:
            places = self.coordinates
            found |= {name: np.asarray(getattr(places, name)) for name in COORDINATES}
        return found | dict(self.more)

    def fixed(self, facts: Facts) -> dict[str, Array]:
        """The arrays that are the same whatever records there are."""
        found = {}
        if facts.sites:
            found["sites"] = np.asarray(facts.sites, np.int64).reshape(-1, 2)
        if self.chromosomes:
            names = np.asarray([*self.chromosomes], np.dtypes.StringDType())
            lengths = np.asarray([*self.chromosomes.values()], np.int64)
            found |= dict(zip(GENOME, (names, lengths), strict=True))
        return found


def begin(group: Any, facts: Facts, content: Content) -> None:
    """The arrays of a new store, and all that does not depend on records."""
    for key, values in content.fixed(facts).items():
        chunks = tuple(max(size, 1) for size in values.shape)
        _array(group, key, values.shape, chunks, values.dtype)[...] = values
    for key, values in content.columns().items():
        _array(group, key, (0, *values.shape[1:]), (ROWS, *values.shape[1:]), values.dtype)
    for key, (shape, dtype) in _blocked(facts).items():
        _array(group, key, (0, *shape), (facts.block, *shape), dtype)
    _array(group, "written", (0,), (1,), np.int32)


def extend(group: Any, facts: Facts, content: Content) -> None:
    """Adds records behind those that are there; nothing of them is scored yet.

    The attributes come last. A process that is killed before leaves rows that no one counts, and
    the next records are written over them.

    Args:
        group: of the store.
        facts: what the store holds then; the records are its last part.
        content: the records, and nothing of the others.
    """
    before = facts.before
    for key, values in content.columns().items():
        first = before.variants if key.startswith(VARIANTS) else before.count
        array = _resized(group[key], first, len(values))
        array[first:] = values
    one_hot = _resized(group["one_hot"], before.count, facts.parts[-1].records)
    for number, rows in content.blocks(facts.block):
        first = before.count + number * facts.block
        one_hot[first : first + len(rows)] = rows
    for key in _blocked(facts):
        if key != "one_hot" and (key != CHECK or key in group):  # stores of before have none
            _resized(group[key], before.count, facts.parts[-1].records)
    written = _resized(group["written"], before.blocks, facts.blocks - before.blocks)
    if partial := before.count % facts.block:  # an undone append may have marked more of it
        written[before.blocks - 1] = partial
    group.attrs.put(attributes_of(facts))


def shorten(group: Any, facts: Facts) -> None:
    """Leaves out all but the records of ``facts``, which the store held before."""
    group.attrs.put(attributes_of(facts))
    for key in [name for name, _ in group.members(max_depth=None)]:
        rows = facts.variants if key.startswith(VARIANTS) else facts.count
        if key not in FIXED and hasattr(group[key], "resize"):
            _resized(group[key], facts.blocks if key == "written" else rows, 0)


def _blocked(facts: Facts) -> dict[str, tuple[tuple[int, ...], Any]]:
    """The shape of a record, and the type, of arrays in blocks of records."""
    channels = len(facts.letters)
    found: dict[str, tuple[tuple[int, ...], Any]] = {"one_hot": ((facts.length, channels), np.int8)}
    found[CHECK] = (3,), np.float32
    for output in facts.outputs:
        scored = (facts.width, channels, *output.score)
        found[facts.key("scores", output.name)] = scored, np.float32
        found[facts.key("reference", output.name)] = output.shape, np.float32
    return found


def _resized(array: Any, first: int, count: int) -> Any:
    """The array with ``first`` rows that were there, and ``count`` more."""
    for rows in (first, first + count):
        if array.shape[0] != rows:
            array.resize((rows, *array.shape[1:]))
    return array


def _array(
    group: Any, key: str, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: Any
) -> Any:
    """An empty array, compressed.

    Blosc holds a Zstandard of its own. That of `zarr.codecs.ZstdCodec` may be another library's
    that was imported before, and its bytes are others then.
    """
    from zarr.codecs import BloscCodec

    text = np.dtype(dtype).kind in "UTO"
    size = 1 if text else np.dtype(dtype).itemsize
    shuffle = "shuffle" if size > 1 else "noshuffle"
    return group.create_array(
        key,
        shape=shape,
        chunks=chunks,
        dtype=str if text else dtype,
        compressors=BloscCodec(typesize=size, cname="zstd", clevel=1, shuffle=shuffle),
    )
