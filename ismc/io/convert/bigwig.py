"""A bigWig of the contribution at each position of a genome, for browsers and Fi-NeMo.

The value at a position is the contribution of the letter that is there: the sum over letters of
hypothetical contributions times the one-hot sequence, see `ismc.io.convert.contributions`; 0 where
it is not known (N). Of scores without a sign it is the mean over the letters that are not there.
Where records overlap, `ismc.io.convert.track` says which one a position belongs to. Positions that
were not scanned have no value, and parts of records outside of their chromosomes are left out.

Lengths of chromosomes are those of the genome that the store knows, or of a file, which is also the
order of entries. A bigWig has no room for texts, so ``TARGET.json`` says where it comes from.
Values wait for their turn in memory, up to 64 MiB, and then in a temporary file without a name:
4 S bytes for each record.
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
from ismc.io.convert.contributions import check_bases, how, hypothetical, positions, records
from ismc.io.convert.format import Format, Request
from ismc.io.convert.provenance import provenance
from ismc.io.convert.selection import Choice, chosen
from ismc.io.convert.track import Records, Run, runs
from ismc.io.extras import extras
from ismc.io.stores.facts import Facts
from ismc.io.stores.store import Store

Array = np.ndarray
SPOOL = 64 << 20
CHILD = "ismc.io.convert.bigwig_child"
MEAN = "mean score over the letters that are not there"


def write(request: Request, paths: Sequence[Path]) -> list[str]:
    """Writes the bigWig, and beside it what it holds."""
    with extras():
        import pyBigWig  # noqa: F401
    store, facts = request.store, request.store.facts
    check_bases(facts)
    choice = chosen(facts, request.output, request.task)
    sizes = _sizes(request)
    path, said = paths
    with SpooledTemporaryFile(SPOOL, dir=str(path.parent)) as spool:
        for _, one_hot, scores in records(store, choice.output.name, choice.index):
            spool.write(per_base(facts, one_hot[:, positions(facts)], scores).tobytes())
        written = _written(path, sizes, runs(_records(store, spool), sizes))
    said.write_text(_about(facts, choice), "utf-8")
    count = int(facts.count * len(facts.sites))
    return [f"{written:,} positions of a genome, from {count:,} sites of records."]


def per_base(facts: Facts, one_hot: Array, scores: Array) -> Array:
    """Values float32 ``[n, S]`` of scores and sequences ``[n, S, 4]``."""
    if facts.signed:
        return np.einsum("nsc,nsc->ns", hypothetical(facts, scores), one_hot, dtype=np.float32)
    others = 1 - one_hot
    total = np.einsum("nsc,nsc->ns", scores, others, dtype=np.float32)
    return total / others.sum(2, dtype=np.float32)


def _sizes(request: Request) -> dict[str, int]:
    """Lengths of chromosomes, all that records are on among them.

    Raises:
        InputError: when records have no coordinates, or lie on other chromosomes.
    """
    store, facts = request.store, request.store.facts
    if "chrom" not in store.group:
        raise InputError(
            f"The records of {facts.source} have no coordinates, expected regions of a genome.",
            hint="Run with --bed and --genome.",
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
    """The records, their values read from the file when they are asked for."""
    at = positions(store.facts)
    order = np.argsort(at, kind="stable")

    def values(number: int) -> Array:
        spool.seek(4 * len(at) * number)
        return np.frombuffer(spool.read(4 * len(at)), np.float32)[order]

    chrom = store.column("chrom").tolist()
    return Records(chrom, store.column("start"), store.column("summit"), at[order], values)


def _written(path: Path, sizes: Mapping[str, int], entries: Iterable[Run]) -> int:
    """Writes the entries in another process; how many positions they are.

    Raises:
        ArtifactError: when not all of them arrived on the disk.
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
    """What is written to the process that writes the file; it finds the modules of this one."""
    found = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    call = [sys.executable, "-m", CHILD, str(path)]
    child = subprocess.Popen(  # noqa: S603
        call, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=found
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
            f"{path.parent} has no room for the bigWig (pyBigWig ended with {child.returncode}).",
            hint="Free space, or write to another folder with -o.",
        )


def _about(facts: Facts, choice: Choice) -> str:
    contents = f"contribution of the letter that is there: {how(facts)}" if facts.signed else MEAN
    said = provenance(facts, choice.output.name, choice.task, contents)
    return json.dumps(said, indent=2, sort_keys=True) + "\n"


FORMAT = Format(
    "bigwig",
    (".bw", ".bigwig", ".bigWig"),
    "contributions along the genome, for browsers; TARGET.json says what they are",
    write,
    ("", ".json"),
)
