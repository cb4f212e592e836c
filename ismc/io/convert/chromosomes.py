"""Lengths of chromosomes, from the store or from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ismc.errors import InputError
from ismc.io.stores.store import Store


def chromosomes(store: Store, path: Path | None) -> dict[str, int]:
    """Lengths by name, in the order of the file, or of the genome in the store.

    Raises:
        InputError: when neither is there, or the file is none of lengths.
    """
    if path is not None:
        return read_sizes(path)
    if "genome_chroms" not in store.group:
        raise InputError(
            "The lengths of chromosomes are not in the store, expected them for this format.",
            hint="Pass a file of them, chrom.sizes or the .fai of the genome, with --sizes.",
        )
    names = np.asarray(store.group["genome_chroms"][:]).tolist()
    return dict(zip(names, store.group["genome_sizes"][:].tolist(), strict=True))


def read_sizes(path: Path) -> dict[str, int]:
    """Lengths by name of a file of lines ``name length ..``: `chrom.sizes`, or the `.fai` of FASTA.

    Raises:
        InputError: with the line, when it is none.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The lengths of chromosomes {path} cannot be read ({error}).",
            hint="Pass chrom.sizes, or the .fai of the genome.",
        ) from error
    found: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        name, *rest = line.split() or [""]
        if not name:
            continue
        if not rest or not rest[0].isdecimal() or name in found:
            reason = "a name that stands before" if name in found else "no length"
            raise InputError(
                f"{path}, line {number}: {line[:40]!r} has {reason}, expected a new name and a "
                "number.",
                hint="Pass chrom.sizes, or the .fai of the genome.",
            )
        found[name] = int(rest[0])
    if not found:
        raise InputError(
            f"The lengths of chromosomes {path} are empty, expected a line for each.",
            hint="Pass chrom.sizes, or the .fai of the genome.",
        )
    return found
