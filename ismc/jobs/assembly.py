"""From what a user wants, and where records come from, to a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol

from ismc.io.sequences.genome import chromosomes
from ismc.io.sequences.variant_arrays import positions
from ismc.jobs.job import Job, job
from ismc.jobs.models import chosen_length
from ismc.jobs.program import ProgramProvider, ScoringSpec

if TYPE_CHECKING:
    from ismc.io.sequences.source import Source
    from ismc.io.sequences.variants import Variants


class RecordProvider(Protocol):
    """Where records come from."""

    @property
    def length(self) -> int | None:
        """``L``, if it is given."""
        ...

    @property
    def genome(self) -> str | PathLike[str] | None:
        """The genome that regions or variants are of."""
        ...

    @property
    def early(self) -> bool:
        """Whether records are read before a model is loaded, so that bad ones are told at once."""
        ...

    @property
    def variants(self) -> Callable[[int], Variants] | None:
        """What reads variants in windows of a length, if these are scored."""
        ...

    def source(self, length: int | None) -> Source:
        """The records, of a length or of their own."""
        ...


def assembled(
    wanted: ScoringSpec,
    inputs: RecordProvider,
    *,
    sites: Callable[[int], Sequence[Any] | None],
    block: int | None = None,
    says: Callable[[str], object] = lambda _: None,
) -> tuple[Job, Source | Variants]:
    """What is scored, and what was read for it.

    Args:
        wanted: what is computed.
        inputs: where records come from.
        sites: those of sequences of a length, ``None`` for all; not asked for variants.
        block: records of one block of the store.
        says: is told what is being done.

    Raises:
        IsmcError: when something does not fit.
    """
    source = None
    if inputs.early:
        source = inputs.source(inputs.length)
        sites(source.length)
    says("loading")
    program = ProgramProvider(wanted)
    if inputs.variants is not None:
        length = chosen_length(program.length, inputs.length, wanted.name)
        variants = inputs.variants(length)
        says("compiling")
        ism = program.at(positions(variants), length, more=True)
        made = job(ism, variants.windows, wanted.name, variants, chromosomes(inputs.genome), block)
        return made, variants
    if source is None:
        if inputs.length is not None:
            chosen_length(program.length, inputs.length, wanted.name)
        source = inputs.source(inputs.length or program.length)
    found = f"The sequences of {source.path} have {source.length} letters"
    length = chosen_length(program.length, source.length, wanted.name, found)
    says("compiling")
    ism = program.at(sites(length), length)
    return job(ism, source, wanted.name, None, chromosomes(inputs.genome), block), source
