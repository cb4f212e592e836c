"""What a store of scores holds and where it comes from: the attributes of its group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from hashlib import sha256
from math import prod
from typing import Any

FORMAT = 1
BLOCK_BYTES = 16 << 20
MOST = 64
LETTERS = "ACGT"


@dataclass(frozen=True)
class Output:
    """One output: its name, and what stands for it.

    Attributes:
        name: as the user calls it; all different.
        score: the shape of its score of one mutant.
        shape: the shape of the model's own answer.
    """

    name: str
    score: tuple[int, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """Records that came together: those of the first run, or those appended by another.

    Attributes:
        source: the file name.
        digest: SHA-256 of the records, or of windows and alleles.
        records: how many there are.
        variants: how many rows the table of variants has for them.
    """

    source: str
    digest: str
    records: int
    variants: int = 0


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a store holds and where it comes from; the attributes of the group.

    Attributes:
        model: the file name of the model, or of all of an ensemble.
        model_digest: SHA-256 of program and weights.
        plan: the digest of the compiler's plan.
        score: the score's full spelling, as `ismc.scores.parsed` reads it.
        formula: what the score is, for people.
        signed: whether a score is a difference with a sign, so that letters contribute.
        centred: whether scores of a site add up to nothing already.
        outputs: one for each output.
        sites: half-open ranges, the same in every record; none where records have their own.
        slots: sites of each record, where it has its own: those of variants.
        length: ``L``.
        block: records of one block.
        parts: the records, in the order in which they came.
        genome: the file name of the genome, or nothing.
        versions: of ismc and what it ran on.
    """

    model: str
    model_digest: str
    plan: str
    score: str
    formula: str
    signed: bool
    centred: bool
    outputs: tuple[Output, ...]
    sites: tuple[tuple[int, int], ...]
    length: int
    block: int
    parts: tuple[Part, ...]
    genome: str = ""
    slots: int = 0
    letters: str = LETTERS
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """``N``."""
        return sum(part.records for part in self.parts)

    @property
    def variants(self) -> int:
        """Rows of the table of variants."""
        return sum(part.variants for part in self.parts)

    @property
    def source(self) -> str:
        """The file names of the records."""
        return ", ".join(part.source for part in self.parts)

    @property
    def source_digest(self) -> str:
        """SHA-256 of all records."""
        digests = [part.digest for part in self.parts]
        return digests[0] if len(digests) == 1 else sha256(" ".join(digests).encode()).hexdigest()

    @property
    def width(self) -> int:
        """``S``: sites that have scores in each record."""
        return self.slots or len(self.sites)

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return -(-self.count // self.block)

    def rows(self, block: int) -> slice:
        """The records of a block."""
        return slice(block * self.block, min((block + 1) * self.block, self.count))

    def first_with(self, record: int) -> int:
        """The first of the records that came together with one."""
        first = 0
        for part in self.parts:
            if record < first + part.records:
                break
            first += part.records
        return first

    @property
    def before(self) -> Facts:
        """What it held before its last records came."""
        return replace(self, parts=self.parts[:-1])

    @property
    def resume_options(self) -> str:
        """The options by which the last run goes on."""
        return "--resume" if len(self.parts) == 1 else "--append --resume"

    def sizes(self) -> list[int]:
        """How many records each block has."""
        rows = [self.rows(block) for block in range(self.blocks)]
        return [some.stop - some.start for some in rows]

    def key(self, kind: str, output: str) -> str:
        """Where the scores or the reference of an output are."""
        return kind if len(self.outputs) == 1 else f"{kind}/{output}"

    def differs(self, other: Facts) -> list[str]:
        """How the other's scores could not stand in the same store: one line for each fact."""
        skipped = ("versions", "model", "genome", "formula", "parts")  # names may change
        found = []
        for name in (item.name for item in fields(self) if item.name not in skipped):
            mine, expected = getattr(self, name), getattr(other, name)
            if mine != expected:
                said = _sites if name == "sites" else repr
                found.append(f"{name} is {said(mine)}, expected {said(expected)}")
        if not same(self.parts, other.parts):
            found.append(f"it holds {_parts(self)}, expected {_parts(other)}")
        return found


def same(parts: Sequence[Part], others: Sequence[Part]) -> bool:
    """Whether they hold the same records; names of files may change."""
    first, second = ([replace(part, source="") for part in some] for some in (parts, others))
    return first == second


def block_size(outputs: Sequence[Output], sites: int, length: int) -> int:
    """Records of one block: 16 MiB of scores, and 64 records at most."""
    scores = 4 * len(LETTERS) * sites * sum(prod(output.score) for output in outputs)
    return max(1, min(MOST, BLOCK_BYTES // max(scores + 4 * length, 1)))


def attributes_of(facts: Facts) -> dict[str, Any]:
    """The facts as JSON holds them."""
    return {"format": "ismc scores", "format_version": FORMAT, **asdict(facts)}


def facts_of(attributes: dict[str, Any]) -> Facts:
    """The facts of a group's attributes.

    Raises:
        KeyError, TypeError, ValueError: where they are not those of a store.
    """
    if attributes.pop("format", None) != "ismc scores":
        raise ValueError("its attributes do not say so")
    if (version := attributes.pop("format_version")) > FORMAT:
        raise ValueError(
            f"it has format {version}, this ismc reads {FORMAT}; a newer one is needed"
        )
    attributes["sites"] = tuple((start, stop) for start, stop in attributes["sites"])
    attributes["parts"] = tuple(Part(**part) for part in attributes["parts"])
    attributes["outputs"] = tuple(
        Output(o["name"], tuple(o["score"]), tuple(o["shape"])) for o in attributes["outputs"]
    )
    return Facts(**attributes)


def _parts(facts: Facts) -> str:
    """How many records of which files, and the start of their digest."""
    return f"{facts.count:,} records of {facts.source} (digest {facts.source_digest[:12]})"


def _sites(sites: Sequence[tuple[int, int]]) -> str:
    """How many, and the first and the last."""
    return f"{len(sites)} ranges, {sites[0]} to {sites[-1]}" if sites else "those of variants"
