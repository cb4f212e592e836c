"""The file format of artifacts and cache entries: verified before it is read, and free of code.

All numbers are little-endian::

    8   magic; a transfer in text mode changes it
    4   format
    8   length of the payload
    32  SHA-256 of format, length and payload
    ..  payload: one block of safetensors, see `ismc.artifacts.payload`
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO, NamedTuple

from ismc.artifacts.payload import (
    MAX_HEADER_BYTES,
    Container,
    decode_header,
    decode_payload,
    encode_payload,
)
from ismc.errors import ArtifactError

FORMAT = 2
MAGIC = b"\x89ISM\r\n\x1a\n"
NUMBERS = struct.Struct("<IQ")
DIGEST = hashlib.sha256().digest_size
HEAD = len(MAGIC) + NUMBERS.size + DIGEST
CHUNK = 1 << 20
REMEDY = "Copy it again, in binary mode, or make it again."

__all__ = ["FORMAT", "Container", "header", "pack", "read_container", "unpack", "write_container"]


def pack(container: Container) -> bytes:
    """The bytes of a file; equal contents give equal bytes.

    Raises:
        ArtifactError: for a name, a dtype or a manifest that cannot be stored.
    """
    return b"".join(_parts(container))


def write_container(path: Path, container: Container, *, private: bool = False) -> None:
    """Writes a temporary file in the same folder, syncs it to disk, and renames it.

    Memory holds two copies of the arrays, three with safetensors before 0.8. After any error the
    temporary file is removed and an older file is unchanged.

    Args:
        path: the file; its folder exists.
        container: the contents.
        private: whether only the user may read the file; otherwise the umask decides.

    Raises:
        ArtifactError: as `pack`, and when the folder cannot be written.
    """
    part = path.with_name(f".{token_hex(8)}.part")
    mode = 0o600 if private else 0o666
    try:
        parts = _parts(container)
        with open(part, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, MemoryError) as error:
        raise ArtifactError(
            f"{path} cannot be written ({_reason(error)}).",
            hint="Free space, make the folder and its file writable, or choose another folder.",
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def read_container(path: Path) -> Container:
    """The contents of a file, with read-only arrays; peak memory is twice the file's size.

    Raises:
        ArtifactError: for a file that is damaged, foreign, newer or unreadable. If its cause is an
            OSError, the disk failed and the file may be undamaged.
    """
    with _open(path) as (file, size):
        head = _head(file.read(HEAD), size, str(path))
        payload = file.read(head.length)
        head.verify(hashlib.sha256(head.numbers), payload)
        return decode_payload(payload, str(path))


def unpack(data: bytes, where: str) -> Container:
    """The contents of a file's bytes; messages call the file ``where``.

    Raises:
        ArtifactError: as `read`.
    """
    head = _head(bytes(data[:HEAD]), len(data), where)
    payload = bytes(memoryview(data)[HEAD:])
    head.verify(hashlib.sha256(head.numbers), payload)
    return decode_payload(payload, where)


def header(path: Path) -> dict[str, Any]:
    """The manifest of a file; the file is verified in full, but read chunk by chunk.

    Raises:
        ArtifactError: as `read`, except that arrays and blobs are not decoded.
    """
    with _open(path) as (file, size):
        head = _head(file.read(HEAD), size, str(path))
        first = file.read(min(8, head.length))
        length = min(int.from_bytes(first, "little"), head.length - len(first), MAX_HEADER_BYTES)
        text = file.read(length)
        digest = hashlib.sha256(head.numbers + first)
        digest.update(text)
        while chunk := file.read(CHUNK):
            digest.update(chunk)
        head.verify(digest)
        return decode_header(text, str(path))[0]


class _Head(NamedTuple):
    """The fields before the payload."""

    where: str
    length: int
    numbers: bytes
    expected: bytes

    def verify(self, digest: Any, payload: bytes = b"") -> None:
        digest.update(payload)
        if digest.digest() != self.expected:
            raise ArtifactError(
                f"{self.where} is damaged: its SHA-256 is {digest.hexdigest()[:12]}, expected "
                f"{self.expected.hex()[:12]}.",
                hint=REMEDY,
            )


def _head(data: bytes, size: int, where: str) -> _Head:
    """Checks magic, format and length, in this order, since the format defines the rest."""
    magic, rest = data[: len(MAGIC)], data[len(MAGIC) :]
    if not size:
        raise ArtifactError(f"{where} is empty, expected an artifact of ismc.", hint=REMEDY)
    if not MAGIC.startswith(magic):
        raise _foreign(magic, where)
    if len(rest) >= 4 and (version := int.from_bytes(rest[:4], "little")) != FORMAT:
        if version > FORMAT:
            raise ArtifactError(
                f"{where} was written by a newer ismc: format {version}, this one reads {FORMAT}.",
                hint="pip install --upgrade ismc",
            )
        raise ArtifactError(f"{where} has format {version}, expected {FORMAT}.", hint=REMEDY)
    if len(data) < HEAD:
        raise _wrong_size(size, f"at least {HEAD}", where)
    numbers = rest[: NUMBERS.size]
    length = NUMBERS.unpack(numbers)[1]
    if size != HEAD + length:
        raise _wrong_size(size, f"{HEAD + length}", where)
    return _Head(where, length, numbers, rest[NUMBERS.size :])


def _foreign(magic: bytes, where: str) -> ArtifactError:
    if b"ISM" in magic:
        return ArtifactError(
            f"{where} is damaged: it begins with {magic!r}, expected {MAGIC!r}, as after a "
            "transfer in text mode.",
            hint=REMEDY,
        )
    return ArtifactError(
        f"{where} is not an artifact of ismc: it begins with {magic!r}, expected {MAGIC!r}.",
        hint="Check the path.",
    )


def _wrong_size(size: int, expected: str, where: str) -> ArtifactError:
    return ArtifactError(
        f"{where} is damaged: it has {size} bytes, expected {expected}.", hint=REMEDY
    )


@contextmanager
def _open(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """An open file and its size; disk errors inside the context become errors of ismc."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would block
            kind = "directory" if path.is_dir() else "device"
            raise ArtifactError(
                f"{path} is a {kind}, expected a file.", hint="Name a file that ismc wrote."
            )
        with path.open("rb") as file:
            yield file, os.fstat(file.fileno()).st_size
    except (OSError, MemoryError, ValueError) as error:
        raise ArtifactError(
            f"{path} cannot be read ({_reason(error)}).", hint="Check the path, or free memory."
        ) from error


def _parts(container: Container) -> tuple[bytes, bytes]:
    """The bytes before the payload, and the payload."""
    payload = encode_payload(container)
    numbers = NUMBERS.pack(FORMAT, len(payload))
    digest = hashlib.sha256(numbers)
    digest.update(payload)
    return MAGIC + numbers + digest.digest(), payload


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
