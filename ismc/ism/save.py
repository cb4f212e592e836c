"""Saves a compiled program to a file that needs neither Keras nor the model's code."""

from __future__ import annotations

import time
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ismc.artifacts.container import Container, write_container
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
from ismc.artifacts.rows import BATCH_ROWS
from ismc.errors import ArtifactError
from ismc.execution.inputs import random_inputs
from ismc.execution.lowering import LoweringError, lower
from ismc.execution.module import Module
from ismc.execution.progress import progress
from ismc.execution.signature import Spec
from ismc.execution.substitutions import Substitutions, kinds
from ismc.execution.tiling import buckets
from ismc.ism.base import BATCHES
from ismc.ism.program import CompiledProgram

Array = np.ndarray

MAX_CHECK_BYTES = 1 << 20  # of answers in the check, approximately
MAX_CHECK_SITES = 8


def save_artifact(ism: CompiledProgram, path: str | Path, verbose: int | str = "auto") -> None:
    """Writes a program with its current weights; see `ismc.CompiledISM.save`.

    Raises:
        ArtifactError: when the file cannot be written, or this TensorFlow cannot export StableHLO.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise ArtifactError(
            f"The folder {target.parent} does not exist.", hint="Create it, or choose another."
        )
    if target.is_dir():
        raise ArtifactError(f"{target} is a folder.", hint="Name a file, such as model.ismc.")
    inputs = random_inputs(ism.plan.signature, 1, np.random.default_rng(0))
    sites = check_sites(ism)
    modules = programs(ism, verbose)
    arrays = {f"{CHECK}{name}": value for name, value in inputs.items()}
    arrays |= {f"{CHECK}{key}": y for key, y in check_answers(ism, inputs, sites).items()}
    for i, weight in enumerate(ism.weights()):
        arrays[f"{WEIGHT}{i}"] = np.asarray(weight)
    for name, module in modules.items():
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
        programs={name: module.record() for name, module in modules.items()},
        checked=sites,
        made=time.time(),
        identity=ism.identity,
    )
    blobs = {f"{name}{CODE}": module.code for name, module in modules.items()}
    write_container(target, Container(record.manifest(), ism.texts(), blobs, arrays))


def check_sites(ism: Any) -> tuple[int, ...]:
    """Indices of evenly spaced sites for the check, edges included; fewer if answers are large."""
    one = 4 * ism.input_shape[1] * sum(prod(shape) for shape in ism.shapes())
    count = min(len(ism.sites), max(2, min(MAX_CHECK_SITES, MAX_CHECK_BYTES // max(one, 1))))
    return tuple(int(i) for i in np.unique(np.linspace(0, len(ism.sites) - 1, count).astype(int)))


def call_kinds(ism: Any) -> list[Substitutions]:
    """The kinds of calls of a program: none with a block if the score compares letters."""
    return [letters for letters in kinds(ism.plan) if letters.saturates or not ism.compares_letters]


def check_answers(ism: Any, inputs: dict[str, Array], sites: tuple[int, ...]) -> dict[str, Array]:
    """The expected answers of the check, for one sequence, by kind of program and output.

    ``saturate.i`` is ``[sites, C, *output]``, ``write.i`` is ``[sites, 1, *output]``, and
    ``model.i`` is ``[*output]``.
    """
    expected: dict[str, Array] = {}
    for letters in call_kinds(ism):
        if letters.saturates and "saturate.0" in expected:
            continue
        kind = "saturate" if letters.saturates else "write"
        for i, y in enumerate(ism.at_sites(inputs, letters, sites)):
            expected[f"{kind}.{i}"] = y[0]
    for i, y in enumerate(ism.evaluate_reference(inputs)):
        expected[f"{MODEL}.{i}"] = np.asarray(y)[0]
    return expected


def programs(ism: CompiledProgram, verbose: int | str, most: int = 1 << 30) -> dict[str, Module]:
    """Every program that a call may use, by name; batch sizes above ``most`` are omitted.

    Raises:
        ArtifactError: when a program cannot be exported as StableHLO.
    """
    variants = [
        (letters, batch)
        for letters in call_kinds(ism)
        for batch in buckets(ism.plan, letters.count)
        if batch <= most
    ]
    modules: dict[str, Module] = {}
    try:
        with progress(len(variants), verbose) as advance:
            for letters, batch in variants:
                tiling = ism.arranged(letters, batch)
                module = ism.lowered(letters, batch, tiling).get_module()
                modules[program_name(letters, batch)] = module
                advance(1)
        for batch in BATCHES:
            modules[f"{MODEL}-{batch}"] = ism.lowered_model(batch).get_module()
        if ism.score is not None:
            for i, (_, shape) in enumerate(ism.plan.outputs):
                spec = Spec((BATCH_ROWS, *shape), "float32")
                modules[f"{SCORE}-{i}"] = lower(lambda r, m: [ism.score(r, m)], [spec, spec], SCORE)
        if ism.compares_letters:
            rows = (BATCH_ROWS, 1, ism.input_shape[1])
            for i, shape in enumerate(ism.shapes()):
                specs = [Spec((*rows, *shape), "float32"), Spec(rows, "float32")]
                modules[f"{ACROSS}-{i}"] = lower(
                    lambda y, p: [ism.score.across(y, p)], specs, ACROSS
                )
    except LoweringError as error:
        raise ArtifactError(
            f"The program of model {ism.plan.model!r} cannot be exported as StableHLO: "
            f"{str(error).splitlines()[0]}",
            hint="This needs TensorFlow 2.18 or newer, and layers that XLA can compile.",
        ) from error
    return modules
