"""What a store of scores holds and where it comes from: the attributes of its Zarr group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from hashlib import sha256
from math import prod
from typing import Any

FORMAT = 1
BLOCK_BYTES = 16 << 20
MAX_BLOCK_RECORDS = 64
LETTERS = "ACGT"


@dataclass(frozen=True)
class Output:
    """One output of a model, and the shapes of its arrays.

    Attributes:
        name: the name that users choose it by; names are distinct.
        score: the shape of the score of one mutant.
        shape: the shape of the model's output for one sequence.
    """

    name: str
    score: tuple[int, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """Records that were added together: those of the first run, or those of one append.

    Attributes:
        source: the file name.
        digest: SHA-256 of the records; for variants, of the windows and alleles.
        records: the number of records.
        variants: the number of their rows in the table of variants.
    """

    source: str
    digest: str
    records: int
    variants: int = 0


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a store holds and where it comes from; the attributes of the group.

    Attributes:
        model: the file name of the model, or of all models of an ensemble.
        model_digest: SHA-256 of program and weights.
        plan: the digest of the compiler's plan.
        score: the score's full spelling, as `ismc.scores.parsed` reads it.
        formula: the formula of the score, for people.
        signed: whether a score is a signed difference, so that letters have contributions.
        centred: whether the scores of a site already sum to zero over the letters.
        outputs: the outputs, at least one.
        sites: half-open ranges, the same in every record; empty where each record has its own.
        length: ``L``.
        block: records per block.
        parts: the records, in the order in which they were added.
        genome: the file name of the genome, or ``""``.
        slots: sites per record where each record has its own, as with variants; 0 otherwise.
        letters: the alphabet, in the order of channels.
        versions: versions of ismc and of the libraries it ran on.
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
        """``N``, the number of records."""
        return sum(part.records for part in self.parts)

    @property
    def variants(self) -> int:
        """The number of rows of the table of variants."""
        return sum(part.variants for part in self.parts)

    @property
    def source(self) -> str:
        """The file names of the records, separated by commas."""
        return ", ".join(part.source for part in self.parts)

    @property
    def source_digest(self) -> str:
        """SHA-256 of all records."""
        digests = [part.digest for part in self.parts]
        return digests[0] if len(digests) == 1 else sha256(" ".join(digests).encode()).hexdigest()

    @property
    def width(self) -> int:
        """``S``, the number of scored sites per record."""
        return self.slots or len(self.sites)

    @property
    def blocks(self) -> int:
        """The number of blocks."""
        return -(-self.count // self.block)

    def rows(self, block: int) -> slice:
        """The records of a block."""
        return slice(block * self.block, min((block + 1) * self.block, self.count))

    def first_with(self, record: int) -> int:
        """The first record of the part that contains ``record``."""
        first = 0
        for part in self.parts:
            if record < first + part.records:
                break
            first += part.records
        return first

    @property
    def before(self) -> Facts:
        """The facts before the last part was appended."""
        return replace(self, parts=self.parts[:-1])

    @property
    def resume_options(self) -> str:
        """The command-line options that resume the last run."""
        return "--resume" if len(self.parts) == 1 else "--append --resume"

    def sizes(self) -> list[int]:
        """The number of records in each block."""
        rows = [self.rows(block) for block in range(self.blocks)]
        return [records.stop - records.start for records in rows]

    def key(self, kind: str, output: str) -> str:
        """The key of the array with the scores or the reference of an output."""
        return kind if len(self.outputs) == 1 else f"{kind}/{output}"

    def differs(self, other: Facts) -> list[str]:
        """Why the scores of ``other`` do not fit into this store: one phrase per fact."""
        skipped = ("versions", "model", "genome", "formula", "parts")  # file names may change
        problems = []
        for name in (item.name for item in fields(self) if item.name not in skipped):
            mine, expected = getattr(self, name), getattr(other, name)
            if mine != expected:
                describe = _sites if name == "sites" else repr
                problems.append(f"{name} is {describe(mine)}, expected {describe(expected)}")
        if not same(self.parts, other.parts):
            problems.append(f"it holds {_parts(self)}, expected {_parts(other)}")
        return problems


def same(parts: Sequence[Part], others: Sequence[Part]) -> bool:
    """Whether two sequences of parts hold the same records; file names may differ."""
    first, second = ([replace(part, source="") for part in each] for each in (parts, others))
    return first == second


def block_size(outputs: Sequence[Output], sites: int, length: int) -> int:
    """The number of records per block: about 16 MiB of scores, at most 64 records."""
    scores = 4 * len(LETTERS) * sites * sum(prod(output.score) for output in outputs)
    return max(1, min(MAX_BLOCK_RECORDS, BLOCK_BYTES // max(scores + 4 * length, 1)))


def attributes_of(facts: Facts) -> dict[str, Any]:
    """The facts as attributes for JSON."""
    return {"format": "ismc scores", "format_version": FORMAT, **asdict(facts)}


def facts_of(attributes: dict[str, Any]) -> Facts:
    """The facts in the attributes of a group.

    Raises:
        KeyError, TypeError, ValueError: when the attributes are not those of a store.
    """
    if attributes.pop("format", None) != "ismc scores":
        raise ValueError("its attribute 'format' is not 'ismc scores'")
    if (version := attributes.pop("format_version")) > FORMAT:
        raise ValueError(
            f"it has format {version}, this ismc reads up to {FORMAT}; install a newer one"
        )
    attributes["sites"] = tuple((start, stop) for start, stop in attributes["sites"])
    attributes["parts"] = tuple(Part(**part) for part in attributes["parts"])
    attributes["outputs"] = tuple(
        Output(o["name"], tuple(o["score"]), tuple(o["shape"])) for o in attributes["outputs"]
    )
    return Facts(**attributes)


def _parts(facts: Facts) -> str:
    """The number of records, their files, and the start of their digest."""
    return f"{facts.count:,} records of {facts.source} (digest {facts.source_digest[:12]})"


def _sites(sites: Sequence[tuple[int, int]]) -> str:
    """The number of sites, and the first and the last one."""
    return f"{len(sites)} ranges, {sites[0]} to {sites[-1]}" if sites else "those of variants"
