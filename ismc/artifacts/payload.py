"""The payload of a file: manifest, texts, blobs and arrays as one block of safetensors.

The block's metadata contain the manifest and the texts as JSON under a single name, because
safetensors does not preserve the order of several. Blobs are uint8 tensors ``blob:<name>``; arrays
are tensors ``array:<name>``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from ismc.errors import ArtifactError

MAX_HEADER_BYTES = 100_000_000  # bytes of a safetensors header; the library reads no larger one
NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.+-]{0,198}[A-Za-z0-9_+-])?")
DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "C64": "complex64",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Container:
    """The contents of a file, by name; the manifest is JSON data.

    Names are at most 200 of ``A-Z a-z 0-9 _ . + -``, without ``..``, so they are valid file names.
    """

    manifest: dict[str, Any]
    texts: Mapping[str, str] = field(default_factory=dict)
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of the contents; the file also contains the names and the manifest."""
        arrays = sum(array.nbytes for array in self.arrays.values())
        return arrays + sum(len(data) for data in (*self.texts.values(), *self.blobs.values()))


def encode_payload(container: Container) -> bytes:
    """The block of a container; equal contents give equal bytes.

    Raises:
        ArtifactError: for a name, a dtype or a manifest that cannot be stored.
    """
    for name in (*container.texts, *container.blobs, *container.arrays):
        if not _is_name(name):
            raise ArtifactError(
                f"The name {name!r} cannot be stored, expected letters, digits and '_.+-'.",
                hint="Number the items, and list their names in the manifest.",
            )
    try:
        metadata = {"manifest": dict(container.manifest), "texts": dict(container.texts)}
        text = json.dumps(metadata, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ArtifactError(
            f"The manifest is not JSON data ({error}).",
            hint="Use only text, finite numbers, lists, and dictionaries with text as keys.",
        ) from error
    blobs = {f"blob:{k}": np.frombuffer(data, np.uint8) for k, data in container.blobs.items()}
    arrays = {f"array:{k}": _plain(k, array) for k, array in container.arrays.items()}
    try:  # one entry of metadata: safetensors does not keep the order of several
        payload = save({**blobs, **arrays}, metadata={"ismc": text})
    except SafetensorError as error:
        raise ArtifactError(f"The arrays cannot be stored ({error}).") from error
    if int.from_bytes(payload[:8], "little") > MAX_HEADER_BYTES:
        raise ArtifactError(
            f"Manifest and texts take more than {MAX_HEADER_BYTES} bytes.",
            hint="Store texts as blobs.",
        )
    return payload


def _plain(name: str, array: np.ndarray) -> np.ndarray:
    """The array in C order and little-endian; copied only if necessary."""
    array = np.asarray(array, order="C")
    if array.dtype.name not in DTYPES.values():
        raise ArtifactError(
            f"The array {name!r} has dtype {array.dtype}, expected one of "
            f"{', '.join(DTYPES.values())}.",
            hint="Convert it, or store its bytes as a blob.",
        )
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def decode_payload(payload: bytes, where: str) -> Container:
    """The contents of a block; messages call the file ``where``.

    Raises:
        ArtifactError: when the block is not in the form that `encode` writes.
    """
    try:
        tensors: Any = deserialize(payload)
    except SafetensorError as error:
        raise _malformed(where, error) from error
    manifest, texts = decode_header(payload[8 : 8 + int.from_bytes(payload[:8], "little")], where)
    blobs, arrays = {}, {}
    for label, tensor in tensors:
        kind, _, name = label.partition(":")
        if kind not in ("blob", "array") or not _is_name(name):
            raise _malformed(where, f"a tensor has the name {label!r}")
        if kind == "array":
            arrays[name] = _array(label, tensor, where)
        elif tensor["dtype"] == "U8" and len(tensor["shape"]) == 1:
            blobs[name] = bytes(tensor["data"])
        else:
            raise _malformed(where, f"{label!r} has dtype {tensor['dtype']}, expected bytes")
    return Container(manifest, texts, blobs, arrays)


def _array(label: str, tensor: Any, where: str) -> np.ndarray:
    try:
        if tensor["dtype"] == "BF16":
            from ml_dtypes import bfloat16  # registers the name; part of every TensorFlow

            return np.frombuffer(tensor["data"], bfloat16).reshape(tensor["shape"])
        dtype = np.dtype(DTYPES[tensor["dtype"]]).newbyteorder("<")
        return np.frombuffer(tensor["data"], dtype).reshape(tensor["shape"])
    except (KeyError, ValueError, ImportError) as error:
        reason = f"{label!r} has dtype {tensor['dtype']} and shape {tensor['shape']}"
        raise _malformed(where, reason) from error


def decode_header(text: bytes, where: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The manifest and the texts, from the header of a block.

    Raises:
        ArtifactError: as `decode`.
    """
    try:
        metadata = json.loads(json.loads(text)["__metadata__"]["ismc"])
        manifest, texts = metadata["manifest"], metadata["texts"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _malformed(where, "it has no manifest") from error
    if not isinstance(manifest, dict):
        raise _malformed(where, f"its manifest is a {type(manifest).__name__}")
    if not isinstance(texts, dict) or not all(isinstance(v, str) for v in texts.values()):
        raise _malformed(where, "its texts are not text")
    if bad := [name for name in texts if not _is_name(name)]:
        raise _malformed(where, f"a text has the name {bad[0]!r}")
    return manifest, texts


def _is_name(name: str) -> bool:
    return NAME.fullmatch(name) is not None and ".." not in name


def _malformed(where: str, reason: object) -> ArtifactError:
    return ArtifactError(
        f"{where} is intact, but not in the form that ismc writes: {reason}.",
        hint="Make it again; if ismc made it, report this.",
    )
