"""Lengths of chromosomes, from a store or from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ismc.errors import InputError
from ismc.io.stores.store import Store


def chromosomes(store: Store, path: Path | None) -> dict[str, int]:
    """Lengths by name, in the order of the file or, without one, of the genome of the store.

    Raises:
        InputError: when there is neither, or the file is not a file of lengths.
    """
    if path is not None:
        return read_sizes(path)
    if "genome_chroms" not in store.group:
        raise InputError(
            "The store has no lengths of chromosomes, expected them for this format.",
            hint="Pass chrom.sizes, or the .fai of the genome, with --sizes.",
        )
    names = np.asarray(store.group["genome_chroms"][:]).tolist()
    return dict(zip(names, store.group["genome_sizes"][:].tolist(), strict=True))


def read_sizes(path: Path) -> dict[str, int]:
    """Lengths by name, from lines ``name length ..`` as in `chrom.sizes` and the `.fai` of FASTA.

    Raises:
        InputError: when the file cannot be read, or a line is not valid.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The file of lengths of chromosomes {path} cannot be read ({error}).",
            hint="Pass chrom.sizes, or the .fai of the genome.",
        ) from error
    sizes: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        name, *rest = line.split() or [""]
        if not name:
            continue
        if not rest or not rest[0].isdecimal() or name in sizes:
            reason = "a repeated name" if name in sizes else "no length"
            raise InputError(
                f"{path}, line {number}: {line[:40]!r} has {reason}, expected a new name and a "
                "number.",
                hint="Pass chrom.sizes, or the .fai of the genome.",
            )
        sizes[name] = int(rest[0])
    if not sizes:
        raise InputError(
            f"The file of lengths of chromosomes {path} is empty, expected a line for each.",
            hint="Pass chrom.sizes, or the .fai of the genome.",
        )
    return sizes
