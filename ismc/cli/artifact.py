"""`ismc compile` and `ismc inspect`: writes artifacts and describes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import prod
from pathlib import Path

from ismc.artifacts.container import Container, read_container
from ismc.artifacts.record import CODE, Record, read_record
from ismc.cli.sites import site_range
from ismc.errors import InputError
from ismc.jobs.models import (
    at_length,
    check_model_file,
    choose_length,
    load_sequence_model,
    sequence_length,
)
from ismc.plan.explain import table

MIB = 1 << 20


def compile_model(
    model_file: Path,
    target: Path,
    *,
    outputs: Sequence[str] = (),
    start: int | None = None,
    end: int | None = None,
    length: int | None = None,
    score: str = "difference",
    overwrite: bool = False,
) -> str:
    """Compiles a model with a named score, saves the artifact and returns a summary.

    Raises:
        IsmcError: when a file or an option is invalid; no partial file remains.
    """
    check_model_file(model_file)
    if target.exists() and not overwrite:
        raise InputError(
            f"{target} exists, expected a new file.", hint="Replace it with --overwrite."
        )
    model = load_sequence_model(model_file)
    length = sequence_length(model) or choose_length(None, length, str(model_file))
    from ismc.api import compile as compile_model

    sites = site_range(start, end, length)
    ism = compile_model(
        at_length(model, length), sites=sites, outputs=list(outputs) or None, score=score
    )
    ism.save(target)
    return f"{target} ({target.stat().st_size:,} bytes): {ism!r}"


def describe_artifact(path: Path) -> str:
    """The contents of an artifact as text: the plan, versions, sizes and check.

    Raises:
        ArtifactError: when the file is damaged, not an artifact, or of a newer format.
    """
    container = read_container(path)
    record = read_record(container.manifest, str(path))
    plan = record.restored()
    parts = [f"{path}: {path.stat().st_size:,} bytes, intact", "", table(plan), ""]
    rows = {
        "created": datetime.fromtimestamp(record.made).isoformat(" ", "seconds"),
        "with": ", ".join(f"{name} {value}" for name, value in record.versions.items()),
        "inputs": ", ".join(f"{name} {_shape(shape)}" for name, shape in plan.inputs),
        "outputs": ", ".join(
            f"{name} {_shape(shape)}"
            for name, shape in zip(record.labels, record.shapes, strict=True)
        ),
        "score": record.score or "none: the model's own outputs",
        "sites": f"{len(plan.sites)}, {plan.sites[0]} to {plan.sites[-1]}",
        "weights": _weights(container, record),
        "check": f"expected results at {len(record.checked)} sites of one sequence",
    }
    width = max(map(len, rows))
    parts += [f"{name:<{width}}  {value}" for name, value in rows.items()]
    parts += ["", "programs"]
    for name, program in record.programs.items():
        size, count = len(container.blobs[f"{name}{CODE}"]), len(program["arguments"])
        parts.append(f"  {name:<24} {size:>9,} bytes, {count} arguments")
    return "\n".join(parts)


def _weights(container: Container, record: Record) -> str:
    """The number and size of the weights."""
    arrays = record.weight_arrays(container)
    count, size = sum(prod(a.shape) for a in arrays), sum(a.nbytes for a in arrays)
    return f"{len(arrays)} arrays, {count:,} numbers, {size / MIB:.1f} MiB"


def _shape(shape: Sequence[int]) -> str:
    """A shape with its batch axis, as in ``[B, 60, 4]``."""
    return f"[{', '.join(map(str, ('B', *shape)))}]"
