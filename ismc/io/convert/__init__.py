"""Conversion of a store of scores into files for other programs.

================= ========================================= ==============================
name              files                                     read by
================= ========================================= ==============================
npz, h5           ``.npz``, ``.h5``: all that a store has   NumPy, h5py
tsv               ``.tsv``, ``.tsv.gz``: a table            pandas, spreadsheets
bigwig            ``.bw``, and ``.json`` beside it          genome browsers, Fi-NeMo
modisco           ``TARGET.ohe.npz``, ``TARGET.attr.npz``   ``modisco motifs -s -a``, Fi-NeMo
chrombpnet, bpnet ``.h5``: contributions, float16           Fi-NeMo, ``modisco motifs -i``
basenji           ``.h5``: scores of all targets, float16   Basenji's tools
================= ========================================= ==============================

A suffix without ``to`` selects the first format that has it. The module of each format describes
its files. All files of a conversion appear together, or none does. Equal stores give equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ismc.errors import InputError
from ismc.io.convert import basenji, bigwig, bpnet, chrombpnet, modisco, native, tsv
from ismc.io.convert.files import atomic_write_all, check_free
from ismc.io.convert.format import Format, Request
from ismc.io.convert.selection import Task
from ismc.io.stores.store import Store
from ismc.io.targets import check_target

__all__ = ["FORMATS", "Conversion", "Format", "convert", "convert_request", "format_of"]

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        item.name: item
        for item in (
            native.NPZ,
            native.H5,
            tsv.FORMAT,
            bigwig.FORMAT,
            modisco.FORMAT,
            chrombpnet.FORMAT,
            bpnet.FORMAT,
            basenji.FORMAT,
        )
    }
)
"""The formats by name; the first one with a suffix is the default for it."""


@dataclass(frozen=True)
class Conversion:
    """The result of a conversion.

    Attributes:
        format: the format of the files.
        paths: the files.
        notes: remarks on them, for the user.
    """

    format: Format
    paths: list[Path]
    notes: list[str]


def convert(
    store: Store,
    target: Path,
    to: str | None = None,
    *,
    output: str | None = None,
    task: Task = None,
    sizes: Path | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Writes scores in the format of another program.

    Args:
        store: a complete store.
        target: the file, or the prefix of the names of several files.
        to: the name of a format; by default, the format of the target's suffix.
        output: the name of an output, if the format takes one output and the store has several.
        task: the index of one number of a score, if the format takes one; ``2`` or ``"2,0"``.
        sizes: a file of the lengths of chromosomes, for bigWig; those in the store by default.
        overwrite: whether existing files are replaced.

    Returns:
        The written files.

    Raises:
        InputError: when the scores do not fit the format, or the target cannot be written.
        ArtifactError: when the disk is full, or the store is damaged; no file is then written.
    """
    request = Request(store, output, task, sizes)
    return convert_request(request, target, to, overwrite=overwrite).paths


def convert_request(
    request: Request, target: Path, to: str | None = None, *, overwrite: bool = False
) -> Conversion:
    """As `convert`, but returns the format and the notes too."""
    form = format_of(target, to)
    paths = form.paths(target)
    if target in paths:
        check_target(target, form.suffixes, overwrite=overwrite)
    check_free(paths, overwrite=overwrite)
    request.store.check_complete()
    with atomic_write_all(paths, overwrite=overwrite) as parts:
        notes = form.write(request, parts)
    return Conversion(form, paths, notes)


def format_of(target: Path, to: str | None = None) -> Format:
    """The format of that name, or the first one with the target's suffix.

    Raises:
        InputError: when no format has the name or the suffix.
    """
    if to is not None and to not in FORMATS:
        raise InputError(
            f"There is no format {to!r}, expected one of {', '.join(FORMATS)}.",
            hint="\n".join(f"{item.name}: {item.about}" for item in FORMATS.values()),
        )
    if to is not None:
        return FORMATS[to]
    for item in FORMATS.values():
        if target.name.endswith(item.suffixes):
            return item
    raise InputError(
        f"No format has the suffix of the output {target}, expected one of "
        f"{', '.join(dict.fromkeys(s for item in FORMATS.values() for s in item.suffixes))}.",
        hint=f"Choose a format with --to: {', '.join(FORMATS)}.",
    )
