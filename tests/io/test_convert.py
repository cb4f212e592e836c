"""Files for other programs: which, where, whole."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ismc.cli.convert import convert as convert_command
from ismc.errors import ArtifactError, InputError
from ismc.io.convert import FORMATS, convert, format_of
from ismc.io.convert.selection import choose_number
from ismc.io.stores.facts import Output
from tests.support.converting import Made, made, regions

GENOME = {"chr1": 500, "chr2": 90}


@pytest.fixture
def example(tmp_path: Path) -> Made:
    places = regions(["chr1"] * 5 + ["chr2"] * 2, [20, 0, 100, 106, 300, 0, 4], 12)
    return made(tmp_path / "s.zarr", places=places, chromosomes=GENOME)


def target_of(folder: Path, name: str) -> Path:
    return folder / f"out{FORMATS[name].suffixes[0]}"


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A disk that is full: no file may be larger, as the kernel sees to."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_suffixes_choose() -> None:
    found = {s: format_of(Path(f"a{s}")).name for s in (".npz", ".h5", ".tsv", ".tsv.gz", ".bw")}
    assert found == {
        ".npz": "npz", ".h5": "h5", ".tsv": "tsv", ".tsv.gz": "tsv", ".bw": "bigwig",
    }  # fmt: skip
    assert format_of(Path("a.h5"), "bpnet").name == "bpnet"
    with pytest.raises(InputError, match=r"No format has .*out\.txt.*\n.*--to: npz, h5"):
        format_of(Path("out.txt"))
    with pytest.raises(InputError, match=r"no format 'bed', expected one of npz, h5.*\n.*npz:"):
        format_of(Path("out.txt"), "bed")


@pytest.mark.parametrize("name", FORMATS)
def test_files_appear_whole_and_are_the_same_each_time(
    name: str, example: Made, tmp_path: Path
) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
        paths = convert(example.store, target_of(folder, name), name)
        assert sorted(folder.iterdir()) == sorted(paths)
    for path in paths:
        assert path.read_bytes() == (first / path.name).read_bytes()
    with pytest.raises(InputError, match=r"exists, expected a new file"):
        convert(example.store, target_of(second, name), name)
    for path in paths:
        path.write_text("older")
    assert convert(example.store, target_of(second, name), name, overwrite=True) == paths
    assert sorted(second.iterdir()) == sorted(paths)
    for path in paths:
        assert path.read_bytes() == (first / path.name).read_bytes()


def fill_the_disk(name: str, folder: Path) -> None:
    """Converts with too little room at four places; must be in a process of its own."""
    places = regions(["chr1"] * 60, range(0, 60 * 300, 300), 300)
    big = made(
        folder / f"{name}.zarr", count=60, length=300, places=places, chromosomes={"chr1": 99_999}
    )
    folder = folder / name
    folder.mkdir()
    older = FORMATS[name].paths(target_of(folder, name))
    sizes = [path.stat().st_size for path in convert(big.store, target_of(folder, name), name)]
    for path in older:
        path.write_text("older")
    largest = max(sizes)
    for size in (100, largest // 3, 2 * largest // 3, largest - 5):
        with pytest.raises(ArtifactError, match=r"cannot be written|no space"):  # noqa: SIM117
            with files_of_at_most(size):
                convert(big.store, target_of(folder, name), name, overwrite=True)
        assert sorted(folder.iterdir()) == sorted(older)
        assert [path.read_text() for path in older] == ["older"] * len(older)


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom tests.io.test_convert import *\n"
        "for name in FORMATS:\n"
        "    fill_the_disk(name, Path(sys.argv[1]))\n"
        "    print(name, flush=True)\n"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "error", "-c", code, str(tmp_path)],
        capture_output=True, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert (done.returncode, done.stdout.split()) == (0, list(FORMATS)), done.stderr


def test_two_files_are_both_or_none(
    example: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    paths = convert(example.store, folder / "out", "modisco")
    for path in paths:
        path.write_text("older")
    replace = Path.replace

    def second_fails(self: Path, target: Path) -> Path:
        if self.name.endswith("attr.npz") and ".part." in self.name and target == paths[1]:
            raise OSError(5, "Input/output error")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", second_fails)
    with pytest.raises(ArtifactError, match="Input/output error"):
        convert(example.store, folder / "out", "modisco", overwrite=True)
    assert sorted(folder.iterdir()) == sorted(paths)
    assert [path.read_text() for path in paths] == ["older", "older"]


def test_bad_targets(example: Made, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"folder .*missing does not exist"):
        convert(example.store, tmp_path / "missing" / "a.npz")
    (tmp_path / "a.npz").mkdir()
    with pytest.raises(InputError, match="is a directory"):
        convert(example.store, tmp_path / "a.npz", overwrite=True)
    with pytest.raises(InputError, match=r"ends in '.txt', expected .bw, .bigwig or .bigWig"):
        convert(example.store, tmp_path / "a.txt", "bigwig")
    (tmp_path / "b.attr.npz").write_text("")
    with pytest.raises(InputError, match=r"b.attr.npz exists"):
        convert(example.store, tmp_path / "b", "modisco")
    assert not (tmp_path / "b.ohe.npz").exists()


def test_a_store_must_be_whole(tmp_path: Path) -> None:
    half = made(tmp_path / "s.zarr", written=False)
    half.store.write(slice(0, 3), [half.scores[0][:3]], [half.references[0][:3]])
    with pytest.raises(InputError, match=r"2 of 3 blocks are not written \(1, 2\).*\n.*--resume"):
        convert(half.store, tmp_path / "a.npz")
    empty = made(tmp_path / "e.zarr", one_hot=np.zeros((0, 12, 4), np.int8), names=[])
    with pytest.raises(InputError, match="holds no records"):
        convert(empty.store, tmp_path / "a.npz")


def test_a_damaged_store_is_told(example: Made, tmp_path: Path) -> None:
    for path in (example.path / "scores" / "c").rglob("*"):
        if path.is_file():
            path.write_bytes(b"nothing of Zarr")
    for name in FORMATS:
        with pytest.raises(ArtifactError, match=r"s.zarr cannot be read at scores"):
            convert(example.store, target_of(tmp_path, name), name)
    assert list(tmp_path.iterdir()) == [example.path]


@pytest.mark.parametrize(
    ("shape", "task", "index"),
    [
        ((), None, ()),
        ((), 0, ()),
        ((1,), None, (0,)),
        ((1, 1), "0,0", (0, 0)),
        ((5,), "4", (4,)),
        ((5,), 2, (2,)),
        ((5, 3), "2,0", (2, 0)),
        ((5, 3), " 4, 2", (4, 2)),
        ((5, 3), 14, (4, 2)),
        ((5, 3), "3", (1, 0)),
    ],
)
def test_tasks(shape: tuple[int, ...], task: str | int | None, index: tuple[int, ...]) -> None:
    assert choose_number(facts(shape), None, task).index == index


@pytest.mark.parametrize(
    ("shape", "task", "text"),
    [
        ((5,), None, r"5 tasks, expected one .*\n.*--task I, or task= in Python; they are 0 to 4"),
        ((5, 3), None, r"15 tasks \[5, 3\].*\n.* 0 to 14, or 0,0 to 4,2"),
        ((5,), 5, "no task 5, expected 0 to 4"),
        ((5,), -1, "no task -1"),
        ((5,), "x", "no task 'x'"),
        ((5,), "", "no task ''"),
        ((5,), "1,1", "no task '1,1'"),
        ((5, 3), "1,3", "no task '1,3', expected 0 to 14, or 0,0 to 4,2"),
        ((), 1, "no task 1, expected 0, the only one"),
    ],
)
def test_bad_tasks(shape: tuple[int, ...], task: str | int | None, text: str) -> None:
    with pytest.raises(InputError, match=text):
        choose_number(facts(shape), None, task)


def test_outputs_are_chosen() -> None:
    two = facts((), (2,))
    with pytest.raises(
        InputError, match=r"outputs a, b, expected one to be chosen.*\n.*--model-output"
    ):
        choose_number(two, None, None)
    with pytest.raises(InputError, match=r"no output 'c', expected one of a, b"):
        choose_number(two, "c", None)
    assert choose_number(two, "b", 1).output.name == "b"
    assert choose_number(two, "b", 1).task == "1"
    assert choose_number(two, "a", None).task == ""


def facts(*shapes: tuple[int, ...]) -> Any:
    class Some:
        outputs = tuple(
            Output(name, shape, shape) for name, shape in zip("ab", shapes, strict=False)
        )

    return Some()


def test_the_command_says_what_it_wrote(example: Made, tmp_path: Path) -> None:
    target = tmp_path / "a.bw"
    text = convert_command(example.path, target, None)
    assert "format     bigwig" in text
    assert "sequences  7" in text
    assert f"file       {target} ({target.stat().st_size:,} bytes)" in text
    assert f"{target}.json" in text
    with pytest.raises(InputError, match="does not exist"):
        convert_command(tmp_path / "none.zarr", tmp_path / "b.bw", None)
