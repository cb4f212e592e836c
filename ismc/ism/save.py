"""A compiled program to one file that needs neither Keras nor the model's code."""

from __future__ import annotations

import time
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ismc.artifacts.container import Container, write
from ismc.artifacts.record import (
    ACROSS,
    CHECK,
    CODE,
    MODEL,
    SCORE,
    WEIGHT,
    Record,
    plan_record,
    program_name,
)
from ismc.artifacts.rows import ROWS
from ismc.errors import ArtifactError
from ismc.execution.inputs import random_inputs
from ismc.execution.lowering import LoweringError, lower
from ismc.execution.module import Module, Spec
from ismc.execution.progress import progress
from ismc.execution.substitutions import Substitutions, kinds
from ismc.execution.tiling import buckets, filled
from ismc.ir import pytree as nest
from ismc.ism.base import BATCHES
from ismc.ism.identity import identity
from ismc.ism.program import CompiledProgram

Array = np.ndarray

ANSWERS = 1 << 20  # bytes of answers that are kept for the check, about
SITES = 8


def save(ism: CompiledProgram, path: str | Path, verbose: int | str = "auto") -> None:
    """Writes a program with its weights as they are now; see `ismc.CompiledISM.save`.

    Raises:
        ArtifactError: when the file cannot be written, or this TensorFlow writes no StableHLO.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise ArtifactError(
            f"The folder {target.parent} does not exist.", hint="Make it, or choose another one."
        )
    if target.is_dir():
        raise ArtifactError(f"{target} is a folder.", hint="Name a file, such as model.ismc.")
    inputs = random_inputs(ism.plan.signature, 1, np.random.default_rng(0))
    sites = check_sites(ism)
    made = programs(ism, verbose)
    arrays = {f"{CHECK}{name}": value for name, value in inputs.items()}
    arrays |= {f"{CHECK}{key}": y for key, y in answers(ism, inputs, sites).items()}
    for i, weight in enumerate(ism.weights()):
        arrays[f"{WEIGHT}{i}"] = np.asarray(weight)
    for name, module in made.items():
        arrays |= {f"{name}.{i}": value for i, value in enumerate(module.constants)}
    record = Record(
        versions=ism.versions,
        plan=plan_record(ism.plan),
        digest=ism.plan.digest,
        signature=ism.signature,
        names=ism.names,
        structure=ism.structure,
        chosen=ism.chosen,
        labels=ism.labels,
        shapes=tuple(tuple(shape) for shape in ism.shapes()),
        measured=ism.measured,
        score=ism.score_name,
        tile=ism.tile,
        threads=ism.threads,
        weights=tuple((owner, name) for owner, name, _ in ism.variables),
        programs={name: module.record() for name, module in made.items()},
        checked=sites,
        made=time.time(),
        identity=identity(ism),
    )
    blobs = {f"{name}{CODE}": module.code for name, module in made.items()}
    write(target, Container(record.manifest(), ism.texts(), blobs, arrays))


def check_sites(ism: Any) -> tuple[int, ...]:
    """Some sites, by number: the edges and those between, as many as answers are small."""
    one = 4 * ism.input_shape[1] * sum(prod(shape) for shape in ism.shapes())
    count = min(len(ism.sites), max(2, min(SITES, ANSWERS // max(one, 1))))
    return tuple(int(i) for i in np.unique(np.linspace(0, len(ism.sites) - 1, count).astype(int)))


def asked_of(ism: Any) -> list[Substitutions]:
    """The kinds of calls that there are: no block where the score compares letters."""
    return [found for found in kinds(ism.plan) if found.saturates or not ism.compares_letters]


def answers(ism: Any, inputs: dict[str, Array], sites: tuple[int, ...]) -> dict[str, Array]:
    """The answers for one sequence, by kind of program and output.

    ``saturate.i`` is ``[sites, C, *output]``, ``write.i`` is ``[sites, 1, *output]``, and
    ``model.i`` is ``[*output]``.
    """
    found: dict[str, Array] = {}
    for letters in asked_of(ism):
        if letters.saturates and "saturate.0" in found:
            continue
        kind = "saturate" if letters.saturates else "write"
        for i, y in enumerate(ism.at_sites(inputs, letters, sites)):
            found[f"{kind}.{i}"] = y[0]
    for i, y in enumerate(
        ism.flat(ism.reference(nest.map_leaves(lambda name: inputs[name], ism.names)))
    ):
        found[f"{MODEL}.{i}"] = np.asarray(y)[0]
    return found


def programs(ism: CompiledProgram, verbose: int | str, most: int = 1 << 30) -> dict[str, Module]:
    """Every program that a call may take, of at most so many sequences, by name.

    Raises:
        ArtifactError: when one cannot be written as StableHLO.
    """
    inputs = random_inputs(ism.plan.signature, 1, np.random.default_rng(0))
    asked = [
        (letters, batch)
        for letters in asked_of(ism)
        for batch in buckets(ism.plan, letters.count)
        if batch <= most
    ]
    found: dict[str, Module] = {}
    try:
        with progress(len(asked), verbose) as advance:
            for letters, batch in asked:
                shape = ism.arranged(letters, batch)
                given = ism.arguments(filled(inputs, batch), letters, shape)
                made = ism.lowered(letters, batch, shape).made(given)
                found[program_name(letters, batch)] = made
                advance(1)
        for batch in BATCHES:
            repeated = filled(inputs, batch)
            given = [ism.runtime.put(repeated[name]) for name, _ in ism.plan.inputs]
            found[f"{MODEL}-{batch}"] = ism.lowered_model(batch).made([*given, *ism.weights()])
        if ism.score is not None:
            for i, (_, shape) in enumerate(ism.plan.outputs):
                spec = Spec((ROWS, *shape), "float32")
                found[f"{SCORE}-{i}"] = lower(lambda r, m: [ism.score(r, m)], [spec, spec], SCORE)
        if ism.compares_letters:
            rows = (ROWS, 1, ism.input_shape[1])
            for i, shape in enumerate(ism.shapes()):
                specs = [Spec((*rows, *shape), "float32"), Spec(rows, "float32")]
                found[f"{ACROSS}-{i}"] = lower(lambda y, p: [ism.score.across(y, p)], specs, ACROSS)
    except LoweringError as error:
        raise ArtifactError(
            f"The program of model {ism.plan.model!r} cannot be written as StableHLO: "
            f"{str(error).splitlines()[0]}",
            hint="TensorFlow 2.18 or newer is needed, and layers that XLA compiles.",
        ) from error
    return found
