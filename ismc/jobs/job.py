"""A job: a program, its records, and the store that its scores go to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ismc._version import __version__
from ismc.errors import InputError
from ismc.io.sequences.variant_arrays import renumber, slots, variant_columns, variants_digest
from ismc.io.stores.content import Content
from ismc.io.stores.facts import Facts, Output, Part, block_size, same
from ismc.io.stores.making import (
    append_lock,
    append_records,
    create_store,
    drop_last_part,
    in_memory,
    remove_store,
)
from ismc.io.stores.store import Store, open_store
from ismc.ir.pytree import distinct
from ismc.ism.calls import ISM, ModelISM
from ismc.ism.checking.statistics import Mode
from ismc.jobs.digests import model_digest
from ismc.jobs.run import BlockDone, Scorer, score_records

if TYPE_CHECKING:
    from ismc.io.sequences.source import Source
    from ismc.io.sequences.variants import Variants


@dataclass(frozen=True)
class Job:
    """A program and the records to score with it.

    Attributes:
        ism: a compiled or loaded program, or an ensemble.
        facts: the metadata of the store.
        content: the arrays that a new store holds before scoring.
    """

    ism: ISM
    facts: Facts
    content: Content

    def store(self, path: Path | None, *, resume: bool = False, append: bool = False) -> Store:
        """The job's store: created, reopened after an interruption, or extended with its records.

        Args:
            path: the folder; ``None`` for a store in memory.
            resume: continue an interrupted run of this job.
            append: add the records to a store that exists.

        Raises:
            InputError: when the store exists, or holds other records or scores.
            ArtifactError: when it cannot be written.
        """
        if path is None:
            return in_memory(self.facts, self.content)
        if not path.exists():
            return create_store(path, self.facts, self.content)
        if append:
            with append_lock(path):
                return self._append_to(open_store(path, write=True), resume)
        if not resume:
            raise InputError(
                f"The store {path} exists, expected a new one.",
                hint="Continue it with --resume, add records to it with --append, or replace it "
                "with --overwrite.",
            )
        return open_store(path, self.facts)

    def _append_to(self, store: Store, resume: bool) -> Store:
        """The store extended with this job's records, or reopened if they are its last part."""
        (addition,), existing, path = self.facts.parts, store.facts, Path(str(store.path))
        facts, content = replace(self.facts, block=existing.block), self.content
        if facts.slots and existing.slots:
            if facts.slots > existing.slots:
                raise InputError(
                    f"A window of {addition.source} has variants at {facts.slots} sites, expected "
                    f"{existing.slots} at most, as in {path}.",
                    hint="Write to another store, or score the file with the densest window first.",
                )
            content = replace(content, more=renumber(content.more, len(store), existing.slots))
            facts = replace(facts, slots=existing.slots)
        last = same([addition], existing.parts[-1:])
        if last and resume:
            return open_store(path, replace(facts, parts=existing.parts))
        if any(same([addition], [part]) for part in existing.parts):
            hint = (
                f"Continue their run with {existing.resume_options}."
                if last
                else "Append other records."
            )
            raise InputError(f"{path} already holds the records of {addition.source}.", hint=hint)
        if not store.complete:
            raise InputError(
                f"{int((~store.done).sum())} of {existing.blocks} blocks of {path} are not "
                "written, expected a complete store to append to.",
                hint=f"First finish the run of {existing.parts[-1].source}: "
                f"{existing.resume_options}.",
            )
        if problems := existing.differs(replace(facts, parts=existing.parts)):
            raise InputError(
                f"The store {path} holds other scores: {'; '.join(problems)}.",
                hint="Append records scored with the same model and settings.",
            )
        return append_records(store, replace(existing, parts=(*existing.parts, addition)), content)

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
        """The store to score into, rolled back if the body fails before anything is scored.

        The rollback removes a new store, and drops the records appended to an existing one.

        Args:
            path: as for `store`.
            resume: as for `store`.
            append: as for `store`.
            overwrite: replace a store that exists.
            shared: whether other processes write to the store too.

        Raises:
            IsmcError: as `store`.
        """
        if path is not None and overwrite and path.exists():
            remove_store(path)
        if append and path is None:
            raise InputError("There is no store to append to.", hint="Name one: output='OUT.zarr'.")
        new = path is not None and not path.exists()
        old_count = None if new or path is None or not append else open_store(path).facts.count
        store = self.store(path, resume=resume, append=append)
        try:
            yield store
        except BaseException:
            if path is not None and new and not shared and not store.written.any():
                remove_store(path)
            elif path is not None and old_count is not None and old_count < len(store):
                with append_lock(path):
                    if store.written.sum() <= old_count:
                        drop_last_part(store)
            raise

    def score(
        self,
        store: Store,
        pending: Sequence[slice],
        on_block: Callable[[BlockDone], object],
        ray: str | None = None,
        check: Mode = None,
    ) -> int:
        """Scores records of the store, in this process or on a Ray cluster.

        Args:
            store: the store of this job.
            pending: slices of records, each within one block; see
                `ismc.io.stores.store.Store.pending`.
            on_block: called after each slice is written.
            ray: the address of the Ray cluster, ``""`` for one on this machine, ``None`` to score
                in this process.
            check: as for `ismc.compile`; by default the program's own mode.

        Returns:
            How often the tile size was halved because memory ran out.

        Raises:
            IsmcError: as `ismc.jobs.run.score_records` and `ismc.jobs.ray.scan_on_ray`.
        """
        halvings = 0
        if ray is not None:
            from ismc.jobs.ray import scan_on_ray

            scan_on_ray(self.ism, store, pending, on_block, ray, check)
        else:
            scorer = Scorer(self.ism)
            score_records(scorer, store, pending, on_block, check)
            halvings = scorer.halved
        store.tidy()
        return halvings


def create_job(
    ism: ISM,
    source: Source,
    model: str,
    variants: Variants | None = None,
    chromosomes: Mapping[str, int] | None = None,
    block: int | None = None,
) -> Job:
    """The job of scoring every record of a source, or the variants in its windows.

    Args:
        ism: a compiled or loaded program, or an ensemble; a program without a score is scored by
            difference, see `ismc.jobs.run.Scorer`.
        source: the records; for variants, the windows around them.
        model: the file name of the model, or the names of all models of an ensemble.
        variants: the variants to score; by default every letter at every site is scored.
        chromosomes: the lengths of the genome's chromosomes by name.
        block: records per block of the store.
    """
    name = ism.score_name or "difference"
    score = _score(name)
    names = distinct(ism.output_names)
    shapes = zip(names, ism.program.shapes(), ism.program.reference_shapes(), strict=True)
    outputs = tuple(Output(name, tuple(s), tuple(r)) for name, s, r in shapes)
    at = None if variants is None else slots(variants)
    sites = tuple((int(a), int(b)) for a, b in ism.sites)
    width = len(sites) if at is None else at.shape[1]
    length, places = source.length, source.coordinates
    part = Part(
        Path(source.path).name,
        source.digest if variants is None else variants_digest(variants),
        len(source.names),
        0 if variants is None else len(variants.rows),
    )
    default_block = block_size(outputs, width, length)
    facts = Facts(
        model=model,
        model_digest=model_digest(ism),
        plan=ism.plan.digest if isinstance(ism, ModelISM) else "",
        score=name,
        formula=score.formula,
        signed=score.signed,
        centred=score.centred,
        outputs=outputs,
        sites=sites if at is None else (),
        slots=0 if at is None else width,
        length=length,
        block=min(block or default_block, max(part.records, default_block)),
        parts=(part,),
        genome="" if places is None else places.genome,
        versions=_versions(ism),
    )
    columns = {} if variants is None or at is None else {"at": at, **variant_columns(variants, at)}
    content = Content(
        source.names,
        lambda size: source.blocks(size, lambda _: True),
        places,
        chromosomes or {},
        columns,
    )
    return Job(ism, facts, content)


def _score(name: str) -> Any:
    """The score with this spelling, or a stand-in for a user's function with this name."""
    from ismc.scores import Score, parsed

    try:
        return parsed(name)
    except InputError:
        return Score(name, "a function of the user's", lambda r, m: (r, m), signed=False)


def _versions(ism: ISM) -> dict[str, str]:
    """The versions that the program was compiled with, and this version of ismc."""
    return {**ism.program.first.versions, "ismc": __version__}
