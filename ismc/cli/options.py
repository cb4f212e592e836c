"""What options of `ismc run` say: where records come from, which sites and blocks are scored."""

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
    """Where records come from, as options of a command; see `ismc.io.sequences.open_source`."""

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
        """The records."""
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
        """The variants of a VCF, in windows around them, or in those of a BED."""
        from ismc.io.sequences.variants import open_variants

        if self.vcf is None or self.genome is None:
            raise InputError("A file of variants needs a genome.", hint="Name it with --genome.")
        if self.bed is None:
            return open_variants(self.vcf, self.genome, length, self.on_error)
        regions = replace(self, vcf=None).source(length)
        found = open_variants(self.vcf, self.genome, length, self.on_error, regions=regions)
        problems, notes = (*regions.problems, *found.problems), (*regions.notes, *found.notes)
        return replace(found, problems=problems, notes=notes)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Which sites and which blocks, as options of a command say it."""

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
    """Which blocks are those of shard ``i/n``; shards count from 1, and 0 stands for the last.

    Raises:
        InputError: when it is no such text.
    """
    if not text:
        return lambda _: True
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 0 <= int(number) <= int(count) != 0):
        raise InputError(
            f"--shard is {text!r}, expected a number and how many there are, as in 1/8.",
            hint="In an array of SLURM: --shard $SLURM_ARRAY_TASK_ID/8.",
        )
    return lambda block: block % int(count) == int(number) % int(count)
