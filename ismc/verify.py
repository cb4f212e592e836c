"""Holds a compiled program against the oracle, and finds the layer where they part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ismc.errors import VerificationError
from ismc.oracle import NaiveISM

if TYPE_CHECKING:
    from ismc.compiled import CompiledISM
    from ismc.passes import Program
    from ismc.plan import Signature

RTOL, ATOL = 1e-4, 1e-5
SEQUENCES, EDGES, RANDOM = 2, 2, 4
AFFORDABLE = 2e11

Array = np.ndarray


def verify(compiled: CompiledISM, program: Program, seed: int = 0) -> None:
    """Compares saturation at the first, the last and a few random sites of random sequences.

    The tolerance is ``1e-4`` relative, and absolute ``1e-5`` of the output's own range: that of
    the model's output where a score is a small difference of large numbers.

    Raises:
        VerificationError: names the output, the worst site and the first layer that differs.
    """
    plan = compiled.plan
    compiled, chosen, inputs, nest, oracle = _trial(compiled, seed)
    got, want = compiled.flat(compiled.saturate(nest)), compiled.flat(oracle.saturate(nest))
    raw = compiled.flat(oracle.reference(nest))
    for name, ours, theirs, reference in zip(compiled.output_names, got, want, raw, strict=True):
        mine, true = ours.numpy()[:, chosen], theirs.numpy()
        worst = exceeds(mine, true, float(np.nanmax(np.abs(reference), initial=0.0)))
        if worst is None:
            continue
        b, s, a = worst[:3]
        site = plan.sites[chosen[s]]
        layer = first_difference(compiled, program, inputs, b, site, a)
        raise VerificationError(
            f"The compiled program gives {mine[worst]:.6g} for output {name!r} at site {site}, "
            f"letter {a}, where the model gives {true[worst]:.6g}; the first layer that differs "
            f"is {layer!r}.",
            hint=f"Compile with stop_at={layer!r} for exact answers, and report the layer.",
        )


def rounding_error(compiled: CompiledISM, seed: int = 0) -> float:
    """The largest error over the largest change from letter to letter, of the worst output.

    At the sequences and sites that `verify` takes.
    """
    compiled, chosen, _, nest, oracle = _trial(compiled, seed)
    got, want = compiled.flat(compiled.saturate(nest)), compiled.flat(oracle.saturate(nest))
    errors = [0.0]
    for ours, theirs in zip(got, want, strict=True):
        true = theirs.numpy()
        change = float(np.ptp(true, axis=2).max(initial=0.0))
        error = float(np.abs(ours.numpy()[:, chosen] - true).max(initial=0.0))
        errors.append(error / change if change else 0.0)
    return max(errors)


def random_inputs(signature: Signature, count: int, rng: np.random.Generator) -> dict[str, Array]:
    """Random one-hot sequences, and normal numbers for the other inputs: ``[count, ...]``."""
    arrays = {}
    for name, shape in signature.inputs:
        if name == signature.sequence:
            letters = rng.integers(0, shape[-1], (count, shape[0]))
            arrays[name] = np.eye(shape[-1], dtype=np.float32)[letters]
        else:
            arrays[name] = rng.normal(size=(count, *shape)).astype(np.float32)
    return arrays


def _trial(
    compiled: CompiledISM, seed: int
) -> tuple[CompiledISM, list[int], dict[str, Array], Any, NaiveISM]:
    """What is compared: the program, its sites, random inputs flat and nested, and the oracle.

    Of a program that takes long only some tiles are run.
    """
    plan = compiled.plan
    rng = np.random.default_rng(seed)
    count = len(plan.sites)
    chosen = sorted(
        {*range(count)[:EDGES], *range(count)[-EDGES:], *rng.integers(0, count, RANDOM)}
    )
    if plan.operations[0] * count * plan.sequence_shape[1] > AFFORDABLE:
        active = tuple(i for i in plan.active if i in chosen)
        compiled = replace(compiled, plan=replace(plan, active=active), programs={})
    inputs = random_inputs(plan.signature, SEQUENCES, rng)
    nest = tf.nest.map_structure(lambda name: inputs[name], compiled.model.inputs)
    oracle = NaiveISM(
        compiled.model.model,
        sites=[plan.sites[i] for i in chosen],
        score=compiled.score,
        sequence_input=plan.sequence,
    ).only(compiled.chosen, compiled.structure)
    return compiled, chosen, inputs, nest, oracle


def exceeds(got: Array, want: Array, scale: float = 0.0) -> tuple[int, ...] | None:
    """Where two answers differ most beyond the tolerance, or nothing.

    ``scale`` is the range that rounding errors are relative to, if larger than that of ``want``.
    """
    if not want.size:
        return None
    span = max(scale, float(np.nanmax(np.abs(want), initial=0.0)))
    excess = np.abs(got - want) - (RTOL * np.abs(want) + ATOL * span)
    excess[np.isnan(got) & np.isnan(want)] = -1.0
    excess[(got == want)] = -1.0
    excess[np.isnan(excess)] = np.inf
    worst = np.unravel_index(int(excess.argmax()), excess.shape)
    return tuple(int(i) for i in worst) if excess[worst] > 0 else None


def first_difference(
    compiled: CompiledISM,
    program: Program,
    inputs: Mapping[str, Array],
    row: int,
    site: tuple[int, int],
    letter: int,
) -> str:
    """The first layer whose mutated value differs from the layer's own on the mutated input."""
    from ismc.api import assemble
    from ismc.window import Span

    one = {name: value[row : row + 1].copy() for name, value in inputs.items()}
    nest = tf.nest.map_structure(lambda name: one[name], compiled.model.inputs)
    block = np.eye(compiled.plan.sequence_shape[1], dtype=np.float32)[letter]
    mutated = {name: value.copy() for name, value in one.items()}
    mutated[compiled.plan.sequence][:, site[0] : site[1]] = block
    truth = evaluate(program, mutated, compiled.model.variables)
    varying = program.graph.descendants(program.request.sequence)
    for layer in program.graph:
        if layer.name not in truth or layer.name not in varying or not layer.inputs:
            continue
        request = replace(
            program.request, sites=(Span(*site),), outputs=(layer.name,), scored=False
        )
        part = assemble(type(program)(program.graph, request), compiled.model, (layer.name,))
        if exceeds(part.flat(part(nest, block))[0].numpy()[:, 0], truth[layer.name]) is not None:
            return layer.name
    return program.request.outputs[0]


def evaluate(
    program: Program, inputs: Mapping[str, Array], variables: Mapping[str, Mapping[str, Any]]
) -> dict[str, Array]:
    """Every value of the graph by the original layers alone."""
    values: dict[str, Any] = {name: tf.constant(v) for name, v in inputs.items()}
    live = program.graph.ancestors(program.request.outputs)
    for layer in program.graph:
        if not layer.inputs or layer.name not in live:
            continue
        operands = [values[name] for name in layer.inputs]
        if layer.title == "Item":
            values[layer.name] = operands[0][layer.config["index"]]
        elif layer.call is not None:
            values[layer.name] = layer.call(operands, variables.get(layer.owner, {}))
    return {name: v.numpy() for name, v in values.items() if isinstance(v, tf.Tensor)}
