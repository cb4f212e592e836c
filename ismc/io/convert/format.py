"""What a format of a converter is, and what is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ismc.io.convert.selection import Task
from ismc.io.stores.store import Store


@dataclass(frozen=True)
class Request:
    """What is to be written.

    Attributes:
        store: where scores are.
        output: the name of one of its outputs, or ``None``.
        task: one number of the output's score, or ``None``; see `ismc.io.convert.selection`.
        sizes: a file of the lengths of chromosomes, or ``None`` for those in the store.
    """

    store: Store
    output: str | None = None
    task: Task = None
    sizes: Path | None = None


@dataclass(frozen=True)
class Format:
    """One layout of one consumer.

    Attributes:
        name: as users say it.
        suffixes: those that its files may have.
        about: what it is, in a line.
        write: writes a request to paths that are free, one for each of ``files``, and returns what
            is worth saying about it.
        files: what is added to a target for each file that is written.
    """

    name: str
    suffixes: tuple[str, ...]
    about: str
    write: Callable[[Request, Sequence[Path]], list[str]]
    files: tuple[str, ...] = ("",)

    def paths(self, target: Path) -> list[Path]:
        """The files that a target stands for.

        Where none has the target's own name, a suffix of the format is dropped from that first.
        """
        name = target.name
        if "" not in self.files:
            for suffix in self.suffixes:
                name = name.removesuffix(suffix)
        return [target.with_name(name + file) for file in self.files]
