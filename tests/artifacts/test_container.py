"""A file is read as it was written, and written as a whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load

from ismc.artifacts.container import (
    Container,
    header,
    pack,
    read_container,
    unpack,
    write_container,
)
from ismc.artifacts.payload import DTYPES
from ismc.errors import ArtifactError

HEAD = 52
SMALL = Container(
    {"model": "m", "sites": [1, 2.5, None, True], "nested": {"ä": "ß"}},
    {"plan.txt": "one\ntwo\r\n", "program.py": ""},
    {"module": b"\x00\xff", "none": b""},
    {"w": np.arange(3, dtype=np.float32), "s": np.array(2, np.int8), "e": np.empty((0, 2), "u2")},
)
NAMES = st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9_.+-]{0,20}[A-Za-z0-9_+-])?", fullmatch=True).filter(
    lambda name: ".." not in name
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
DATA = st.recursive(
    LEAVES.filter(lambda x: x not in (float("inf"), -float("inf"))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PLAIN = [np.dtype(name) for name in DTYPES.values() if name != "bfloat16"]
ARRAYS = st.sampled_from(PLAIN).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
)


@pytest.fixture(autouse=True)
def _fresh_keras() -> None:
    """No models are made here: nothing is to be freed after each test."""


def assert_same(found: Container, expected: Container) -> None:
    assert found.manifest == expected.manifest
    assert dict(found.texts) == dict(expected.texts)
    assert dict(found.blobs) == dict(expected.blobs)
    assert found.arrays.keys() == expected.arrays.keys()
    for name, array in expected.arrays.items():
        other = found.arrays[name]
        assert (other.dtype, other.shape) == (array.dtype, array.shape)
        assert other.tobytes() == array.tobytes()


@given(
    manifest=st.dictionaries(st.text(), DATA, max_size=3),
    texts=st.dictionaries(NAMES, st.text(st.characters()), max_size=3),
    blobs=st.dictionaries(NAMES, st.binary(max_size=40), max_size=3),
    arrays=st.dictionaries(NAMES, ARRAYS, max_size=3),
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_packed_is_unpacked(
    manifest: dict, texts: dict, blobs: dict, arrays: dict
) -> None:
    container = Container(manifest, texts, blobs, arrays)
    data = pack(container)
    assert data == pack(container)
    assert_same(unpack(data, "it"), container)


@pytest.mark.parametrize("private", [False, True])
def test_a_file_is_written_and_read(tmp_path: Path, private: bool) -> None:
    path = tmp_path / "model.ismc"
    path.write_bytes(b"older")
    before = os.umask(0o027)
    try:
        write_container(path, SMALL, private=private)
    finally:
        os.umask(before)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == pack(SMALL)
    assert_same(read_container(path), SMALL)
    assert header(path) == SMALL.manifest
    assert SMALL.size == 9 + 2 + 12 + 1
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == (0o600 if private else 0o640)


def test_arrays_of_any_layout_keep_their_values() -> None:
    wide = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
    arrays = {
        "transposed": wide.T,
        "strided": wide[:, ::2, ::-1],
        "broadcast": np.broadcast_to(np.float32(1.5), (2, 3)),
        "fortran": np.asfortranarray(wide),
        "half": np.arange(5).astype(ml_dtypes.bfloat16),
        "nan": np.array([0x7FC00001, 0xFFC00002], np.uint32).view(np.float32),
        "complex": np.array([1 + 2j], np.complex64),
    }
    container = Container({}, arrays=arrays)
    assert_same(unpack(pack(container), "it"), container)
    swapped = unpack(pack(Container({}, arrays={"x": np.arange(3, dtype=">i4")})), "it").arrays["x"]
    assert swapped.dtype == np.dtype("<i4")
    assert swapped.tolist() == [0, 1, 2]


def test_the_payload_is_a_file_of_safetensors() -> None:
    tensors = load(pack(SMALL)[HEAD:])
    assert sorted(tensors) == ["array:e", "array:s", "array:w", "blob:module", "blob:none"]


@pytest.mark.parametrize(
    ("container", "text"),
    [
        (Container({}, {"a/b": ""}), "The name 'a/b' cannot be stored"),
        (Container({}, {}, {"..": b""}), "The name '..' cannot be stored"),
        (Container({}, {}, {}, {"a..b": np.ones(1)}), "The name 'a..b' cannot be stored"),
        (Container({}, {"": ""}), "The name '' cannot be stored"),
        (Container({}, {".hidden": ""}), "The name '.hidden' cannot be stored"),
        (Container({}, {"a\n": ""}), "The name 'a\\n' cannot be stored"),
        (Container({}, {"a" * 201: ""}), "cannot be stored"),
        (Container({"x": float("nan")}), "The manifest is not JSON data"),
        (Container({"x": b"bytes"}), "The manifest is not JSON data"),
        (Container({"x": {1, 2}}), "The manifest is not JSON data"),
        (Container({}, arrays={"o": np.array([object()])}), "The array 'o' has dtype object"),
        (Container({}, arrays={"u": np.array(["text"])}), "The array 'u' has dtype <U4"),
        (Container({}, arrays={"r": np.ones(1, [("a", "f4")])}), "The array 'r' has dtype"),
        (Container({}, arrays={"c": np.ones(1, complex)}), "The array 'c' has dtype complex128"),
    ],
)
def test_what_cannot_be_stored_is_refused(container: Container, text: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        write_container(tmp_path / "x.ismc", container)
    assert text in str(caught.value)
    assert caught.value.hint
    assert not list(tmp_path.iterdir())


def test_manifests_that_safetensors_would_not_read_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ismc.artifacts.payload.MAX_HEADER_BYTES", 1000)
    pack(Container({"a": "x" * 500}))
    with pytest.raises(ArtifactError, match="Manifest and texts take more than 1000 bytes"):
        pack(Container({"a": "x" * 1000}))


@pytest.fixture
def older(tmp_path: Path) -> Iterator[Path]:
    """A file that is to stay as it was."""
    path = tmp_path / "x.ismc"
    path.write_bytes(b"older")
    yield path
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"older"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("place", ["os.fsync", "pathlib.Path.replace", "os.open"])
def test_a_failed_write_leaves_nothing(
    older: Path, place: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(place, fail)
    expected = ArtifactError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        write_container(older, SMALL)
    monkeypatch.undo()
    if expected is ArtifactError:
        assert str(caught.value) == (
            f"{older} cannot be written (No space left on device).\nHint: Free space, make the "
            "folder and its file writable, or choose another folder."
        )


def test_folders_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"cannot be written \(No such file or directory\)"):
        write_container(tmp_path / "none" / "x.ismc", SMALL)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ArtifactError, match=r"folder cannot be written"):
        write_container(tmp_path / "folder", SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_large_arrays_are_copied_twice_at_most(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
import numpy as np
import safetensors
from ismc.artifacts.container import Container, header, read_container, write_container

def peak():
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) * 1024

path, size = Path(sys.argv[1]), 64 << 20
if sys.argv[2] == "write":
    arrays = {f"w{i}": np.ones(size // 16, np.float32) for i in range(4)}
    before = peak()
    write_container(path, Container({"a": 1}, arrays=arrays))
    most = 2.3 if hasattr(safetensors, "TensorSpec") else 3.3  # from 0.8 on without a copy of each
    assert peak() - before < most * size, (peak() - before) / size
else:
    before = peak()
    assert header(path) == {"a": 1}
    assert peak() - before < 0.3 * size, (peak() - before) / size
    assert len(read_container(path).arrays) == 4
    assert peak() - before < 2.3 * size, (peak() - before) / size
"""
    for step in ("write", "read"):
        subprocess.run(  # noqa: S603
            [sys.executable, "-c", code, str(tmp_path / "large"), step], check=True
        )
