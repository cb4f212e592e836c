"""A job: what is scored, and what the store of its scores holds before anything is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ismc._version import __version__
from ismc.errors import InputError
from ismc.io.sequences.variant_arrays import behind, digest, slots, table
from ismc.io.stores.content import Content
from ismc.io.stores.facts import Facts, Output, Part, block_size, same
from ismc.io.stores.making import append_lock, appended, created, in_memory, removed, without_last
from ismc.io.stores.store import Store, opened
from ismc.ir.pytree import distinct
from ismc.ism.checking.statistics import Mode
from ismc.jobs.digests import model_digest
from ismc.jobs.run import BlockDone, Scorer, score_records

if TYPE_CHECKING:
    from ismc.io.sequences.source import Source
    from ismc.io.sequences.variants import Variants


@dataclass(frozen=True)
class Job:
    """A program, the records it is run on, and what is known of both.

    Attributes:
        ism: a compiled or loaded program, or an ensemble.
        facts: what a new store holds.
        content: what stands in it before anything is scored.
    """

    ism: Any
    facts: Facts
    content: Content

    def store(self, path: Path | None, *, resume: bool = False, append: bool = False) -> Store:
        """The store of the job: a new one, one that a run has begun, or one with more records.

        Args:
            path: the folder; ``None`` for one in memory.
            resume: whether one that a run of this job has begun is gone on with.
            append: whether the records go behind those of another job.

        Raises:
            InputError: when one is there, or holds something else.
            ArtifactError: when it cannot be written.
        """
        if path is None:
            return in_memory(self.facts, self.content)
        if not path.exists():
            return created(path, self.facts, self.content)
        if append:
            with append_lock(path):
                return self._behind(opened(path, write=True), resume)
        if not resume:
            raise InputError(
                f"The store {path} exists, expected a new one.",
                hint="Go on with it by --resume, put records behind its own by --append, or "
                "replace it with --overwrite.",
            )
        return opened(path, self.facts)

    def _behind(self, store: Store, resume: bool) -> Store:
        """The store with the records of this job behind others, or as its last ones already."""
        (mine,), there, path = self.facts.parts, store.facts, Path(str(store.path))
        facts, content = replace(self.facts, block=there.block), self.content
        if facts.slots and there.slots:
            if facts.slots > there.slots:
                raise InputError(
                    f"A window of {mine.source} has variants at {facts.slots} sites, expected "
                    f"{there.slots} at most, as in {path}.",
                    hint="Write to another store, or begin one with the file of most variants.",
                )
            content = replace(content, more=behind(content.more, len(store), there.slots))
            facts = replace(facts, slots=there.slots)
        last = same([mine], there.parts[-1:])
        if last and resume:
            return opened(path, replace(facts, parts=there.parts))
        if any(same([mine], [part]) for part in there.parts):
            hint = (
                f"Go on with them by {there.resume_options}." if last else "Append other records."
            )
            raise InputError(f"{path} holds the records of {mine.source} already.", hint=hint)
        if not store.complete:
            raise InputError(
                f"{int((~store.done).sum())} of {there.blocks} blocks of {path} are not written, "
                "expected all before others are appended.",
                hint=f"Finish the run of {there.parts[-1].source} first: {there.resume_options}.",
            )
        if problems := there.differs(replace(facts, parts=there.parts)):
            raise InputError(
                f"The store {path} holds other scores: {'; '.join(problems)}.",
                hint="Append what was made with the same model and settings.",
            )
        return appended(store, replace(there, parts=(*there.parts, mine)), content)

    @contextmanager
    def open_store(
        self,
        path: Path | None,
        *,
        resume: bool = False,
        append: bool = False,
        overwrite: bool = False,
        shared: bool = False,
    ) -> Iterator[Store]:
        """The store, to score into.

        When that fails before anything is scored, a new store goes again, and one that records were
        appended to is as it was.

        Args:
            path: as for `store`.
            resume: as for `store`.
            append: as for `store`.
            overwrite: whether one that is there is replaced.
            shared: whether others write to it too.
        """
        if path is not None and overwrite and path.exists():
            removed(path)
        if append and path is None:
            raise InputError("There is no store to append to.", hint="Name one: output='OUT.zarr'.")
        new = path is not None and not path.exists()
        there = None if new or path is None or not append else opened(path).facts.count
        store = self.store(path, resume=resume, append=append)
        try:
            yield store
        except BaseException:
            if path is not None and new and not shared and not store.written.any():
                removed(path)
            elif path is not None and there is not None and there < len(store):
                with append_lock(path):
                    if store.written.sum() <= there:
                        without_last(store)
            raise

    def score(
        self,
        store: Store,
        wanted: Sequence[slice],
        on_block: Callable[[BlockDone], object],
        ray: str | None = None,
        check: Mode = None,
    ) -> int:
        """Scores records of the store, here or on a cluster of Ray.

        Args:
            store: of this job.
            wanted: records, each slice of one block; see `ismc.io.stores.store.Store.pending`.
            on_block: is told of each slice that was written.
            ray: the address of the cluster, ``""`` for one on this machine; ``None`` for here.
            check: as for `ismc.compile`; by default what the program was compiled with.

        Returns:
            How often tiles were halved, for memory ran out.

        Raises:
            IsmcError: as `ismc.jobs.run.score_records` and `ismc.jobs.ray.scan_on_ray`.
        """
        times = 0
        if ray is not None:
            from ismc.jobs.ray import scan_on_ray

            scan_on_ray(self.ism, store, wanted, on_block, ray, check)
        else:
            scorer = Scorer(self.ism)
            score_records(scorer, store, wanted, on_block, check)
            times = scorer.halved
        store.tidy()
        return times


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
        ism: a compiled or loaded program, or an ensemble; without a score, see
            `ismc.jobs.run.Scorer`.
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
    length, places = source.length, source.coordinates
    part = Part(
        Path(source.path).name,
        source.digest if variants is None else digest(variants),
        len(source.names),
        0 if variants is None else len(variants.rows),
    )
    most = block_size(outputs, width, length)
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
        block=min(block or most, max(part.records, most)),
        parts=(part,),
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


def _versions(ism: Any) -> dict[str, str]:
    """Of ismc, and what the programs were made with."""
    first = getattr(ism, "first", ism)
    made = getattr(first, "versions", None) or first.record.versions
    return {**made, "ismc": __version__}
