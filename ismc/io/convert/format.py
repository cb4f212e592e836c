"""Formats of converted files, and requests for conversions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ismc.io.convert.selection import Task
from ismc.io.stores.store import Store


@dataclass(frozen=True)
class Request:
    """The scores to convert.

    Attributes:
        store: the store of scores.
        output: the name of one of its outputs, or ``None``.
        task: the index of one number of a score, or ``None``; see `ismc.io.convert.selection`.
        sizes: a file of the lengths of chromosomes, or ``None`` for those in the store.
    """

    store: Store
    output: str | None = None
    task: Task = None
    sizes: Path | None = None


@dataclass(frozen=True)
class Format:
    """A file format of another program, or of ismc.

    Attributes:
        name: the name that users choose it by.
        suffixes: the suffixes that a target may have.
        about: a description of one line.
        write: writes a request to new paths, one for each of ``files``, and returns notes for the
            user.
        files: what is appended to the target's name for each file.
    """

    name: str
    suffixes: tuple[str, ...]
    about: str
    write: Callable[[Request, Sequence[Path]], list[str]]
    files: tuple[str, ...] = ("",)

    def paths(self, target: Path) -> list[Path]:
        """The files to write for a target.

        If none has the name of the target itself, a suffix of the format is first removed from it.
        """
        name = target.name
        if "" not in self.files:
            for suffix in self.suffixes:
                name = name.removesuffix(suffix)
        return [target.with_name(name + file) for file in self.files]
