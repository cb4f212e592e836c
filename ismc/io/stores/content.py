"""The contents of a new store: its metadata, and empty arrays for its scores."""

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
CHUNK_ROWS = 1 << 12  # of arrays with one name or number per record
Array = np.ndarray


@dataclass(frozen=True)
class Content:
    """The metadata of records, written to a store before any score.

    Attributes:
        names: names of the ``N`` records.
        blocks: yields the number and the sequences, int8 ``[n, L, 4]``, of each block of that size.
        coordinates: where the records are in a genome, or ``None``.
        chromosomes: lengths of the chromosomes of that genome; empty without one.
        more: other arrays by key, such as the table of variants.
    """

    names: Sequence[str]
    blocks: Callable[[int], Iterable[tuple[int, Array]]]
    coordinates: Coordinates | None = None
    chromosomes: Mapping[str, int] = field(default_factory=dict)
    more: Mapping[str, Array] = field(default_factory=dict)

    def columns(self) -> dict[str, Array]:
        """The arrays with one row per record or variant, except the sequences."""
        arrays = {"names": np.asarray(self.names, np.dtypes.StringDType())}
        if self.coordinates is not None:
            places = self.coordinates
            arrays |= {name: np.asarray(getattr(places, name)) for name in COORDINATES}
        return arrays | dict(self.more)

    def fixed(self, facts: Facts) -> dict[str, Array]:
        """The arrays that do not depend on the records."""
        arrays = {}
        if facts.sites:
            arrays["sites"] = np.asarray(facts.sites, np.int64).reshape(-1, 2)
        if self.chromosomes:
            names = np.asarray([*self.chromosomes], np.dtypes.StringDType())
            lengths = np.asarray([*self.chromosomes.values()], np.int64)
            arrays |= dict(zip(GENOME, (names, lengths), strict=True))
        return arrays


def begin(group: Any, facts: Facts, content: Content) -> None:
    """Creates the arrays of a new store, and fills those that do not depend on the records."""
    for key, values in content.fixed(facts).items():
        chunks = tuple(max(size, 1) for size in values.shape)
        _create_array(group, key, values.shape, chunks, values.dtype)[...] = values
    for key, values in content.columns().items():
        _create_array(
            group, key, (0, *values.shape[1:]), (CHUNK_ROWS, *values.shape[1:]), values.dtype
        )
    for key, (shape, dtype) in _block_arrays(facts).items():
        _create_array(group, key, (0, *shape), (facts.block, *shape), dtype)
    _create_array(group, "written", (0,), (1,), np.int32)


def extend(group: Any, facts: Facts, content: Content) -> None:
    """Appends records that have no scores yet.

    The attributes are written last. A process that is killed before that leaves rows past the
    record count, and the next append overwrites them.

    Args:
        group: the group of the store.
        facts: the facts after the append; their last part is the new records.
        content: the new records only.
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
    for key in _block_arrays(facts):
        if key != "one_hot" and (key != CHECK or key in group):  # older stores have none
            _resized(group[key], before.count, facts.parts[-1].records)
    written = _resized(group["written"], before.blocks, facts.blocks - before.blocks)
    if partial := before.count % facts.block:  # an undone append may have marked more
        written[before.blocks - 1] = partial
    group.attrs.put(attributes_of(facts))


def shorten(group: Any, facts: Facts) -> None:
    """Truncates a store to the records of ``facts``, an earlier state of it."""
    group.attrs.put(attributes_of(facts))
    for key in [name for name, _ in group.members(max_depth=None)]:
        rows = facts.variants if key.startswith(VARIANTS) else facts.count
        if key not in FIXED and hasattr(group[key], "resize"):
            _resized(group[key], facts.blocks if key == "written" else rows, 0)


def _block_arrays(facts: Facts) -> dict[str, tuple[tuple[int, ...], Any]]:
    """The shape of one record, and the dtype, of each array in blocks of records."""
    channels = len(facts.letters)
    arrays: dict[str, tuple[tuple[int, ...], Any]] = {
        "one_hot": ((facts.length, channels), np.int8)
    }
    arrays[CHECK] = (3,), np.float32
    for output in facts.outputs:
        score_shape = (facts.width, channels, *output.score)
        arrays[facts.key("scores", output.name)] = score_shape, np.float32
        arrays[facts.key("reference", output.name)] = output.shape, np.float32
    return arrays


def _resized(array: Any, first: int, count: int) -> Any:
    """The array, truncated to ``first`` rows and then extended by ``count`` empty ones."""
    for rows in (first, first + count):
        if array.shape[0] != rows:
            array.resize((rows, *array.shape[1:]))
    return array


def _create_array(
    group: Any, key: str, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: Any
) -> Any:
    """A new compressed array.

    Blosc bundles its own Zstandard. `zarr.codecs.ZstdCodec` may use the Zstandard of a library that
    was imported earlier, and then write other bytes.
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
