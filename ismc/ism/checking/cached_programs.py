"""Compares cached programs with the model at their first use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ismc.artifacts.cache.cached import CachedProgram
from ismc.errors import VerificationError
from ismc.execution.module import Loaded
from ismc.execution.substitutions import Substitutions
from ismc.ism.checking.sensitivity import over_letters, rounding_sensitivity
from ismc.ism.checking.tolerance import exceeds, towards

Array = np.ndarray
Inputs = Mapping[str, Array]
Sites = Sequence[int] | None


def trust(programs: Iterable[Loaded]) -> None:
    """Marks programs that have just been verified, so that their next answer is not checked."""
    for program in programs:
        if isinstance(program.run, CachedProgram):
            program.run.found = False


def check_mutants(
    ism: Any,
    program: Any,
    inputs: Inputs,
    letters: Substitutions,
    answers: Sequence[Any],
    sites: Sites,
) -> None:
    """Compares the answers at the first, middle and last site of one sequence with the model's.

    Args:
        ism: an `ismc.ism.program.CompiledProgram`.
        program: its program that answered; only the first answer of a cached program is checked.
        inputs: the inputs of the call, by name.
        letters: the substitutions of the call.
        answers: the answers of the call, ``[B, S, A or C, *output]`` each.
        sites: the indices of the sites whose answers are used; all by default.

    Raises:
        VerificationError: when an answer differs from the model's.
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

    references = [np.asarray(y) for y in ism.flat(ism.oracle(spans).reference(nest))]
    chosen_answers = [np.asarray(y)[:1, chosen] for y in answers]
    for i, (ours, want, raw) in enumerate(zip(chosen_answers, true(), references, strict=True)):
        scale = float(np.nanmax(np.abs(raw), initial=0.0))
        from_reference = want if ism.score is not None else want - raw[:, None, None]
        change = float(np.nanmax(np.abs(from_reference), initial=0.0))
        ours = towards(want, ours, np.asarray((ism.hits or 0.0) * change))
        if exceeds(ours, want, scale) is None:
            continue
        if ism.score is not None:
            sensitivity = over_letters(ism, true(rounding_sensitivity(ism.score)))[i]
            ours = towards(want, ours, sensitivity)
        _agree(ism, i, ours, want, scale)
    program.found = False


def check_model(ism: Any, programs: Sequence[Any], inputs: Inputs, answers: Sequence[Any]) -> None:
    """Compares the outputs for the first sequence, if that is finite, with the model's.

    Args:
        ism: an `ismc.ism.program.CompiledProgram`.
        programs: the programs that may have answered; only first answers of cached programs are
            checked.
        inputs: the inputs of the call, by name.
        answers: the answers of the call, ``[B, *output]`` each.

    Raises:
        VerificationError: when an output differs from the model's.
    """
    unchecked = [program for program in programs if program is not None and program.found]
    if not unchecked or not all(np.isfinite(value[:1]).all() for value in inputs.values()):
        return
    one = {name: value[:1] for name, value in inputs.items()}
    expected = ism.oracle(ism.plan.sites[:1]).answers(one)
    for i, (ours, want) in enumerate(zip(answers, expected, strict=True)):
        _agree(ism, i, np.asarray(ours)[:1], want, 0.0)
    for program in unchecked:
        program.found = False


def _agree(ism: Any, output: int, ours: Array, want: Array, scale: float) -> None:
    worst = exceeds(ours, want, scale)
    if worst is not None:
        raise VerificationError(
            f"The cached program of model {ism.plan.model!r} gives {ours[worst]:.6g} for output "
            f"{ism.output_names[output]!r}, where the model gives {want[worst]:.6g}.",
            hint="If the model's code has changed since ismc.compile, compile it again. Otherwise "
            "empty the cache with 'ismc cache clear', and report it.",
        )
