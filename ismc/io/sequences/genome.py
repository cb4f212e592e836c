"""A genome in a FASTA file, read at any place through the index of pyfaidx.

The index is made in a temporary folder and then put beside the genome in one step, where that
folder may be written to; so processes that start together do not read each other's half of it.
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
from ismc.io.sequences.problems import shown

CHECKED = 100
UNKNOWN = ord("N")


class Genome:
    """Chromosomes by name.

    Attributes:
        path: the file, plain or compressed by bgzip.
        lengths: letters of each chromosome, in the order of the file.
    """

    path: Path
    lengths: dict[str, int]

    def __init__(self, path: str | PathLike[str]) -> None:
        """Opens a genome, and makes its index if there is none, or one of another file.

        Raises:
            InputError: when the file is missing, empty, no FASTA file, or compressed by gzip.
        """
        self.path = Path(path)
        packed = _is_packed(self.path)
        with extras():
            import pyfaidx  # noqa: F401
        with _reported(self.path), TemporaryDirectory() as folder:
            self._file = _indexed(self.path, Path(folder), packed)
        self.lengths = {name: found.rlen for name, found in self._file.index.items()}

    @property
    def name(self) -> str:
        """The file name."""
        return self.path.name

    def codes(self, chrom: str, start: int, end: int) -> np.ndarray:
        """The letters ``[start, end)`` in upper case as ASCII codes, uint8 ``[end - start]``.

        There is ``N`` outside of the chromosome.

        Raises:
            InputError: when the chromosome is not in the genome, or the file is damaged.
        """
        if chrom not in self.lengths:
            raise InputError(f"{self.absence(chrom)}.", hint=self.hint([chrom]))
        found = np.full(end - start, UNKNOWN, np.uint8)
        first, last = max(start, 0), min(end, self.lengths[chrom])
        if first < last:
            with _reported(self.path):
                letters = self._file.fetch(chrom, first + 1, last).upper().encode("ascii")
                if len(letters) != last - first:
                    raise ValueError(f"{chrom} ends after {first + len(letters):,} letters")
            found[first - start : last - start] = np.frombuffer(letters, np.uint8)
        return found

    def absence(self, chrom: str) -> str:
        """Says that a chromosome is missing, and which one may be meant."""
        other = self._other(chrom)
        return f"chromosome {chrom!r} is not in {self.name}" + (
            f", which has {other!r}" if other else ""
        )

    def hint(self, missing: list[str]) -> str:
        """Which chromosomes there are, for those that looked for others."""
        for chrom in missing:
            other = self._other(chrom)
            if other:
                return (
                    f"The same chromosome is {other!r} in the genome and {chrom!r} here: rename "
                    "one of them, or take the genome of the other naming."
                )
        return f"{self.name} has the chromosomes {shown(self.lengths, ', ')}."

    def _other(self, chrom: str) -> str | None:
        """What the genome calls a chromosome that others call by this name."""
        bare = chrom.removeprefix("chr")
        mitochondrial = ("MT", "M", "chrM", "chrMT") if bare in ("M", "MT") else ()
        names = (f"chr{bare}", bare, *mitochondrial, f"chr{bare.upper()}", bare.upper())
        return next((name for name in names if name in self.lengths), None)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __reduce__(self) -> tuple[type[Genome], tuple[Path]]:
        """Another process opens the file for itself."""
        return Genome, (self.path,)


def _is_packed(path: Path) -> bool:
    """Whether it is compressed by bgzip; checks that it is a file that can be read at any place.

    Raises:
        InputError: if not.
    """
    wanted = "expected a genome in a FASTA file"
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist, {wanted}.", hint="Check the path.") from error
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"{path} cannot be read ({reason}), {wanted}.", hint="Check the path and permissions."
        ) from error
    zipped, named = head.startswith(GZIP), path.suffix.lower() in (".gz", ".bgz")
    if zipped and not (len(head) == 16 and head[3] & 4 and head[12:14] == b"BC"):
        raise InputError(
            f"{path} is compressed by gzip, {wanted}, plain or compressed by bgzip: only these "
            "can be read at any place.",
            hint=f"gunzip {path.name} && bgzip {path.with_suffix('').name}",
        )
    if zipped != named:
        found = "compressed by bgzip" if zipped else "not compressed"
        raise InputError(
            f"{path} is {found}, {wanted} whose name ends in .gz if it is compressed.",
            hint="Rename the file.",
        )
    return zipped


def _indexed(path: Path, folder: Path, packed: bool) -> Any:
    """The opened file; its index is read from a copy in a folder that is this call's own."""
    kinds = (".fai", ".gzi") if packed else (".fai",)
    own = [folder / f"index{kind}" for kind in kinds]
    beside = [path.with_name(path.name + kind) for kind in kinds]
    if _fresh(path, beside):
        with suppress(OSError, ValueError, IndexError, struct.error):
            for source, copy in zip(beside, own, strict=True):
                shutil.copyfile(source, copy)
            file = _faidx(path, own)
            if _matches(file, path, packed):
                return file
            file.close()
    for copy in own:
        copy.unlink(missing_ok=True)
    file = _faidx(path, own)
    if not any(found.rlen for found in file.index.values()):
        raise ValueError("there are no letters between its line ends")
    for copy, target in zip(own, beside, strict=True):
        _put(copy, target)
    return file


def _faidx(path: Path, own: list[Path]) -> Any:
    from pyfaidx import Faidx

    fai, gzi = (*map(str, own), None)[:2]
    return Faidx(str(path), indexname=fai, gzi_indexname=gzi, as_raw=True)


def _fresh(path: Path, beside: list[Path]) -> bool:
    try:
        changed = path.stat().st_mtime_ns
        return all(index.stat().st_mtime_ns >= changed for index in beside)
    except OSError:
        return False


def _matches(file: Any, path: Path, packed: bool) -> bool:
    """Whether headers are where the index says: the file may be another one, and older."""
    names = list(file.index)
    for name in names[: CHECKED if packed else None]:
        header = file.get_long_name(name).splitlines()
        if not header or header[-1].lstrip(">").split()[:1] != [name]:
            return False
    last = file.index[names[-1]]
    return packed or abs(path.stat().st_size - last.bend) <= 2 * last.lenb


def _put(copy: Path, target: Path) -> None:
    """Puts an index beside its genome, whole; a folder that may not be written to stays as is."""
    part = target.with_name(f".{target.name}.{token_hex(4)}.part")
    with suppress(OSError):
        try:
            shutil.copyfile(copy, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Whatever pyfaidx raises is an error of the input.

    Raises:
        InputError: in its place.
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
            hint="Check the file, and remove its .fai and .gzi if they are of another one.",
        ) from error


def chromosomes(genome: str | PathLike[str] | None) -> dict[str, int]:
    """The chromosomes of a genome, if there is one, and their lengths.

    Raises:
        InputError: as `Genome`.
    """
    return {} if genome is None else dict(Genome(genome).lengths)
