"""A file that is not as it was written is refused: whatever was done to it, and never by chance."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from ismc.artifacts import container as module
from ismc.artifacts.container import FORMAT, Container, header, pack, read_container, unpack
from ismc.errors import ArtifactError
from tests.artifacts.test_container import HEAD, SMALL
from tests.support.corrupting import corrupted


@pytest.fixture(autouse=True)
def _fresh_keras() -> None:
    """No models are made here: nothing is to be freed after each test."""


def sealed(payload: bytes, version: int = FORMAT) -> bytes:
    """A file whose digest is right, whatever it holds."""
    numbers = version.to_bytes(4, "little") + len(payload).to_bytes(8, "little")
    return module.MAGIC + numbers + hashlib.sha256(numbers + payload).digest() + payload


def refusal(data: bytes) -> str:
    with pytest.raises(ArtifactError) as caught:
        unpack(data, "it")
    assert caught.value.hint
    return str(caught.value).partition("\n")[0]


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    data = pack(SMALL)
    assert refusal(b"") == "it is empty, expected an artifact of ismc."
    for length in range(1, len(data)):
        expected = len(data) if length >= HEAD else f"at least {HEAD}"
        assert (
            refusal(data[:length]) == f"it is damaged: it has {length} bytes, expected {expected}."
        )
    for length in (0, 1, 20, HEAD, HEAD + 5, len(data) - 1):
        (tmp_path / "x").write_bytes(data[:length])
        for reader in (read_container, header):
            with pytest.raises(ArtifactError, match=r"is empty|is damaged: it has"):
                reader(tmp_path / "x")
    for more in (b"\0", data):
        text = f"it is damaged: it has {len(data + more)} bytes, expected {len(data)}."
        assert refusal(data + more) == text


def test_every_bit_counts() -> None:
    data = pack(SMALL)
    texts = set()
    for place in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        texts.add(refusal(bytes(flipped)).partition(":")[0])
    assert texts == {
        "it is damaged",
        "it is not an artifact of ismc",
        "it was written by a newer ismc",
        "it has format 0, expected 2.",
    }


def test_a_thousand_corruptions_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {f"w{i}": rng.normal(size=(40, 60, 5)).astype(np.float32) for i in range(4)}
    data = pack(Container({"model": "m"}, {"plan.txt": "line\n" * 400}, {"m": b"ab" * 900}, arrays))
    assert len(data) > 190_000
    path = tmp_path / "x.ismc"
    for seed in range(1000):
        bad = corrupted(data, seed)
        assert bad != data
        refusal(bad)
        if seed % 20 == 0:
            path.write_bytes(bad)
            for reader in (read_container, header):
                with pytest.raises(ArtifactError):
                    reader(path)


def test_messages(tmp_path: Path) -> None:
    data = pack(SMALL)
    newer = sealed(b"of another kind", FORMAT + 1)
    text = f"it was written by a newer ismc: format {FORMAT + 1}, this one reads {FORMAT}."
    for known in (newer, newer[:12], newer + b"more"):
        assert refusal(known) == text
    with pytest.raises(ArtifactError, match="Hint: pip install --upgrade ismc"):
        unpack(newer, "it")
    assert refusal(b"PK\x03\x04" + bytes(99)) == (
        "it is not an artifact of ismc: it begins with b'PK\\x03\\x04\\x00\\x00\\x00\\x00', "
        "expected b'\\x89ISM\\r\\n\\x1a\\n'."
    )
    assert refusal(data.replace(b"\r\n", b"\n")) == (
        "it is damaged: it begins with b'\\x89ISM\\n\\x1a\\n\\x02', expected "
        "b'\\x89ISM\\r\\n\\x1a\\n', as after a transfer in text mode."
    )
    digest = data[20:HEAD].hex()[:12]
    found = refusal(data[:-1] + b"~")
    assert found.startswith("it is damaged: its SHA-256 is ")
    assert found.endswith(f", expected {digest}.")
    huge = data[:12] + (2**64 - 1).to_bytes(8, "little") + data[20:]
    assert refusal(huge) == f"it is damaged: it has {len(data)} bytes, expected {HEAD + 2**64 - 1}."
    for reader in (read_container, header):
        with pytest.raises(ArtifactError, match=r"none cannot be read \(No such file"):
            reader(tmp_path / "none")
        with pytest.raises(ArtifactError, match="is a directory, expected a file"):
            reader(tmp_path)
        with pytest.raises(ArtifactError, match="null is a device, expected a file"):
            reader(Path(os.devnull))
        with pytest.raises(ArtifactError, match="cannot be read"):
            reader(Path("a\0b"))


def tensors(meta: Any = None, more: dict[str, np.ndarray] | None = None) -> bytes:
    text = meta if isinstance(meta, str) else json.dumps(meta)
    return save(more or {}, metadata={"ismc": text})


def raw(described: Any, data: bytes = b"") -> bytes:
    text = described if isinstance(described, bytes) else json.dumps(described).encode()
    return len(text).to_bytes(8, "little") + text + data


GOOD = {"manifest": {}, "texts": {}}
META = {"ismc": json.dumps(GOOD)}


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b"", "not in the form that ismc writes"),
        (b"\0" * 7, "not in the form that ismc writes"),
        (b"\xff" * 8, "not in the form that ismc writes"),
        ((2**62).to_bytes(8, "little") + b"{}", "not in the form that ismc writes"),
        ((90_000_000).to_bytes(8, "little") + b"{}", "not in the form that ismc writes"),
        (raw(b"\xff\xfe"), "not in the form that ismc writes"),
        (raw(b"{" * 5000), "not in the form that ismc writes"),
        (raw([]), "not in the form that ismc writes"),
        (raw({}), "it has no manifest"),
        (raw({"__metadata__": {"other": "x"}}), "it has no manifest"),
        (raw({"__metadata__": {"ismc": 1}}), "not in the form that ismc writes"),
        (tensors(""), "it has no manifest"),
        (tensors("[" * 100_000), "it has no manifest"),
        (tensors("1" * 5000), "it has no manifest"),
        (tensors(None), "it has no manifest"),
        (tensors([1]), "it has no manifest"),
        (tensors({"manifest": {}}), "it has no manifest"),
        (tensors({"manifest": [], "texts": {}}), "its manifest is a list"),
        (tensors({"manifest": None, "texts": {}}), "its manifest is a NoneType"),
        (tensors({"manifest": {}, "texts": []}), "its texts are not text"),
        (tensors({"manifest": {}, "texts": {"a": 1}}), "its texts are not text"),
        (tensors({"manifest": {}, "texts": {"../a": ""}}), "a text has the name '../a'"),
        (tensors(GOOD, {"w": np.ones(1)}), "a tensor has the name 'w'"),
        (tensors(GOOD, {"array:": np.ones(1)}), "a tensor has the name 'array:'"),
        (tensors(GOOD, {"array:a/b": np.ones(1)}), "a tensor has the name 'array:a/b'"),
        (tensors(GOOD, {"pickle:a": np.ones(1)}), "a tensor has the name 'pickle:a'"),
        (tensors(GOOD, {"blob:b": np.ones(1)}), "'blob:b' has dtype F64, expected bytes"),
        (tensors(GOOD, {"blob:b": np.ones((1, 1), "u1")}), "'blob:b' has dtype U8, expected bytes"),
        (
            raw({"__metadata__": META,
                 "array:a": {"dtype": "F8_E5M2", "shape": [1], "data_offsets": [0, 1]}}, b"x"),
            "'array:a' has dtype F8_E5M2 and shape [1]",
        ),
        (
            raw({"__metadata__": META,
                 "array:a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 0]}}),
            "not in the form that ismc writes",
        ),
        (
            raw({"__metadata__": META,
                 "array:a": {"dtype": "F32", "shape": [0] * 99, "data_offsets": [0, 0]}}),
            "'array:a' has dtype F32 and shape [0,",
        ),
        (
            raw({"__metadata__": META,
                 "array:a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8000]}}, b"x" * 8),
            "not in the form that ismc writes",
        ),
    ],
)  # fmt: skip
def test_malformed_contents_under_a_right_digest(payload: bytes, text: str) -> None:
    found = refusal(sealed(payload))
    assert found.startswith("it is intact, but not in the form that ismc writes: ")
    assert text in found


def test_random_contents_under_a_right_digest_never_crash(tmp_path: Path) -> None:
    data, refused, path = pack(SMALL)[HEAD:], 0, tmp_path / "x"
    for seed in range(3000):
        bad = sealed(corrupted(data, seed))
        try:
            found = unpack(bad, "it")
        except ArtifactError:
            refused += 1
        else:
            assert isinstance(found.manifest, dict)
        if seed % 10 == 0:
            path.write_bytes(bad)
            with suppress(ArtifactError):
                assert isinstance(header(path), dict)
    assert 1000 < refused < 3000
