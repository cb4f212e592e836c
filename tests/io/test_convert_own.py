"""Files in ismc's own layout, of every letter and of variants; and memory of all formats."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from time import sleep
from typing import Any
from zipfile import ZipFile

import h5py
import numpy as np
import pytest

from ismc.errors import InputError
from ismc.io.convert import FORMATS, convert
from ismc.io.convert.hdf5_file import hdf5_file
from ismc.io.stores.content import Content
from ismc.io.stores.facts import Facts, Output, Part
from ismc.io.stores.making import in_memory
from ismc.io.stores.store import Store
from tests.support.converting import made, regions

GENOME = {"chr1": 500, "chr2": 90}


@pytest.mark.parametrize("shapes", [((),), ((2,), (3, 2))], ids=["one", "two"])
@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_own_layout_holds_the_store(
    suffix: str, shapes: tuple[tuple[int, ...], ...], tmp_path: Path
) -> None:
    sites = [(0, 1), (3, 5), (11, 12)]
    places = regions(["chr1"] * 7, range(0, 70, 10), 12)
    given = made(tmp_path / "s.zarr", shapes=shapes, sites=sites, places=places, chromosomes=GENOME)
    (path,) = convert(given.store, tmp_path / f"a{suffix}")
    arrays, texts = everything(path)
    keys = ["scores", "reference"]
    if len(shapes) > 1:
        keys = [f"{kind}/head_{i}" for kind in keys for i in range(2)]
    for key, expected in zip(keys, [*given.scores, *given.references], strict=True):
        assert arrays[key].dtype == np.float32
        np.testing.assert_array_equal(arrays[key], expected)
    assert arrays["one_hot"].dtype == np.int8
    np.testing.assert_array_equal(arrays["one_hot"], given.one_hot)
    assert arrays["sites"].tolist() == [list(site) for site in sites]
    assert arrays["names"].tolist() == [f"région {i}" for i in range(7)]
    assert arrays["chrom"].tolist() == ["chr1"] * 7
    assert arrays["strand"].tolist() == list(".+-.+-.")
    np.testing.assert_array_equal(arrays["start"], places.start)
    np.testing.assert_array_equal(arrays["summit"], places.summit)
    assert dict(zip(arrays["genome_chroms"], arrays["genome_sizes"], strict=True)) == GENOME
    assert not set(arrays) - {
        *keys, "one_hot", "sites", "names", "chrom", "strand", "start", "end", "summit",
        "genome_chroms", "genome_sizes",
    }  # fmt: skip
    assert texts["model_digest"] == "d" * 64
    assert texts["score"] == "difference"
    assert texts["letters"] == "ACGT"
    assert texts["ismc_version"] == "0.1.0"
    assert json.loads(texts["versions"]) == {"ismc": "0.1.0", "keras": "3.0"}
    assert "m - r" in texts["about"]
    assert "ACGT[c] at sites[s]" in texts["about"]


def everything(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Arrays and texts of a file."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            found = dict(file)
        return (
            {key: value for key, value in found.items() if value.ndim},
            {key: str(value) for key, value in found.items() if not value.ndim},
        )
    arrays: dict[str, Any] = {}

    def see(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            text = h5py.check_string_dtype(item.dtype)
            arrays[name] = item.asstr()[:] if text else item[:]

    with h5py.File(path) as file:
        file.visititems(see)
        return arrays, {key: str(value) for key, value in file.attrs.items()}


def test_own_layout_holds_every_output(tmp_path: Path) -> None:
    example = made(tmp_path / "s.zarr")
    for more in ({"output": "head_0"}, {"task": 0}):
        with pytest.raises(InputError, match="npz and h5 hold all outputs"):
            convert(example.store, tmp_path / "a.npz", **more)  # pyright: ignore


@pytest.fixture
def variants() -> Store:
    """Two windows with two sites and one, and three variants, one of which has no score."""
    kept = Facts(
        model="net.keras", model_digest="d" * 64, plan="abc", score="difference", formula="m - r",
        signed=True, centred=False, outputs=(Output("head", (), ()),), sites=(), slots=2, length=12,
        block=1, parts=(Part("a.vcf", "e" * 64, 2, 3),), genome="genome.fa",
        versions={"ismc": "0.1.0"},
    )  # fmt: skip
    columns = {
        "chrom": ["chr1"] * 3, "pos": [5, 9, 30], "id": ["a", "b", "c"], "ref": ["A", "C", "AT"],
        "alt": ["T", "G", "A"], "status": ["ok", "ok", "deletion"], "window": [0, 1, -1],
        "slot": [1, 0, -1], "letter": [3, 2, -1], "line": [1, 2, 3],
    }  # fmt: skip
    text = np.dtypes.StringDType()
    arrays = {
        f"variants/{key}": np.asarray(values, text if isinstance(values[0], str) else np.int64)
        for key, values in columns.items()
    }
    at = {"at": np.asarray([[2, 4], [6, -1]])}
    rows = np.eye(4, dtype=np.int8)[np.zeros((2, 12), int)]
    content = Content(["w0", "w1"], lambda _: enumerate(rows[:, None]), more=at | arrays)
    store = in_memory(kept, content)
    for block in range(2):
        scores = np.arange(8, dtype=np.float32).reshape(1, 2, 4) + 10 * block
        scores[0, 1:] = scores[0, 1:] if block == 0 else np.nan
        store.write(slice(block, block + 1), [scores], [np.zeros(1, np.float32)])
    return store


def test_variants(variants: Store, tmp_path: Path) -> None:
    (path,) = convert(variants, tmp_path / "a.tsv")
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    table = [line.split("\t") for line in lines]
    scores = {row[table[0].index("id")]: row[table[0].index("head")] for row in table[1:]}
    assert scores == {"a": "7", "b": "12", "c": "nan"}
    assert list(tmp_path.iterdir()) == [path]
    for suffix in (".npz", ".h5"):
        arrays, texts = everything(convert(variants, tmp_path / f"a{suffix}")[0])
        np.testing.assert_array_equal(arrays["scores"], variants.scores()[:])
        assert arrays["at"].tolist() == [[2, 4], [6, -1]]
        assert arrays["variants/id"].tolist() == ["a", "b", "c"]
        assert arrays["variants/pos"].tolist() == [5, 9, 30]
        assert "at[b, s]" in texts["about"]
    for name in ("modisco", "chrombpnet", "bpnet", "basenji", "bigwig"):
        with pytest.raises(InputError, match=r"holds variants.*\n.*\.tsv"):
            convert(variants, tmp_path / f"a{FORMATS[name].suffixes[0]}", name, overwrite=True)


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "tsv"])
def test_few_blocks_are_in_memory(name: str, tmp_path: Path) -> None:
    places = regions(["chr1"] * 300, range(0, 3000, 10), 256)
    large = made(
        tmp_path / "s.zarr", count=300, length=256, block=4, places=places,
        chromosomes={"chr1": 99_999},
    )  # fmt: skip
    tracemalloc.start()
    try:
        convert(large.store, tmp_path / f"a{FORMATS[name].suffixes[0]}", name)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < large.scores[0].nbytes / 2


def test_own_layout_takes_any_numbers_and_letters(tmp_path: Path) -> None:
    given = made(tmp_path / "s.zarr", letters="ACGU", values=lambda s: np.full(s, np.nan))
    (path,) = convert(given.store, tmp_path / "a.npz")
    np.testing.assert_array_equal(everything(path)[0]["scores"], given.scores[0])


def test_files_hold_no_dates(tmp_path: Path) -> None:
    given = made(tmp_path / "s.zarr")
    (path,) = convert(given.store, tmp_path / "a.npz")
    with ZipFile(path) as archive:
        assert {item.date_time for item in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    (path,) = convert(given.store, tmp_path / "a.h5")
    sleep(1.1)  # HDF5 counts seconds
    (again,) = convert(given.store, tmp_path / "b.h5")
    assert path.read_bytes() == again.read_bytes()


def test_hdf5_tells_of_a_disk_that_is_full_when_it_closes(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with pytest.raises(OSError, match="No space left"):  # noqa: SIM117
        with hdf5_file(path) as file:
            file.add({"x": np.arange(4)})
            file._disk.failure = OSError(28, "No space left on device")
