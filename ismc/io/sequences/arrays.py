"""Sequences from one-hot arrays, in `.npy` and `.npz` files or in memory, and from strings."""

from __future__ import annotations

import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ismc.errors import InputError
from ismc.io.sequences.alphabet import (
    IUPAC,
    KNOWN,
    codes_of,
    normalize,
    one_hot_of,
    unknown_letters,
)
from ismc.io.sequences.problems import (
    Note,
    OnError,
    check_choice,
    common_length,
    join_first,
    pluralize,
    raise_or_skip,
)
from ismc.io.sequences.source import (
    Ambiguous,
    IndexedSource,
    check_length,
    combined_digest,
    record_digest,
)

MAX_BLOCK_BYTES = 16 << 20
ZIP = b"PK"
HINT = "Each position has a 1 in the channel A, C, G or T and 0 elsewhere, or four zeros for N."
EXPECTED = "one-hot arrays [B, L, 4]"


@dataclass(frozen=True)
class _Rows:
    """Records of an array ``[B, L, 4]``, chosen by number."""

    array: np.ndarray
    numbers: np.ndarray

    def __call__(self, begin: int, end: int) -> np.ndarray:
        return self.array[self.numbers[begin:end]].astype(np.int8, order="C")


@dataclass(frozen=True)
class _Texts:
    """Strings of one length."""

    letters: Sequence[bytes]
    length: int

    def __call__(self, begin: int, end: int) -> np.ndarray:
        block = self.letters[begin:end]
        codes = np.frombuffer(b"".join(block), np.uint8)
        return one_hot_of(codes.reshape(len(block), self.length))


def open_array(
    path: str | PathLike[str], on_error: OnError = "stop", *, length: int | None = None
) -> IndexedSource:
    """The sequences of a `.npy` file, or of one array of an `.npz` file.

    Arrays are ``[B, L, 4]`` of numbers or booleans. An array ``[B, 4, L]`` is transposed, with a
    note. A `.npy` file is memory-mapped, not loaded. Records are named ``record_0``, ``record_1``,
    and so on.

    Args:
        path: the file; ``FILE.npz:KEY`` chooses one of several arrays.
        on_error: whether records that are not one-hot are an error, ``"stop"``, or skipped,
            ``"skip"``.
        length: the required ``L``; any by default.

    Raises:
        InputError: when the file cannot be read, or does not hold a one-hot array of that length;
            when records are not one-hot and ``on_error`` is ``"stop"``.
    """
    name, path = str(path), Path(path)
    key = None
    if ".npz:" in name and not path.exists():
        name, key = name.rsplit(":", 1)
        path = Path(name)
    return _check_array(path, _load_array(path, key), None, on_error, length)


def from_array(
    x: Any, names: Sequence[str] | None = None, on_error: OnError = "stop"
) -> IndexedSource:
    """The sequences of an array in memory, checked as by `open_array`.

    Args:
        x: ``[B, L, 4]`` or ``[B, 4, L]``.
        names: ``B`` distinct names; ``record_0`` and so on by default.
        on_error: as for `open_array`.

    Raises:
        InputError: as for `open_array`, and when the names are not ``B`` distinct ones.
    """
    return _check_array(Path("array"), np.asarray(x), names, on_error, None)


def from_strings(
    sequences: Sequence[str],
    names: Sequence[str] | None = None,
    on_error: OnError = "stop",
    ambiguous: Ambiguous = "error",
) -> IndexedSource:
    """Sequences of one length from strings, in upper or lower case; ``N`` is unknown.

    Args:
        sequences: ``B`` strings.
        names: ``B`` distinct names; ``record_0`` and so on by default.
        on_error: whether invalid records are an error, ``"stop"``, or skipped, ``"skip"``.
        ambiguous: whether the other IUPAC codes are an ``"error"``, or read as N, ``"n"``.

    Raises:
        InputError: when the names are not ``B`` distinct ones; when records are empty, have other
            letters, or differ in length from most, and ``on_error`` is ``"stop"``.
    """
    check_choice("on_error", on_error, ("stop", "skip"))
    check_choice("ambiguous", ambiguous, ("error", "n"))
    if isinstance(sequences, str) or not all(isinstance(text, str) for text in sequences):
        raise InputError("sequences is not a list of strings.", hint="Pass one string as a list.")
    names = _names(names, len(sequences))
    known = IUPAC if ambiguous == "n" else KNOWN
    good, problems, coded = [], [], []
    letters = [text.encode("ascii", "replace") for text in sequences]
    length = common_length(map(len, letters))
    for i, text in enumerate(letters):
        unknown = unknown_letters(text, known)
        if not text:
            problems.append(f"{names[i]!r} has no letters")
        elif unknown:
            column = text.index(unknown[:1])
            letter = sequences[i][column]
            problems.append(f"{names[i]!r} has {letter!r} at position {column}, expected ACGTN")
        elif len(text) != length:
            problems.append(f"{names[i]!r} has {len(text)} letters, expected {length}, as in most")
        else:
            good.append(i)
            if unknown_letters(text):
                coded.append(repr(names[i]))
    hint = "All sequences have the same length and only the letters A, C, G, T and N."
    path = Path("strings")
    raise_or_skip(path, problems, on_error, len(good), hint)
    texts = [normalize(letters[i]) for i in good]
    note = f"{pluralize(len(coded), 'record')} with letters other than ACGTN, which are read as N"
    return IndexedSource(
        path=path,
        names=tuple(names[i] for i in good),
        length=length,
        digest=combined_digest(record_digest(names[i], normalize(letters[i])) for i in good),
        rows=_Texts(texts, length),
        problems=tuple(problems),
        notes=(Note.of(note, coded),) if coded else (),
    )


def _load_array(path: Path, key: str | None) -> np.ndarray:
    """The array in a file; memory-mapped if it is `.npy`."""
    if path.is_dir() or not path.exists():
        problem = "is a directory" if path.is_dir() else "does not exist"
        raise InputError(f"{path} {problem}, expected {EXPECTED}.", hint="Check the path.")
    if not path.stat().st_size:
        raise InputError(f"{path} is empty, expected {EXPECTED}.", hint="Write it again.")
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == ZIP
            file.seek(0)
            if zipped:
                with np.load(file, allow_pickle=False) as arrays:
                    return arrays[_key(path, key, list(arrays.files))]
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path} cannot be read ({error}), expected {EXPECTED} in a .npy or .npz file.",
            hint="Write it with numpy.save or numpy.savez; copy it again if it is damaged.",
        ) from error


def _key(path: Path, key: str | None, keys: list[str]) -> str:
    """The key of the array to read."""
    if key is not None:
        if key not in keys:
            raise InputError(f"{path} has no array {key!r}.", hint=f"It has {', '.join(keys)}.")
        return key
    ranks = _ranks(path)
    three = [name for name in keys if ranks.get(name) == 3]
    if len(three) == 1:
        return three[0]
    raise InputError(
        f"{path} has {len(three)} arrays with three axes ({', '.join(three)}), expected one: "
        f"{EXPECTED}.",
        hint=f"Choose one with {path}:KEY. The keys are {join_first(keys, ', ')}.",
    )


def _ranks(path: Path) -> dict[str, int]:
    """The number of axes of each array in an `.npz` file; only headers are read."""
    ranks = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0
                if version != (1, 0):
                    read = np.lib.format.read_array_header_2_0
                ranks[name.removesuffix(".npy")] = len(read(file)[0])
    return ranks


def _check_array(
    path: Path,
    array: np.ndarray,
    names: Sequence[str] | None,
    on_error: OnError,
    length: int | None,
) -> IndexedSource:
    check_choice("on_error", on_error, ("stop", "skip"))
    check_length(length)
    shape, notes = array.shape, ()
    if array.dtype.kind not in "biuf":
        raise InputError(f"{path} has the dtype {array.dtype}, expected numbers.", hint=HINT)
    if array.ndim != 3 or 4 not in shape[1:] or 0 in shape:
        raise InputError(
            f"{path} has the shape {shape}, expected {EXPECTED}.", hint="Channels are A, C, G, T."
        )
    if shape[2] != 4:
        array = array.transpose(0, 2, 1)
        notes = (f"{path.name} is [B, 4, L], channels before positions; it is transposed",)
    count, actual = array.shape[:2]
    if length not in (None, actual):
        raise InputError(
            f"{path} has sequences of {actual} letters, expected {length}.",
            hint=f"Crop or pad them to {length} letters; N is four zeros.",
        )
    names = _names(names, count)
    good, problems, digests = [], [], []
    for begin, block in _blocks(array):
        invalid = _invalid_positions(block)
        bad = np.logical_or.reduce(invalid, 1)
        letters = codes_of(block if not bad.any() else np.where(bad[:, None, None], 0, block))
        for i, row in enumerate(letters):
            if bad[i]:
                place = int(invalid[i].argmax())
                values = ", ".join(f"{value:g}" for value in block[i, place].astype(float))
                problems.append(f"record {begin + i} has [{values}] at position {place}")
            else:
                good.append(begin + i)
                digests.append(record_digest(names[begin + i], row.tobytes()))
    return IndexedSource(
        path=path,
        names=tuple(names[i] for i in good),
        length=actual,
        digest=combined_digest(digests),
        rows=_Rows(array, np.asarray(good)),
        problems=raise_or_skip(path, problems, on_error, len(good), HINT),
        notes=notes,
    )


def _blocks(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    size = max(1, MAX_BLOCK_BYTES // (array[0].size * max(array.itemsize, 4)))
    for begin in range(0, len(array), size):
        yield begin, np.asarray(array[begin : begin + size])


def _invalid_positions(block: np.ndarray) -> np.ndarray:
    """Which positions are neither one-hot nor all zeros, bool ``[n, L]``."""
    ones = np.equal(block, 1)
    known = np.logical_or(ones, block == 0).all(-1)
    return np.logical_or(~known, np.count_nonzero(ones, -1) > 1)


def _names(names: Sequence[str] | None, count: int) -> list[str]:
    """The names after a check, or the default ones."""
    if not count:
        raise InputError("There are no sequences, expected one or more.", hint="Pass at least one.")
    texts = [f"record_{i}" for i in range(count)] if names is None else [str(n) for n in names]
    repeated = [name for name, times in Counter(texts).items() if times > 1]
    if len(texts) != count or repeated or not all(texts):
        details = f" ({join_first(map(repr, repeated), ', ')} repeated)" if repeated else ""
        raise InputError(
            f"There are {len(texts)} names{details}, expected {count} different ones.",
            hint="Give each sequence a distinct, non-empty name, or pass no names.",
        )
    return texts
