"""The options of `ismc run` as data: where records come from, and what is scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ismc.errors import InputError

if TYPE_CHECKING:
    from ismc.io.sequences.problems import OnError
    from ismc.io.sequences.source import Ambiguous, Ends


@dataclass(frozen=True, kw_only=True)
class InputOptions:
    """The options that name the records; see `ismc.io.sequences.open_source`."""

    fasta: Path | None = None
    bed: Path | None = None
    vcf: Path | None = None
    array: Path | None = None
    genome: Path | None = None
    length: int | None = None
    on_error: OnError = "stop"
    ends: Ends = "pad"
    ambiguous: Ambiguous = "error"

    def source(self, length: int | None) -> Any:
        """As `ismc.jobs.assembly.RecordProvider`."""
        from ismc.io.sequences.open_source import open_source

        return open_source(
            fasta=self.fasta,
            bed=self.bed,
            genome=self.genome,
            array=self.array,
            length=length,
            on_error=self.on_error,
            ends=self.ends,
            ambiguous=self.ambiguous,
        )

    @property
    def early(self) -> bool:
        """As `ismc.jobs.assembly.RecordProvider`."""
        return self.bed is None and self.vcf is None

    @property
    def variants(self) -> Callable[[int], Any] | None:
        """As `ismc.jobs.assembly.RecordProvider`."""
        return None if self.vcf is None else self._variants

    def _variants(self, length: int) -> Any:
        """The variants of the VCF, in windows around them or in the regions of the BED file."""
        from ismc.io.sequences.variants import open_variants

        if self.vcf is None or self.genome is None:
            raise InputError(
                "--vcf has no genome, expected --genome too.", hint="Add --genome FILE.fa."
            )
        if self.bed is None:
            return open_variants(self.vcf, self.genome, length, self.on_error)
        regions = replace(self, vcf=None).source(length)
        variants = open_variants(self.vcf, self.genome, length, self.on_error, regions=regions)
        problems, notes = (
            (*regions.problems, *variants.problems),
            (*regions.notes, *variants.notes),
        )
        return replace(variants, problems=problems, notes=notes)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options that choose sites and blocks, and how the store is opened."""

    start: int | None = None
    end: int | None = None
    sites: str = ""
    batch_size: int | None = None
    shard: str = ""
    ray: str | None = None
    resume: bool = False
    append: bool = False
    overwrite: bool = False
    check: bool | str = True


def shard_of(text: str) -> Callable[[int], bool]:
    """A predicate of the blocks of shard ``i/n``; shards count from 1, and 0 means the last.

    Raises:
        InputError: when the text is not of this form.
    """
    if not text:
        return lambda _: True
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 0 <= int(number) <= int(count) != 0):
        raise InputError(
            f"--shard is {text!r}, expected a shard and the number of shards, as in 1/8.",
            hint="In a SLURM array: --shard $SLURM_ARRAY_TASK_ID/8.",
        )
    return lambda block: block % int(count) == int(number) % int(count)
