"""A bigWig of contributions along a genome, for genome browsers and Fi-NeMo.

The value at a position is the contribution of the reference letter: the sum over letters of the
hypothetical contributions times the one-hot sequence, see `ismc.io.convert.contributions`; 0 where
the letter is N. For scores without a sign it is the mean over the alternative letters. Where
records overlap, `ismc.io.convert.track` chooses the record of a position. Positions that were not
scanned have no value. Parts of records outside their chromosomes are dropped.

The lengths of chromosomes come from the store or from a file, and entries follow their order. A
bigWig cannot hold text, so ``TARGET.json`` says where it comes from. Values are buffered in memory,
up to 64 MiB, and then in an unnamed temporary file: 4 S bytes per record.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

import numpy as np

from ismc.errors import ArtifactError, InputError
from ismc.io.convert.chromosomes import chromosomes
from ismc.io.convert.contributions import check_bases, how, hypothetical, records, site_positions
from ismc.io.convert.format import Format, Request
from ismc.io.convert.provenance import provenance
from ismc.io.convert.selection import Choice, choose_number
from ismc.io.convert.track import Records, Run, runs
from ismc.io.extras import extras
from ismc.io.stores.facts import Facts
from ismc.io.stores.store import Store

Array = np.ndarray
MAX_SPOOL_BYTES = 64 << 20
CHILD = "ismc.io.convert.bigwig_child"
MEAN = "mean score over the alternative letters"


def write(request: Request, paths: Sequence[Path]) -> list[str]:
    """Writes the bigWig, and a JSON file that describes it."""
    with extras():
        import pyBigWig  # noqa: F401
    store, facts = request.store, request.store.facts
    check_bases(facts)
    choice = choose_number(facts, request.output, request.task)
    sizes = _sizes(request)
    path, description = paths
    with SpooledTemporaryFile(MAX_SPOOL_BYTES, dir=str(path.parent)) as spool:
        for _, one_hot, scores in records(store, choice.output.name, choice.index):
            spool.write(per_base(facts, one_hot[:, site_positions(facts)], scores).tobytes())
        written = _write_entries(path, sizes, runs(_records(store, spool), sizes))
    description.write_text(_about(facts, choice), "utf-8")
    count = int(facts.count * len(facts.sites))
    return [f"{written:,} positions of a genome, from {count:,} sites of records."]


def per_base(facts: Facts, one_hot: Array, scores: Array) -> Array:
    """Values float32 ``[n, S]`` from sequences and scores, both ``[n, S, 4]``."""
    if facts.signed:
        return np.einsum("nsc,nsc->ns", hypothetical(facts, scores), one_hot, dtype=np.float32)
    alternatives = 1 - one_hot
    total = np.einsum("nsc,nsc->ns", scores, alternatives, dtype=np.float32)
    return total / alternatives.sum(2, dtype=np.float32)


def _sizes(request: Request) -> dict[str, int]:
    """The lengths of chromosomes, including every chromosome that has records.

    Raises:
        InputError: when records have no coordinates, or are on chromosomes without a length.
    """
    store, facts = request.store, request.store.facts
    if "chrom" not in store.group:
        raise InputError(
            f"The records of {facts.source} have no coordinates, expected regions of a genome.",
            hint="Score regions: ismc run with --bed and --genome.",
        )
    sizes = chromosomes(store, request.sizes)
    names = dict.fromkeys(store.column("chrom").tolist())
    missing = [name for name in names if name not in sizes]
    if missing:
        raise InputError(
            f"Lengths are missing for {len(missing)} chromosomes, {', '.join(missing[:5])}, "
            "expected one for each that records are on.",
            hint="Pass the lengths of the genome that was scored with --sizes.",
        )
    return sizes


def _records(store: Store, spool: Any) -> Records:
    """The records; their values are read from the spool on demand."""
    at = site_positions(store.facts)
    order = np.argsort(at, kind="stable")

    def values(number: int) -> Array:
        spool.seek(4 * len(at) * number)
        return np.frombuffer(spool.read(4 * len(at)), np.float32)[order]

    chrom = store.column("chrom").tolist()
    return Records(chrom, store.column("start"), store.column("summit"), at[order], values)


def _write_entries(path: Path, sizes: Mapping[str, int], entries: Iterable[Run]) -> int:
    """Writes the entries in another process, and returns the number of their positions.

    Raises:
        ArtifactError: when not all of them are on the disk.
    """
    count = 0
    with _child(path) as source:
        source.write(json.dumps([*sizes.items()]).encode() + b"\n")
        for chrom, start, values in entries:
            source.write(json.dumps([chrom, start, len(values)]).encode() + b"\n")
            source.write(values.tobytes())
            count += len(values)
    return count


@contextmanager
def _child(path: Path) -> Iterator[Any]:
    """The standard input of a new process that writes the file, with this process's modules."""
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", CHILD, str(path)]
    child = subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=variables,
    )
    broken = False
    try:
        yield child.stdin
        child.communicate()
    except BrokenPipeError:
        broken = True
    finally:
        if child.poll() is None:
            child.kill()
        with suppress(BrokenPipeError):
            child.communicate()
    if broken or child.returncode:
        raise ArtifactError(
            f"{path.parent} has no space for the bigWig (pyBigWig exited with {child.returncode}).",
            hint="Free space, or write to another folder with -o.",
        )


def _about(facts: Facts, choice: Choice) -> str:
    contents = f"contribution of the reference letter: {how(facts)}" if facts.signed else MEAN
    texts = provenance(facts, choice.output.name, choice.task, contents)
    return json.dumps(texts, indent=2, sort_keys=True) + "\n"


FORMAT = Format(
    "bigwig",
    (".bw", ".bigwig", ".bigWig"),
    "contributions along the genome, for browsers; TARGET.json describes them",
    write,
    ("", ".json"),
)
