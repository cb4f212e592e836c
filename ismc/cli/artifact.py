"""`ismc compile` and `ismc inspect`: artifacts, made and looked into."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import prod
from pathlib import Path

from ismc.artifacts.container import Container, read
from ismc.artifacts.record import CODE, Record, recorded
from ismc.cli.sites import site_range
from ismc.errors import InputError
from ismc.jobs.models import (
    at_length,
    check_model_file,
    choose_length,
    load_model,
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
    """Compiles a model with a score by name, and saves the artifact.

    Raises:
        IsmcError: when a file or an option does not fit; nothing is left half-written.
    """
    check_model_file(model_file)
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists.", hint="Give --overwrite to replace it.")
    model = load_model(model_file)
    length = sequence_length(model) or choose_length(None, length, str(model_file))
    from ismc.api import compile as compile_model

    sites = site_range(start, end, length)
    ism = compile_model(
        at_length(model, length), sites=sites, outputs=list(outputs) or None, score=score
    )
    ism.save(target)
    return f"{target} ({target.stat().st_size:,} bytes): {ism!r}"


def describe_artifact(path: Path) -> str:
    """What an artifact holds: the plan, versions, sizes and checks.

    Raises:
        ArtifactError: when the file is damaged, foreign or newer.
    """
    found = read(path)
    said = recorded(found.manifest, str(path))
    plan = said.restored()
    parts = [f"{path}: {path.stat().st_size:,} bytes, whole", "", table(plan), ""]
    rows = {
        "made": datetime.fromtimestamp(said.made).isoformat(" ", "seconds"),
        "with": ", ".join(f"{name} {value}" for name, value in said.versions.items()),
        "inputs": ", ".join(f"{name} {_shape(shape)}" for name, shape in plan.inputs),
        "outputs": ", ".join(
            f"{name} {_shape(shape)}" for name, shape in zip(said.labels, said.shapes, strict=True)
        ),
        "score": said.score or "none: answers are the model's own outputs",
        "sites": f"{len(plan.sites)}, {plan.sites[0]} to {plan.sites[-1]}",
        "weights": _weights(found, said),
        "check": f"answers at {len(said.checked)} sites of one sequence",
    }
    width = max(map(len, rows))
    parts += [f"{name:<{width}}  {value}" for name, value in rows.items()]
    parts += ["", "programs"]
    for name, program in said.programs.items():
        size, count = len(found.blobs[f"{name}{CODE}"]), len(program["arguments"])
        parts.append(f"  {name:<24} {size:>9,} bytes, {count} arguments")
    return "\n".join(parts)


def _weights(found: Container, said: Record) -> str:
    arrays = said.weight_arrays(found)
    count, size = sum(prod(a.shape) for a in arrays), sum(a.nbytes for a in arrays)
    return f"{len(arrays)} arrays, {count:,} numbers, {size / MIB:.1f} MiB"


def _shape(shape: Sequence[int]) -> str:
    return f"[{', '.join(map(str, ('B', *shape)))}]"
