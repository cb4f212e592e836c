"""A genome in a FASTA file, with random access through an index of pyfaidx.

The index is built in a temporary folder. If the folder of the genome is writable, the index is then
renamed into place there, so that no other process reads a partial one.
"""

from __future__ import annotations

import shutil
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ismc.errors import InputError
from ismc.io.extras import extras
from ismc.io.sequences.lines import GZIP
from ismc.io.sequences.problems import join_first

MAX_CHECKED_HEADERS = 100
UNKNOWN = ord("N")


class Genome:
    """The chromosomes of a genome, by name.

    Attributes:
        path: the FASTA file, plain or compressed by bgzip.
        lengths: the number of letters of each chromosome, in the order of the file.
    """

    path: Path
    lengths: dict[str, int]

    def __init__(self, path: str | PathLike[str]) -> None:
        """Opens a genome; builds its index if that is missing, outdated, or of another file.

        Raises:
            InputError: when the file is missing, empty, not FASTA, or compressed by gzip.
        """
        self.path = Path(path)
        packed = _is_packed(self.path)
        with extras():
            import pyfaidx  # noqa: F401
        with _pyfaidx_errors(self.path), TemporaryDirectory() as folder:
            self._file = _open_indexed(self.path, Path(folder), packed)
        self.lengths = {name: entry.rlen for name, entry in self._file.index.items()}

    @property
    def name(self) -> str:
        """The file name."""
        return self.path.name

    def codes(self, chrom: str, start: int, end: int) -> np.ndarray:
        """The letters ``[start, end)`` in upper case as ASCII codes, uint8 ``[end - start]``.

        Positions outside the chromosome are ``N``.

        Raises:
            InputError: when the chromosome is not in the genome, or the file is damaged.
        """
        if chrom not in self.lengths:
            raise InputError(f"{self.absence(chrom)}.", hint=self.hint([chrom]))
        codes = np.full(end - start, UNKNOWN, np.uint8)
        first, last = max(start, 0), min(end, self.lengths[chrom])
        if first < last:
            with _pyfaidx_errors(self.path):
                letters = self._file.fetch(chrom, first + 1, last).upper().encode("ascii")
                if len(letters) != last - first:
                    raise ValueError(f"{chrom} ends after {first + len(letters):,} letters")
            codes[first - start : last - start] = np.frombuffer(letters, np.uint8)
        return codes

    def absence(self, chrom: str) -> str:
        """A phrase that a chromosome is missing, with its name in the genome if that differs."""
        alias = self._alias(chrom)
        return f"chromosome {chrom!r} is not in {self.name}" + (
            f", which has {alias!r}" if alias else ""
        )

    def hint(self, missing: list[str]) -> str:
        """A hint on the naming of missing chromosomes, or a list of those in the genome."""
        for chrom in missing:
            alias = self._alias(chrom)
            if alias:
                return (
                    f"The same chromosome is {alias!r} in the genome and {chrom!r} here: rename "
                    "one of them, or use a genome with the same names."
                )
        return f"{self.name} has the chromosomes {join_first(self.lengths, ', ')}."

    def _alias(self, chrom: str) -> str | None:
        """The genome's name of a chromosome under another naming convention, or ``None``."""
        bare = chrom.removeprefix("chr")
        mitochondrial = ("MT", "M", "chrM", "chrMT") if bare in ("M", "MT") else ()
        names = (f"chr{bare}", bare, *mitochondrial, f"chr{bare.upper()}", bare.upper())
        return next((name for name in names if name in self.lengths), None)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __reduce__(self) -> tuple[type[Genome], tuple[Path]]:
        """Pickles the path only; another process opens the file again."""
        return Genome, (self.path,)


def _is_packed(path: Path) -> bool:
    """Whether a file is compressed by bgzip, after a check that it allows random access.

    Raises:
        InputError: when it is missing, unreadable or compressed by gzip, or its suffix is wrong.
    """
    expected = "expected a genome in a FASTA file"
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist, {expected}.", hint="Check the path.") from error
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"{path} cannot be read ({reason}), {expected}.", hint="Check the path and permissions."
        ) from error
    zipped, has_suffix = head.startswith(GZIP), path.suffix.lower() in (".gz", ".bgz")
    if zipped and not (len(head) == 16 and head[3] & 4 and head[12:14] == b"BC"):
        raise InputError(
            f"{path} is compressed by gzip, {expected}, plain or compressed by bgzip: only "
            "these allow random access.",
            hint=f"gunzip {path.name} && bgzip {path.with_suffix('').name}",
        )
    if zipped != has_suffix:
        state = "compressed by bgzip" if zipped else "not compressed"
        raise InputError(
            f"{path} is {state}, {expected} whose name ends in .gz if it is compressed.",
            hint="Rename the file.",
        )
    return zipped


def _open_indexed(path: Path, folder: Path, packed: bool) -> Any:
    """The open file; its index is read from a copy in ``folder``, which only this call uses."""
    kinds = (".fai", ".gzi") if packed else (".fai",)
    copies = [folder / f"index{kind}" for kind in kinds]
    indexes = [path.with_name(path.name + kind) for kind in kinds]
    if _is_fresh(path, indexes):
        with suppress(OSError, ValueError, IndexError, struct.error):
            for source, copy in zip(indexes, copies, strict=True):
                shutil.copyfile(source, copy)
            file = _faidx(path, copies)
            if _matches(file, path, packed):
                return file
            file.close()
    for copy in copies:
        copy.unlink(missing_ok=True)
    file = _faidx(path, copies)
    if not any(entry.rlen for entry in file.index.values()):
        raise ValueError("there are no letters between its line ends")
    for copy, target in zip(copies, indexes, strict=True):
        _install(copy, target)
    return file


def _faidx(path: Path, copies: list[Path]) -> Any:
    from pyfaidx import Faidx

    fai, gzi = (*map(str, copies), None)[:2]
    return Faidx(str(path), indexname=fai, gzi_indexname=gzi, as_raw=True)


def _is_fresh(path: Path, indexes: list[Path]) -> bool:
    try:
        changed = path.stat().st_mtime_ns
        return all(index.stat().st_mtime_ns >= changed for index in indexes)
    except OSError:
        return False


def _matches(file: Any, path: Path, packed: bool) -> bool:
    """Whether headers are where the index says; it may be of another file with the same name."""
    names = list(file.index)
    for name in names[: MAX_CHECKED_HEADERS if packed else None]:
        header = file.get_long_name(name).splitlines()
        if not header or header[-1].lstrip(">").split()[:1] != [name]:
            return False
    last = file.index[names[-1]]
    return packed or abs(path.stat().st_size - last.bend) <= 2 * last.lenb


def _install(copy: Path, target: Path) -> None:
    """Renames an index into place next to its genome, unless the folder is not writable."""
    part = target.with_name(f".{target.name}.{token_hex(4)}.part")
    with suppress(OSError):
        try:
            shutil.copyfile(copy, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def _pyfaidx_errors(path: Path) -> Iterator[None]:
    """Reports any error of pyfaidx inside the block as an error of the input.

    Raises:
        InputError: in place of that error.
    """
    from pyfaidx import FastaIndexingError

    try:
        yield
    except (
        FastaIndexingError, OSError, EOFError, ValueError, LookupError, RuntimeError,
        AssertionError, zlib.error, struct.error,
    ) as error:  # fmt: skip
        raise InputError(
            f"{path} cannot be read as a genome ({error}), expected a FASTA file with lines of "
            "one length in each chromosome.",
            hint="Check the file, and remove its .fai and .gzi if they belong to another file.",
        ) from error


def chromosomes(genome: str | PathLike[str] | None) -> dict[str, int]:
    """The lengths of the chromosomes of a genome; empty without one.

    Raises:
        InputError: as for `Genome`.
    """
    return {} if genome is None else dict(Genome(genome).lengths)
