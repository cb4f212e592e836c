"""Small models, a synthetic genome and its regions, and what is compared after a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ismc.cli.options import InputOptions, RunOptions
from ismc.jobs.program import ScoringSpec
from tests.support.models import two_heads

LENGTH = 60
CHROMOSOMES = {"chr1": 6000, "chr2": 3000, "chrM": 40}
BLOCK = 4


@pytest.fixture(scope="module", autouse=True)
def kept_programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Programs of one model are compiled once for all tests of a module that imports this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISMC_CACHE", "on")
        patch.setenv("ISMC_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


def write_genome(path: Path, seed: int = 0) -> dict[str, str]:
    """Writes random chromosomes in lines of 50 letters; returns them."""
    rng = np.random.default_rng(seed)
    found = {name: "".join(rng.choice(list("ACGT"), n)) for name, n in CHROMOSOMES.items()}
    with path.open("w") as file:
        for name, letters in found.items():
            lines = [letters[i : i + 50] for i in range(0, len(letters), 50)]
            file.write(f">{name} synthetic\n" + "\n".join(lines) + "\n")
    return found


def write_regions(path: Path, count: int = 30, seed: int = 0) -> None:
    """Writes a narrowPeak file; windows overlap now and then, and none reaches over an end."""
    rng = np.random.default_rng(seed)
    lines = []
    for i in range(count):
        chrom = ["chr1", "chr2"][i % 2]
        start = int(rng.integers(100, CHROMOSOMES[chrom] - 300))
        lines.append(f"{chrom}\t{start}\t{start + 100}\tpeak{i}\t0\t.\t5\t-1\t-1\t{20 + i}")
    path.write_text("\n".join(lines) + "\n")


def folder_of_inputs(folder: Path, models: int = 1) -> Path:
    """A folder with ``model.keras`` (``model1.keras``, ..), ``genome.fa`` and ``regions.bed``."""
    for i in range(models):
        two_heads(i).save(folder / f"model{i or ''}.keras")
    write_genome(folder / "genome.fa")
    write_regions(folder / "regions.narrowPeak")
    return folder


def wanted(folder: Path, **more: object) -> ScoringSpec:
    """The model of a folder."""
    return ScoringSpec((folder / "model.keras",), **more)  # pyright: ignore


def regions(folder: Path, **more: object) -> InputOptions:
    """The regions of a folder."""
    files = {"bed": folder / "regions.narrowPeak", "genome": folder / "genome.fa"}
    return InputOptions(**(files | more))  # pyright: ignore


def places(**more: object) -> RunOptions:
    """Blocks of a few records."""
    return RunOptions(**({"batch_size": BLOCK} | more))  # pyright: ignore


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by its path inside."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
