"""From a scoring specification and a provider of records to a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol

from ismc.io.sequences.genome import chromosomes
from ismc.io.sequences.variant_arrays import variant_positions
from ismc.jobs.job import Job, create_job
from ismc.jobs.models import choose_length
from ismc.jobs.program import ProgramProvider, ScoringSpec

if TYPE_CHECKING:
    from ismc.io.sequences.source import Source
    from ismc.io.sequences.variants import Variants


class RecordProvider(Protocol):
    """Where records come from."""

    @property
    def length(self) -> int | None:
        """The requested ``L``, or ``None``."""
        ...

    @property
    def genome(self) -> str | PathLike[str] | None:
        """The genome that regions or variants refer to."""
        ...

    @property
    def early(self) -> bool:
        """Whether records are read before the model is loaded, so that bad records fail fast."""
        ...

    @property
    def variants(self) -> Callable[[int], Variants] | None:
        """The reader of variants in windows of a given length; ``None`` to score sequences."""
        ...

    def source(self, length: int | None) -> Source:
        """The records, at a given length or at their own."""
        ...


def assemble_job(
    spec: ScoringSpec,
    inputs: RecordProvider,
    *,
    sites: Callable[[int], Sequence[Any] | None],
    block: int | None = None,
    on_status: Callable[[str], object] = lambda _: None,
) -> tuple[Job, Source | Variants]:
    """The job, and the records or variants that were read for it.

    Args:
        spec: what is computed.
        inputs: where records come from.
        sites: returns the sites for a sequence length, ``None`` for all; not called for variants.
        block: records per block of the store.
        on_status: called with the name of each step.

    Raises:
        IsmcError: when models, records and sites do not fit together.
    """
    source = None
    if inputs.early:
        source = inputs.source(inputs.length)
        sites(source.length)
    on_status("loading")
    program = ProgramProvider(spec)
    if inputs.variants is not None:
        length = choose_length(program.length, inputs.length, spec.name)
        variants = inputs.variants(length)
        on_status("compiling")
        ism = program.at(variant_positions(variants), length, more=True)
        job = create_job(
            ism, variants.windows, spec.name, variants, chromosomes(inputs.genome), block
        )
        return job, variants
    if source is None:
        if inputs.length is not None:
            choose_length(program.length, inputs.length, spec.name)
        source = inputs.source(inputs.length or program.length)
    problem = f"The sequences of {source.path} have {source.length} letters"
    length = choose_length(program.length, source.length, spec.name, problem)
    on_status("compiling")
    ism = program.at(sites(length), length)
    return create_job(ism, source, spec.name, None, chromosomes(inputs.genome), block), source
