"""bigWig files, read back by pyBigWig and compared with every position by itself."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ismc.errors import InputError
from ismc.io.convert import convert
from ismc.io.convert.bigwig import per_base
from ismc.io.convert.chromosomes import read_sizes
from ismc.io.sequences.source import Coordinates
from tests.support.converting import Made, centred, made, regions

bigwigs = pytest.importorskip("pyBigWig")
GENOME = {"chr2": 60, "chr10": 90, "chr1": 500, "chrM": 16}
Places = dict[tuple[str, int], float]


def read(path: Path) -> tuple[list[tuple[str, int]], Places]:
    """Lengths of chromosomes in their order, and values by position."""
    with bigwigs.open(str(path)) as file:
        chroms = list(file.chroms().items())
        found = {
            (chrom, position): value
            for chrom, size in chroms
            for position, value in enumerate(file.values(chrom, 0, size))
            if not np.isnan(value)
        }
        assert file.header()["nBasesCovered"] == len(found)
    return chroms, found


def expected(given: Made, values: np.ndarray, places: Coordinates) -> Places:
    """By position, from all records that scored it: that whose stretch between middles it is in."""
    holders: dict[tuple[str, int], list[tuple[int, int, int, float]]] = {}
    for i, chrom in enumerate(places.chrom.tolist()):
        for j, (site, _) in enumerate(given.store.facts.sites):
            position = int(places.start[i]) + site
            if 0 <= position < GENOME[chrom]:
                held = holders.setdefault((chrom, position), [])
                start = int(places.start[i])
                held.append((int(places.summit[i]), start, i, float(values[i, j])))
    found = {}
    for (chrom, position), held in holders.items():
        held.sort()
        middles = [(a[0] + b[0]) // 2 for a, b in pairwise(held)]
        owner = sum(position >= middle for middle in middles)
        found[chrom, position] = held[owner][3]
    return found


def projected(given: Made) -> np.ndarray:
    at = [start for start, _ in given.store.facts.sites]
    return (centred(given.scores[0]) * given.one_hot[:, at]).sum(2)


def check(given: Made, places: Coordinates, values: np.ndarray, **more: Any) -> Places:
    path, _ = convert(given.store, given.path.with_name("a.bw"), overwrite=True, **more)
    chroms, found = read(path)
    assert chroms == list(GENOME.items())
    wanted = expected(given, values, places)
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        assert abs(found[key] - value) <= 1e-6, key
    return found


def test_records_apart(tmp_path: Path) -> None:
    places = regions(["chr1", "chr10", "chr1", "chr2"], [100, 0, 20, 48], 12)
    given = made(tmp_path / "s.zarr", count=4, places=places, chromosomes=GENOME)
    values = projected(given)
    found = check(given, places, values)
    assert len(found) == 4 * 12
    assert found["chr1", 103] == values[0, 3]


@pytest.mark.parametrize("seed", range(6))
def test_records_that_overlap(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    count = 40
    chrom = rng.choice(["chr1", "chr10", "chr2"], count).tolist()
    starts = rng.integers(-6, 70, count)
    starts[:3], chrom[:3] = 30, ["chr1"] * 3  # the same region again and again
    places = regions(chrom, starts.tolist(), 12)
    sites = [(i, i + 1) for i in rng.permutation(12)[: 12 if seed < 2 else 5].tolist()]
    given = made(
        tmp_path / "s.zarr", count=count, places=places, chromosomes=GENOME, sites=sites, seed=seed
    )
    check(given, places, projected(given))


def test_summits_need_not_be_in_the_middle(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    base = regions(["chr1"] * 30, rng.integers(0, 60, 30).tolist(), 12)
    summit = base.start + rng.integers(0, 12, 30)
    places = Coordinates(base.chrom, base.start, base.end, summit, base.strand, base.genome)
    given = made(tmp_path / "s.zarr", count=30, places=places, chromosomes=GENOME)
    check(given, places, projected(given))


def test_neighbours_part_at_the_middle(tmp_path: Path) -> None:
    places = regions(["chr1", "chr1"], [100, 105], 12)  # summits 106 and 111: 108
    given = made(tmp_path / "s.zarr", count=2, places=places, chromosomes=GENOME)
    values = projected(given)
    found = check(given, places, values)
    assert found["chr1", 107] == values[0, 7]
    assert found["chr1", 108] == values[1, 3]


def test_parts_outside_of_chromosomes_are_left_out(tmp_path: Path) -> None:
    places = regions(["chrM", "chrM", "chr2", "chr1"], [-5, 10, 59, -12], 12)
    given = made(tmp_path / "s.zarr", count=4, places=places, chromosomes=GENOME)
    found = check(given, places, projected(given))
    assert {key for key in found if key[0] != "chrM"} == {("chr2", 59)}
    assert sorted(p for c, p in found if c == "chrM") == [*range(7), *range(10, 16)]


def test_centred_scores_stay(tmp_path: Path) -> None:
    places = regions(["chr1"] * 7, range(0, 140, 20), 12)
    given = made(tmp_path / "s.zarr", places=places, chromosomes=GENOME, centred=True)
    given.store.write(slice(0, 3), [given.scores[0][:3] + 1], [given.references[0][:3]])
    scores = given.scores[0].copy()
    scores[:3] += 1
    check(given, places, (scores * given.one_hot).sum(2))


def test_a_distance_is_the_mean_over_other_letters(tmp_path: Path) -> None:
    places = regions(["chr1"] * 7, range(0, 140, 20), 12)
    given = made(
        tmp_path / "s.zarr", places=places, chromosomes=GENOME, signed=False, score="l2",
        values=lambda shape: np.random.default_rng(0).random(shape),
    )  # fmt: skip
    found = check(given, places, given.scores[0].sum(2) / (4 - given.one_hot.sum(2)))
    assert given.one_hot[0, 1].sum() == 0
    at_n = per_base(given.store.facts, given.one_hot[:1], given.scores[0][:1])[0, 1]
    assert at_n == pytest.approx(given.scores[0][0, 1].mean())
    assert found["chr1", 1] == pytest.approx(at_n)


def test_many_records_wait_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ismc.io.convert.bigwig.MAX_SPOOL_BYTES", 100)
    places = regions(["chr1"] * 30, range(400, 100, -10), 12)
    given = made(tmp_path / "s.zarr", count=30, places=places, chromosomes=GENOME)
    check(given, places, projected(given))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.bw", "a.bw.json", "s.zarr"]


def test_beside_it_stands_what_it_is(tmp_path: Path) -> None:
    places = regions(["chr1"] * 7, range(7), 12)
    given = made(tmp_path / "s.zarr", places=places, chromosomes=GENOME, shapes=[(2,), ()])
    path, said = convert(given.store, tmp_path / "a.bigwig", output="head_0", task=1)
    assert said.name == "a.bigwig.json"
    facts = json.loads(said.read_text("utf-8"))
    assert facts["model_digest"] == "d" * 64
    assert (facts["output"], facts["task"]) == ("head_0", "1")
    assert facts["contents"].startswith("contribution of the reference letter")
    assert path.exists()


@pytest.mark.parametrize(
    "text", ["chr2\t60\nchr10 90\n\nchr1\t500\r\nchrM\t16\t99\t60\t61\n"], ids=["fai and sizes"]
)
def test_lengths_of_a_file(text: str, tmp_path: Path) -> None:
    sizes = tmp_path / "chrom.sizes"
    sizes.write_text(text, newline="")
    assert list(read_sizes(sizes).items()) == list(GENOME.items())
    places = regions(["chr1"] * 7, range(0, 140, 20), 12)
    given = made(tmp_path / "s.zarr", places=places)
    check(given, places, projected(given), sizes=sizes)
    with pytest.raises(InputError, match=r"has no lengths of chromosomes.*\n.*--sizes"):
        convert(given.store, tmp_path / "b.bw")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chr1\t5\nchr2\n", r"line 2: 'chr2' has no length"),
        ("chr1\tfive\n", r"line 1: 'chr1\\tfive' has no length"),
        ("chr1\t5\n\nchr1\t6\n", r"line 3: 'chr1\\t6' has a repeated name"),
        ("\n", "is empty"),
        ("\udcff", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_bad_lengths(text: str | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "chrom.sizes"
    if text is not None:
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=said):
        read_sizes(path)


def test_records_must_lie_on_known_chromosomes(tmp_path: Path) -> None:
    places = regions(["chr1", "chrUn", "chrZ"], range(3), 12)
    given = made(tmp_path / "a.zarr", count=3, places=places, chromosomes=GENOME)
    with pytest.raises(InputError, match=r"missing for 2 chromosomes, chrUn, chrZ"):
        convert(given.store, tmp_path / "a.bw")
    nowhere = made(tmp_path / "b.zarr")
    with pytest.raises(InputError, match=r"records of peaks.bed have no coordinates"):
        convert(nowhere.store, tmp_path / "a.bw")


def test_a_task_is_chosen(tmp_path: Path) -> None:
    places = regions(["chr1"] * 7, range(0, 140, 20), 12)
    given = made(tmp_path / "s.zarr", places=places, chromosomes=GENOME, shapes=[(3,)])
    values = (centred(given.scores[0][..., 2]) * given.one_hot).sum(2)
    check(given, places, values, task=2)
    with pytest.raises(InputError, match="has 3 tasks"):
        convert(given.store, tmp_path / "b.bw")
