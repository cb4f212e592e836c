"""A job: what is scored, and what the store of its scores holds before anything is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ismc import __version__
from ismc.errors import InputError
from ismc.io.content import Content
from ismc.io.digests import model_digest
from ismc.io.facts import Facts, Output, block_size
from ismc.io.regions import distinct
from ismc.io.store import Store, created, in_memory, opened
from ismc.scan import Moved, Scorer, scan

if TYPE_CHECKING:
    from ismc.io.sources import Source
    from ismc.io.variants import Variants

Array = np.ndarray
COLUMNS = ("line", "chrom", "pos", "id", "ref", "alt", "status", "window", "letter")
NUMBERS = ("line", "pos", "window", "slot", "letter")


@dataclass(frozen=True)
class Job:
    """A program, the records it is run on, and what is known of both.

    Attributes:
        ism: a compiled or loaded program, or an ensemble.
        facts: what the store holds.
        content: what stands in it before anything is scored.
    """

    ism: Any
    facts: Facts
    content: Content

    def store(self, path: Path | None, *, resume: bool = False) -> Store:
        """The store of the job: a new one, or one that a run has begun.

        Args:
            path: the folder; ``None`` for one in memory.
            resume: whether one that is there is gone on with.

        Raises:
            InputError: when one is there, or holds something else.
            ArtifactError: when it cannot be written.
        """
        if path is None:
            return in_memory(self.facts, self.content)
        if not path.exists():
            return created(path, self.facts, self.content)
        if not resume:
            raise InputError(
                f"The store {path} exists, expected a new one.",
                hint="Go on with it by --resume, or replace it with --overwrite.",
            )
        return opened(path, self.facts)

    def score(
        self,
        store: Store,
        blocks: Sequence[int],
        moved: Callable[[Moved], object],
        ray: str | None = None,
    ) -> int:
        """Scores blocks of the store that are not done, here or on a cluster of Ray.

        Args:
            store: of this job.
            blocks: their numbers.
            moved: is told of each block that was written.
            ray: the address of the cluster, ``""`` for one on this machine; ``None`` for here.

        Returns:
            How often tiles were halved, for memory ran out.

        Raises:
            IsmcError: as `ismc.scan.scan` and `ismc.distributed.scan_on_ray`.
        """
        if ray is not None:
            from ismc.distributed import scan_on_ray

            scan_on_ray(self.ism, store, blocks, moved, ray)
            return 0
        scorer = Scorer(self.ism)
        scan(scorer, store, blocks, moved)
        store.tidy()
        return scorer.halved


def job(
    ism: Any,
    source: Source,
    model: str,
    variants: Variants | None = None,
    chromosomes: Mapping[str, int] | None = None,
    block: int | None = None,
) -> Job:
    """The job of scoring every record of a source, or the variants in its windows.

    Args:
        ism: a compiled or loaded program, or an ensemble; without a score, see `ismc.scan.Scorer`.
        source: the records; of variants, their windows.
        model: the file name of the model, or of all of an ensemble.
        variants: those that are scored, if not every letter at every site.
        chromosomes: those of the genome, with their lengths.
        block: records of one block of the store.
    """
    name = ism.score_name or "difference"
    score = _score(name)
    names = distinct(ism.output_names)
    shapes = zip(names, ism.shapes(), ism.reference_shapes(), strict=True)
    outputs = tuple(Output(name, tuple(s), tuple(r)) for name, s, r in shapes)
    at = None if variants is None else slots(variants)
    sites = tuple((int(a), int(b)) for a, b in ism.sites)
    width = len(sites) if at is None else at.shape[1]
    count, length = len(source.names), source.length
    places = source.coordinates
    facts = Facts(
        model=model,
        model_digest=model_digest(ism),
        plan=getattr(getattr(ism, "plan", None), "digest", ""),
        score=name,
        formula=score.formula,
        signed=score.signed,
        centred=score.centred,
        outputs=outputs,
        sites=sites if at is None else (),
        slots=0 if at is None else width,
        length=length,
        count=count,
        block=min(block or block_size(outputs, width, length), max(count, 1)),
        source=Path(source.path).name,
        source_digest=source.digest if variants is None else _digest(variants),
        genome="" if places is None else places.genome,
        versions=_versions(ism),
    )
    more = {} if variants is None or at is None else {"at": at, **table(variants, at)}
    content = Content(
        source.names,
        lambda size: source.blocks(size, lambda _: True),
        places,
        chromosomes or {},
        more,
    )
    return Job(ism, facts, content)


def _score(name: str) -> Any:
    """The score of that spelling, or one of which nothing is known but the name."""
    from ismc.scores import Score, parsed

    try:
        return parsed(name)
    except InputError:
        return Score(name, "a function of the user's", lambda r, m: (r, m), signed=False)


def slots(variants: Variants) -> Array:
    """The sites of each window, int64 ``[windows, most]``, ascending, -1 where there are fewer."""
    sites: list[set[int]] = [set() for _ in variants.windows.names]
    for row in variants.rows:
        if row.window >= 0:
            sites[row.window].add(row.site)
    found = np.full((len(sites), max(map(len, sites), default=1)), -1, np.int64)
    for line, some in zip(found, sites, strict=True):
        line[: len(some)] = sorted(some)
    return found


def table(variants: Variants, at: Array) -> dict[str, Array]:
    """The variants, a column each, ``variants/<column>``; ``slot`` is the place among the sites."""
    columns: dict[str, list[Any]] = {
        name: [getattr(row, name) for row in variants.rows] for name in COLUMNS
    }
    columns["slot"] = [
        int(np.searchsorted(at[r.window][at[r.window] >= 0], r.site)) if r.window >= 0 else -1
        for r in variants.rows
    ]
    text = np.dtypes.StringDType()
    return {
        f"variants/{name}": np.asarray(values, np.int64 if name in NUMBERS else text)
        for name, values in columns.items()
    }


def _digest(variants: Variants) -> str:
    """Of windows and alleles."""
    found = sha256(variants.windows.digest.encode())
    for row in variants.rows:
        found.update(repr([getattr(row, name) for name in COLUMNS]).encode())
    return found.hexdigest()


def positions(variants: Variants) -> list[int]:
    """Every position of a window at which some variant lies."""
    return sorted({row.site for row in variants.rows if row.window >= 0})


def _versions(ism: Any) -> dict[str, str]:
    """Of ismc, and what the programs were made with."""
    first = getattr(ism, "first", ism)
    made = getattr(first, "versions", None) or first.record.versions
    return {**made, "ismc": __version__}
