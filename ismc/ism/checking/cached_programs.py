"""Programs that come out of the cache are compared with the model before they first answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ismc.errors import VerificationError
from ismc.execution.substitutions import Substitutions
from ismc.ism.checking.sensitivity import over_letters, rounding_sensitivity
from ismc.ism.checking.tolerance import exceeds, towards
from ismc.ism.program import CompiledProgram

Array = np.ndarray
Inputs = Mapping[str, Array]
Sites = Sequence[int] | None


def trust(programs: Iterable[Any]) -> None:
    """Marks programs that have just been verified: their next answer needs no check."""
    for program in programs:
        inside: Any = getattr(program, "run", None)
        for made in (program, inside):
            if hasattr(made, "found"):
                made.found = False


def check_mutants(
    ism: CompiledProgram,
    program: Any,
    inputs: Inputs,
    letters: Substitutions,
    answers: Sequence[Any],
    sites: Sites,
) -> None:
    """Compares the first, middle and last site of the first sequence with the model.

    Args:
        ism: what was called.
        program: what answered; nothing is done but for its first answer out of the cache.
        inputs: of the call, by name.
        letters: what was written.
        answers: of the call, ``[B, S, A or C, *output]`` each.
        sites: by number, those whose answers count; all by default.

    Raises:
        VerificationError: where they do not agree.
    """
    if not program.found:
        return
    sites = sites or range(len(ism.sites))
    chosen = sorted({sites[0], sites[len(sites) // 2], sites[-1]})
    nest = tf.nest.map_structure(lambda name: inputs[name][:1], ism.model.inputs)
    spans = [ism.plan.sites[i] for i in chosen]

    def true(score: Any = None) -> list[Array]:
        oracle = ism.oracle(spans, score)
        if letters.saturates:
            return [np.asarray(y) for y in ism.flat(oracle.saturate(nest))]
        return [np.asarray(y)[:, :, None] for y in ism.flat(oracle(nest, letters.block[0]))]

    whole = [np.asarray(y) for y in ism.flat(ism.oracle(spans).reference(nest))]
    found = [np.asarray(y)[:1, chosen] for y in answers]
    for i, (ours, want, raw) in enumerate(zip(found, true(), whole, strict=True)):
        scale = float(np.nanmax(np.abs(raw), initial=0.0))
        from_reference = want if ism.score is not None else want - raw[:, None, None]
        change = float(np.nanmax(np.abs(from_reference), initial=0.0))
        ours = towards(want, ours, np.asarray((ism.hits or 0.0) * change))
        if exceeds(ours, want, scale) is None:
            continue
        if ism.score is not None:
            most = over_letters(ism, true(rounding_sensitivity(ism.score)))[i]
            ours = towards(want, ours, most)
        _agree(ism, i, ours, want, scale)
    program.found = False


def check_model(
    ism: CompiledProgram, programs: Sequence[Any], inputs: Inputs, answers: Sequence[Any]
) -> None:
    """Compares the outputs for the first sequence, if that is finite, with the model's own.

    Args:
        ism: what was called.
        programs: of which one answered; nothing is done but for first answers out of the cache.
        inputs: of the call, by name.
        answers: of the call, ``[B, *output]`` each.

    Raises:
        VerificationError: where they do not agree.
    """
    found = [program for program in programs if program is not None and program.found]
    if not found or not all(np.isfinite(value[:1]).all() for value in inputs.values()):
        return
    one = {name: value[:1] for name, value in inputs.items()}
    wanted = ism.oracle(ism.plan.sites[:1]).answers(one)
    for i, (ours, want) in enumerate(zip(answers, wanted, strict=True)):
        _agree(ism, i, np.asarray(ours)[:1], want, 0.0)
    for program in found:
        program.found = False


def _agree(ism: CompiledProgram, output: int, ours: Array, want: Array, scale: float) -> None:
    worst = exceeds(ours, want, scale)
    if worst is not None:
        raise VerificationError(
            f"The program of model {ism.plan.model!r} that was kept gives {ours[worst]:.6g} for "
            f"output {ism.output_names[output]!r}, where the model gives {want[worst]:.6g}.",
            hint="The model's code may have changed since ismc.compile: compile it again; or "
            "empty the cache with 'ismc cache clear', and report it.",
        )
