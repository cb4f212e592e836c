"""One-hot arrays in `.npy` and `.npz` files or in memory, and sequences as strings."""

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
from ismc.io.sequences.alphabet import IUPAC, KNOWN, codes_of, foreign, one_hot_of, plain
from ismc.io.sequences.problems import (
    Note,
    OnError,
    check_choice,
    common_length,
    counted,
    raise_or_skip,
    shown,
)
from ismc.io.sequences.source import Ambiguous, Stored, check_length, combined_digest, record_digest

BYTES = 16 << 20
ZIP = b"PK"
HINT = "Each position has one 1 for the letter A, C, G or T and 0 elsewhere, or four times 0 for N."
EXPECTED = "one-hot arrays [B, L, 4]"


@dataclass(frozen=True)
class _Rows:
    """Some records of an array ``[B, L, 4]``."""

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
        found = self.letters[begin:end]
        codes = np.frombuffer(b"".join(found), np.uint8)
        return one_hot_of(codes.reshape(len(found), self.length))


def open_array(
    path: str | PathLike[str], on_error: OnError = "stop", *, length: int | None = None
) -> Stored:
    """The sequences of a `.npy` file, or of one array of an `.npz` file.

    Arrays are ``[B, L, 4]`` of numbers or truth values, or ``[B, 4, L]``, which is noted. A `.npy`
    file is mapped, not loaded. Records are called ``record_0``, ``record_1``, and so on.

    Args:
        path: the file; ``FILE.npz:KEY`` chooses one of several arrays.
        on_error: ``"stop"`` at records that are not one-hot, or ``"skip"`` them.
        length: ``L``, where another is an error.

    Raises:
        InputError: when the file cannot be read or holds no such array; when records are not
            one-hot and ``on_error`` is ``"stop"``.
    """
    name, path = str(path), Path(path)
    key = None
    if ".npz:" in name and not path.exists():
        name, key = name.rsplit(":", 1)
        path = Path(name)
    return _checked(path, _loaded(path, key), None, on_error, length)


def from_array(x: Any, names: Sequence[str] | None = None, on_error: OnError = "stop") -> Stored:
    """The sequences of an array in memory; as `open_array` otherwise.

    Args:
        x: ``[B, L, 4]`` or ``[B, 4, L]``.
        names: ``B`` different names.
        on_error: as of `open_array`.

    Raises:
        InputError: as of `open_array`, and when names do not fit.
    """
    return _checked(Path("array"), np.asarray(x), names, on_error, None)


def from_strings(
    sequences: Sequence[str],
    names: Sequence[str] | None = None,
    on_error: OnError = "stop",
    ambiguous: Ambiguous = "error",
) -> Stored:
    """Sequences of one length as text, in upper or lower case; ``N`` is unknown.

    Args:
        sequences: ``B`` strings.
        names: ``B`` different names; ``record_0`` and so on by default.
        on_error: ``"stop"`` at records that cannot be used, or ``"skip"`` them.
        ambiguous: whether the other codes of IUPAC are an ``"error"``, or taken as ``"n"``.

    Raises:
        InputError: when names do not fit; when records have other letters, none, or not as many as
            most, and ``on_error`` is ``"stop"``.
    """
    check_choice("on_error", on_error, ("stop", "skip"))
    check_choice("ambiguous", ambiguous, ("error", "n"))
    if isinstance(sequences, str) or not all(isinstance(text, str) for text in sequences):
        raise InputError("sequences is no list of strings.", hint="Pass one string in a list.")
    names = _names(names, len(sequences))
    known = IUPAC if ambiguous == "n" else KNOWN
    good, problems, coded = [], [], []
    letters = [text.encode("ascii", "replace") for text in sequences]
    length = common_length(map(len, letters))
    for i, text in enumerate(letters):
        odd = foreign(text, known)
        if not text:
            problems.append(f"{names[i]!r} has no letters")
        elif odd:
            column = text.index(odd[:1])
            letter = sequences[i][column]
            problems.append(f"{names[i]!r} has {letter!r} at position {column}, expected ACGTN")
        elif len(text) != length:
            problems.append(f"{names[i]!r} has {len(text)} letters, expected {length}, as most")
        else:
            good.append(i)
            if foreign(text):
                coded.append(repr(names[i]))
    hint = "All sequences are letters A, C, G, T or N, as many in each."
    path = Path("strings")
    raise_or_skip(path, problems, on_error, len(good), hint)
    chosen = [plain(letters[i]) for i in good]
    taken = f"{counted(len(coded), 'record')} with letters other than ACGTN, which are taken as N"
    return Stored(
        path=path,
        names=tuple(names[i] for i in good),
        length=length,
        digest=combined_digest(record_digest(names[i], plain(letters[i])) for i in good),
        rows=_Texts(chosen, length),
        problems=tuple(problems),
        notes=(Note.of(taken, coded),) if coded else (),
    )


def _loaded(path: Path, key: str | None) -> np.ndarray:
    """The array of a file, mapped where that is possible."""
    if path.is_dir() or not path.exists():
        found = "is a directory" if path.is_dir() else "does not exist"
        raise InputError(f"{path} {found}, expected {EXPECTED}.", hint="Check the path.")
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
            f"{path} cannot be read ({error}), expected {EXPECTED} in a file .npy or .npz.",
            hint="Write it with numpy.save or numpy.savez; copy it again if it is damaged.",
        ) from error


def _key(path: Path, key: str | None, keys: list[str]) -> str:
    """The name of the array to take."""
    if key is not None:
        if key not in keys:
            raise InputError(f"{path} has no array {key!r}.", hint=f"It has {', '.join(keys)}.")
        return key
    ranks = _ranks(path)
    three = [name for name in keys if ranks.get(name) == 3]
    if len(three) == 1:
        return three[0]
    raise InputError(
        f"{path} has {len(three)} arrays of three axes ({', '.join(three)}), expected one: "
        f"{EXPECTED}.",
        hint=f"{path}:KEY chooses one of {shown(keys, ', ')}.",
    )


def _ranks(path: Path) -> dict[str, int]:
    """How many axes each array of an `.npz` file has; only headers are read."""
    found = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0
                if version != (1, 0):
                    read = np.lib.format.read_array_header_2_0
                found[name.removesuffix(".npy")] = len(read(file)[0])
    return found


def _checked(
    path: Path,
    array: np.ndarray,
    names: Sequence[str] | None,
    on_error: OnError,
    length: int | None,
) -> Stored:
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
        notes = (f"{path.name} is [B, 4, L], channels before positions, and is turned",)
    count, found = array.shape[:2]
    if length not in (None, found):
        raise InputError(
            f"{path} has sequences of {found} letters, expected {length}.",
            hint=f"Cut or pad them to {length} letters; N is four times 0.",
        )
    names = _names(names, count)
    good, problems, digests = [], [], []
    for begin, block in _blocks(array):
        wrong = _wrong(block)
        bad = np.logical_or.reduce(wrong, 1)
        letters = codes_of(block if not bad.any() else np.where(bad[:, None, None], 0, block))
        for i, row in enumerate(letters):
            if bad[i]:
                place = int(wrong[i].argmax())
                values = ", ".join(f"{value:g}" for value in block[i, place].astype(float))
                problems.append(f"record {begin + i} has [{values}] at position {place}")
            else:
                good.append(begin + i)
                digests.append(record_digest(names[begin + i], row.tobytes()))
    return Stored(
        path=path,
        names=tuple(names[i] for i in good),
        length=found,
        digest=combined_digest(digests),
        rows=_Rows(array, np.asarray(good)),
        problems=raise_or_skip(path, problems, on_error, len(good), HINT),
        notes=notes,
    )


def _blocks(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    size = max(1, BYTES // (array[0].size * max(array.itemsize, 4)))
    for begin in range(0, len(array), size):
        yield begin, np.asarray(array[begin : begin + size])


def _wrong(block: np.ndarray) -> np.ndarray:
    """Where a position is neither one-hot nor all zeros, bool ``[n, L]``."""
    ones = np.equal(block, 1)
    known = np.logical_or(ones, block == 0).all(-1)
    return np.logical_or(~known, np.count_nonzero(ones, -1) > 1)


def _names(names: Sequence[str] | None, count: int) -> list[str]:
    """Checked names, or new ones."""
    if not count:
        raise InputError("There are no sequences, expected one or more.", hint="Pass some.")
    found = [f"record_{i}" for i in range(count)] if names is None else [str(n) for n in names]
    repeated = [name for name, times in Counter(found).items() if times > 1]
    if len(found) != count or repeated or not all(found):
        what = f" ({shown(map(repr, repeated), ', ')} repeated)" if repeated else ""
        raise InputError(
            f"There are {len(found)} names{what}, expected {count} different ones.",
            hint="Give each sequence a name of its own, or none.",
        )
    return found
