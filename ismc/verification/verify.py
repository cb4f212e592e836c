"""Compares a compiled program with the naive program, and finds the first layer that differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ismc.errors import UnsupportedModelError, VerificationError
from ismc.execution.substitutions import kinds
from ismc.ir.dump import is_checked
from ismc.ism.checking.sensitivity import over_letters, rounding_sensitivity
from ismc.ism.checking.tolerance import exceeds, towards
from ismc.verification.intermediates import first_fault
from ismc.verification.probes import probes

if TYPE_CHECKING:
    from ismc.ism.naive import NaiveISM
    from ismc.ism.program import CompiledProgram
    from ismc.passes import Program

EDGES, RANDOM = 2, 4
UNSTEADY_HINT = (
    "Find the layer that draws random numbers or keeps state between calls, and build the model "
    "without it."
)

Array = np.ndarray


def verify_program(compiled: CompiledProgram, program: Program, seed: int = 0) -> None:
    """Compares saturation at the first, the last and a few random sites of two sequences.

    The sequences are those of `ismc.verification.probes`. They have letters at the sites, so the
    program for one-hot sequences is compared.

    The tolerance is ``1e-4`` relative plus ``1e-5`` of the range of the score or of the model's
    output, whichever is larger. A score may magnify rounding, as a logarithm does near 0; it may
    then also be off by as much as rounding of the outputs moves it.

    With ``ISMC_CHECK=1`` every intermediate value is compared too; see
    `ismc.verification.intermediates`.

    Raises:
        VerificationError: names the output, the worst site and the first layer that differs.
        UnsupportedModelError: when two calls of the model itself differ.
    """
    plan = compiled.plan
    chosen, inputs, nest, oracle = _trial(compiled, seed)
    letters = kinds(plan)[0]
    got = compiled.at_sites(inputs, letters, chosen)
    want = compiled.flat(oracle.saturate(nest))
    raw = compiled.flat(oracle.reference(nest))
    for i, name in enumerate(compiled.output_names):
        ours, true = got[i], want[i].numpy()
        scale = float(np.nanmax(np.abs(raw[i]), initial=0.0))
        worst = exceeds(ours, true, scale)
        if worst is not None and compiled.score is not None:
            worst = exceeds(towards(true, ours, _magnified(compiled, seed)[i]), true, scale)
        if worst is None:
            continue
        if exceeds(compiled.flat(oracle.reference(nest))[i].numpy(), raw[i].numpy()) is not None:
            raise UnsupportedModelError(
                f"Two calls of the model {plan.model!r} on the same sequences give different "
                f"values for output {name!r}, so it gives no unique answer for a sequence.",
                hint=UNSTEADY_HINT,
            )
        _, s, a = worst[:3]
        fault = first_fault(compiled, program, inputs, letters, chosen)
        layer = fault.layer if fault else compiled.chosen[i]
        raise VerificationError(
            f"The compiled program gives {ours[worst]:.6g} for output {name!r} at site "
            f"{plan.sites[chosen[s]]}, letter {a}, where the model gives {true[worst]:.6g}; the "
            f"first layer that differs is {layer!r}.",
            hint=f"Compile with stop_at={layer!r} for exact answers, and report the layer.",
        )
    if is_checked():
        fault = first_fault(compiled, program, inputs, letters, chosen)
        if fault is not None:
            raise VerificationError(
                f"In the compiled program {fault}.",
                hint=f"Compile with stop_at={fault.layer!r}, and report the layer.",
            )


def rounding_error(compiled: CompiledProgram, seed: int = 0) -> float:
    """The largest error as a share of the largest change between letters, for the worst output.

    It uses the sequences and sites of `verify_program`.
    """
    chosen, inputs, nest, oracle = _trial(compiled, seed)
    got = compiled.at_sites(inputs, kinds(compiled.plan)[0], chosen)
    want = compiled.flat(oracle.saturate(nest))
    errors = [0.0]
    for ours, theirs in zip(got, want, strict=True):
        true = theirs.numpy()
        change = float(np.ptp(true, axis=2).max(initial=0.0))
        error = float(np.abs(ours - true).max(initial=0.0))
        errors.append(error / change if change else 0.0)
    return max(errors)


def _magnified(compiled: CompiledProgram, seed: int) -> list[Array]:
    """How far rounding of the outputs moves the scores that `verify_program` compares."""
    _, _, nest, oracle = _trial(compiled, seed, rounding_sensitivity(compiled.score))
    return over_letters(compiled, [y.numpy() for y in compiled.flat(oracle.saturate(nest))])


def _trial(
    compiled: CompiledProgram, seed: int, score: Any = None
) -> tuple[list[int], dict[str, Array], Any, NaiveISM]:
    """The site indices to compare, the inputs flat and nested, and the naive program."""
    plan = compiled.plan
    rng = np.random.default_rng(seed)
    count = len(plan.sites)
    chosen = sorted(
        {*range(count)[:EDGES], *range(count)[-EDGES:], *rng.integers(0, count, RANDOM)}
    )
    inputs = probes(plan, compiled.model, compiled.graph, chosen, rng)
    nest = tf.nest.map_structure(lambda name: inputs[name], compiled.model.inputs)
    oracle = compiled.oracle([plan.sites[i] for i in chosen], score)
    return chosen, inputs, nest, oracle
