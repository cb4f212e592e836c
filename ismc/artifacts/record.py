"""The manifest of an artifact, and the part of a plan that it contains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from ismc.artifacts.container import MAGIC, Container
from ismc.errors import ArtifactError
from ismc.execution.substitutions import Substitutions
from ismc.ir import pytree as nest
from ismc.plan.plan import Band, Line, Measured, Plan, Signature
from ismc.plan.target import Target
from ismc.scores.score import Score

Array = np.ndarray

OMITTED = ("reference", "tile", "loop_outputs", "epilogue", "results", "references")
MODEL, SCORE, ACROSS = "model", "score", "across"
CHECK, CODE, WEIGHT = "check.", ".mlirbc", "weight."
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError)


@dataclass(frozen=True)
class Record:
    """The manifest of an artifact.

    Attributes:
        versions: the versions of ismc and of the packages that wrote it.
        plan: the plan, without the statements of the program.
        digest: the digest of the full plan, statements included.
        signature: the inputs of a call.
        names: the nest of input names.
        structure: the nest of output names.
        chosen: the output of each flat result.
        labels: the user's name of each flat result.
        shapes: the shape of each result for one mutant, after the score.
        measured: the measurements of autotuning, on the machine that made the artifact.
        score: the name of the score, or an empty text if there is none.
        tile: sites per tile, or 0.
        threads: the maximum number of parts of the sites that run concurrently.
        weights: the owner and name of each weight, in the order of the arguments.
        programs: the modules by name, without their code.
        checked: the numbers of the sites whose answers are in the file.
        made: the time of creation, in seconds since 1970.
        identity: a digest of what the layers and the score compute; see `CompiledISM.identity`.
    """

    versions: Mapping[str, str]
    plan: Mapping[str, Any]
    digest: str
    signature: Signature
    names: Any
    structure: Any
    chosen: tuple[str, ...]
    labels: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    measured: Measured
    score: str
    tile: int
    threads: int
    weights: tuple[tuple[str, str], ...]
    programs: Mapping[str, Mapping[str, Any]]
    checked: tuple[int, ...]
    made: float
    identity: str = ""

    def manifest(self) -> dict[str, Any]:
        """The record as JSON data."""
        data = {field.name: getattr(self, field.name) for field in fields(self)}
        nests = {key: nest.encode(data[key]) for key in ("names", "structure")}
        plain = {key: asdict(data[key]) for key in ("signature", "measured")}
        return {"kind": "artifact", "model": self.plan["model"], **data, **nests, **plain}

    def weight_arrays(self, container: Container) -> list[Array]:
        """The weights in the file, in the order of the arguments."""
        return [container.arrays[f"{WEIGHT}{i}"] for i in range(len(self.weights))]

    def restored(self) -> Plan:
        """The plan with all its decisions, but without the statements of the program."""
        data: dict[str, Any] = {key: _tuples(value) for key, value in self.plan.items()}
        data["lines"] = tuple(Line(**line) for line in self.plan["lines"])
        data["bands"] = tuple(
            Band(**{key: _tuples(value) for key, value in band.items()})
            for band in self.plan["bands"]
        )
        data["offsets"] = {key: _tuples(value) for key, value in self.plan["offsets"].items()}
        data["target"] = Target(**self.plan.get("target", {}))  # older artifacts have none
        plan = Plan(**data, **dict.fromkeys(OMITTED, ()))
        plan.__dict__["digest"] = self.digest
        return plan


def record(manifest: Mapping[str, Any]) -> Record:
    """The record of a manifest.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: when the manifest is not a record.
    """
    data = {field.name: manifest[field.name] for field in fields(Record) if field.name in manifest}
    for key in ("names", "structure"):
        data[key] = nest.decode(data[key])
    for key in ("chosen", "labels", "shapes", "weights", "checked"):
        data[key] = _tuples(data[key])
    signature = {key: _tuples(value) for key, value in data["signature"].items()}
    data["signature"] = Signature(**signature)
    data["measured"] = Measured(**data["measured"])
    return Record(**data)


def read_record(manifest: Mapping[str, Any], path: str) -> Record:
    """The record of a file.

    Raises:
        ArtifactError: when the file is something else, such as a cache entry.
    """
    try:
        if manifest["kind"] != "artifact":
            raise ValueError(f"kind is {manifest['kind']!r}")
        return record(manifest)
    except MALFORMED as error:
        raise malformed(path, error) from error


def malformed(path: str, error: Exception) -> ArtifactError:
    """The error for a file that is undamaged but not an artifact."""
    return ArtifactError(
        f"{path} is intact, but not an artifact that this ismc can run "
        f"({type(error).__name__}: {error}).",
        hint="Make it again with ism.save(path).",
    )


def plan_record(plan: Plan) -> dict[str, Any]:
    """The part of a plan that a record contains."""
    return {key: value for key, value in asdict(plan).items() if key not in OMITTED}


def qualified_name(function: Any) -> str:
    """The module and name of a function; a score is written in full, so that it can be parsed.

    >>> qualified_name(plan_record)
    'ismc.artifacts.record.plan_record'
    """
    if isinstance(function, Score):
        return str(function)
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', '')}.{name}"


def is_artifact(path: Path) -> bool:
    """Whether a file begins with the magic bytes of artifacts."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def program_name(letters: Substitutions, batch: int) -> str:
    """The name of the program for a number of substitutions and of sequences.

    >>> import numpy as np
    >>> program_name(Substitutions(np.zeros((3, 4, 4)), np.zeros((3, 1, 4)), True, True), 2)
    'saturate-3-turned-2'
    """
    kind = "saturate" if letters.saturates else "write"
    return f"{kind}-{letters.count}{'-turned' if letters.alternatives_only else ''}-{batch}"


def _tuples(value: Any) -> Any:
    """Lists converted to tuples, so that plans are compared by content."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(_tuples(item) for item in value)
    return value
