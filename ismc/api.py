"""`compile`: the straight line from a model to a callable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ismc.artifacts.cache.cached import open_cache
from ismc.artifacts.cache.keys import program_key, recalled, remembered, verdict_key
from ismc.codegen.load import load
from ismc.codegen.render import render
from ismc.errors import InputError
from ismc.execution.inputs import Sites, site_spans
from ismc.execution.results import scored_shapes
from ismc.execution.weights import UNBOUND
from ismc.frontend import Model, read
from ismc.frontend.infer import find_rules
from ismc.frontend.lengths import is_open
from ismc.frontend.masks import with_masks
from ismc.frontend.request import (
    choose_devices,
    choose_outputs,
    choose_rules,
    choose_sequence,
    choose_stops,
    choose_threads,
    output_labels,
)
from ismc.ism.checking import Checks, mode_of
from ismc.ism.checking.cached_programs import trust
from ismc.ism.compiled import CompiledISM
from ismc.ism.ensemble import Ensemble, make_ensemble
from ismc.ism.open_length import OpenISM
from ismc.passes import PIPELINE, Program, Request
from ismc.passes.flatten import flatten
from ismc.passes.observe import observed
from ismc.plan.cost import using_rates
from ismc.rules import Rule
from ismc.scores import Score, resolved
from ismc.tuning.autotune import autotune as tune
from ismc.tuning.calibration import calibrate
from ismc.tuning.trials import Trials
from ismc.verification.revealed import verify_revealed
from ismc.verification.steady import refuse_unsteady
from ismc.verification.verify import rounding_error
from ismc.verification.verify import verify as compare

MEMORY = 1 << 30
PRECISIONS = {"float32": 0.0, "bfloat16": 0.1}
"""What is rounded off at most, about, of the largest change."""


def compile(  # noqa: A001  (users write ismc.compile, as they write model.compile)
    model: Any,
    *,
    sites: Sites = None,
    outputs: Any = None,
    score: str | Score | Callable[[Any, Any], Any] | None = None,
    sequence_input: int | str = 0,
    stop_at: str | Sequence[str] = (),
    precision: str = "float32",
    memory: int | None = None,
    rules: Mapping[str | type, Rule] | None = None,
    infer_rules: bool = False,
    verify: bool = True,
    check: bool | str = True,
    autotune: bool = False,
    autotune_seconds: float = 60.0,
    devices: Sequence[str] | None = None,
    threads: int | None = None,
    cache: str | Path | bool | None = None,
) -> Any:
    """Compiles a Keras model into exact in-silico mutagenesis.

    Args:
        model: a built model of Keras 3 or `tf_keras` with an input ``[B, L, C]``. Where ``L`` is
            open, an `OpenISM` is returned, which compiles once for each length it is called with.
        sites: what is mutated, one at a time: positions, or half-open ranges ``(start, stop)``
            in any number, order, width and overlap. Every position by default.
        outputs: a name, an index, or a list of them. All outputs by default, nested as the model
            returns them. Work that no chosen output depends on is not done.
        score: a name of `ismc.scores`, such as ``"centred"`` or ``"l2(targets=[3, 5])"``, or a
            function ``(reference, mutant) -> tensor`` of outputs ``[n, *output]``. It is compiled
            into the program and applied to each output.
        sequence_input: index or name of the input that is mutated; others are context.
        stop_at: names of layers after which everything is recomputed in full.
        precision: ``"float32"``, or ``"bfloat16"``: the operands of products of differences are
            rounded to 8 bits, and added up in float32. Changes are then off by some thousandths
            of the largest change; `verify` measures by how much, and `explain` tells.
        memory: bytes that the working arrays of all tiles that are computed at a time may take; by
            default 1 GiB for each of ``threads``. Weights, the reference and the answer come on
            top.
        rules: rules for single layers by name, or for classes; they come before all others.
        infer_rules: whether layers without a rule are tried on random inputs, and get the rule
            that holds on every trial, if any; `explain` prints it.
        verify: compare with the naive program on a few random sequences, at the edges and at
            random sites; also with other weights, where the model's own are constant or nearly
            zero and may hide a fault. A program that is wrong with these alone is bound to the
            model's own, with a warning: once they change, it raises.
        check: compare on the user's own data, too. Of the sequences of a run, which is `predict`,
            `ismc.score` or ``ismc run``, a few mutants are also computed by the model itself: those
            with the largest changes, and others at the edges, at positions without a letter and at
            random. That takes 2 % of the time that the plan predicts; at least 16 mutants. ``True``
            stops at a wrong answer; ``"recompute"`` takes the model's own answers for all of its
            batch and goes on; ``False`` checks nothing. Single calls and `saturate` check nothing.
        autotune: time what the cost model decides, and its alternatives, on this machine, and
            keep the fastest, which may be the naive program. What is found is remembered in the
            user's cache directory, or in that of ``ISMC_CACHE_DIR``. Without it, a plan does not
            depend on the machine.
        autotune_seconds: after which nothing new is tried; the first trials are always made.
        devices: names of local devices, as TensorFlow lists them, that the sequences of a call are
            spread over; all GPUs by default, where there are several.
        threads: how many parts of the sites of a call are computed side by side, at most. By
            default as many as there are cores, and one on a GPU.
        cache: a folder that programs are kept in, ``False`` for none. By default it lies in the
            user's cache directory, or in that of ``ISMC_CACHE_DIR``, unless ``ISMC_CACHE`` is
            ``off``. Programs of Keras's own layers, rules and scores of ismc are found again for
            any weights, before anything is traced. Where code of the user's takes part, or Keras
            has been patched, the model is traced each time (half a second to some seconds), and
            XLA's executable is found by the StableHLO that comes out; what has none is not kept.
            With ``verify``, a program out of the cache is verified for new weights as a new one is
            (1.3 s for Basset), and for weights that it was verified with, a few mutants are
            compared before it first answers (0.2 s).

    Returns:
        A callable; see `CompiledISM`, and `OpenISM` for a model of open length.

    Raises:
        UnsupportedModelError: when the model has no sequence axis, is no built Keras model, or
            draws random numbers, as dropout in training mode does.
        InputError: when an argument names what the model does not have.
        VerificationError: when the program disagrees with the naive one.
    """
    checks = Checks(mode_of(check))
    if precision not in PRECISIONS:
        raise InputError(f"precision is {precision!r}, expected one of {', '.join(PRECISIONS)}.")
    score = resolved(score)
    if memory is not None and memory <= 0:
        raise InputError(f"memory is {memory}, expected a positive number of bytes.")
    if is_open(model):
        settings = {
            "sites": sites, "outputs": outputs, "score": score, "sequence_input": sequence_input,
            "stop_at": stop_at, "precision": precision, "memory": memory, "rules": rules,
            "infer_rules": infer_rules,
            "verify": verify, "check": check,
            "autotune": autotune, "autotune_seconds": autotune_seconds,
            "devices": devices, "threads": threads, "cache": cache,
        }  # fmt: skip
        return OpenISM(model, partial(compile, **settings))
    spread = choose_devices(devices)
    threads = choose_threads(threads)
    lowered = read(model)
    sequence, shape = choose_sequence(lowered, sequence_input)
    chosen, structure = choose_outputs(lowered, outputs)
    labels = dict(zip(lowered.graph.outputs, output_labels(lowered), strict=True))
    scored_shapes(score, {labels[name]: lowered.graph[name].shape for name in chosen})
    spans = site_spans(sites, shape[0])
    request = Request(
        sequence, spans, chosen, scored=score is not None,
        memory=max(1, memory // threads) if memory else MEMORY, precision=precision,
    )  # fmt: skip
    program = flatten(Program(lowered.graph, request))
    refuse_unsteady(lowered, program.graph, program.request.outputs, sequence)
    program = program.knowing(graph=with_masks(program.graph, program.request.outputs))
    stops = choose_stops(program.graph, stop_at)
    chosen_rules = choose_rules(program.graph, rules or {})
    if infer_rules:
        chosen_rules = find_rules(program.graph, lowered.variables) | chosen_rules
    request = replace(program.request, stop_at=stops, rules=chosen_rules)
    program = program.knowing(request=request)
    finish = partial(
        _assembled, model=lowered, chosen=chosen, structure=structure, score=score, threads=threads
    )
    if autotune:
        with using_rates(calibrate()):
            program, compiled = tune(program, finish, Trials(), autotune_seconds)
    else:
        program, compiled = finish(program)
    store = open_cache(cache)
    asked = replace(program.request, outputs=request.outputs)
    named = partial(program_key, lowered, asked, compiled.plan, score)
    key = named() if store else ""
    compiled = replace(
        compiled, devices=spread, store=store, key=key, still=lambda: named() == key,
        hits=PRECISIONS[precision] if verify else None, checks=checks,
    )  # fmt: skip
    if not verify or compiled.measured.naive_is_faster:
        return compiled
    verdict = verdict_key(key, compiled.weights() if key else ())
    found = recalled(store, verdict)
    if found is None:
        found = 0.0
        if precision == "float32":
            compare(replace(compiled, hits=None), program)
            trust(compiled.programs.values())
            compiled = verify_revealed(compiled, program, compare)
        else:
            found = rounding_error(compiled)
        if compiled.bound is UNBOUND:
            remembered(store, verdict, compiled.plan.model, found)
    error = None if precision == "float32" else found
    return replace(compiled, measured=replace(compiled.measured, error=error))


def ensemble(
    models: Any,
    *,
    reverse_complement: bool = False,
    shifts: int | Sequence[int] = (0,),
    mirror_outputs: bool | str | Sequence[str] = True,
    **settings: Any,
) -> Ensemble:
    """Compiles several models, or views of one, whose scores are averaged on the device.

    There is one member for each model, orientation and shift. What is averaged are the members'
    scores, not their predictions: the score of averaged predictions is something else, unless it is
    a difference. References are averaged likewise.

    A member of the reverse complement sees ``x[:, ::-1, ::-1]``; what it answers for the mirrored
    site and the complementary letter is counted for a site and a letter. A member of shift ``k``
    sees the sequence moved right by ``k`` positions, zeros (N) filling in, before it is turned. A
    site, or a part of one, that is moved out of the window changes nothing there: its score is
    that of the reference with itself.

    Outputs with positions are turned back in answers for the reverse complement. They are not moved
    back by a shift, which often is less than one of their positions, and their channels stay in
    order: tracks of two strands are not exchanged.

    Args:
        models: a Keras model, or several of equal inputs and outputs, such as folds. Programs that
            were compiled or loaded already can be averaged too, as they are.
        reverse_complement: whether each model is asked about the reverse complement too.
        shifts: by how many positions the sequence is moved, 0 for where it is.
        mirror_outputs: outputs whose first axis is positions, which is turned back. ``True`` for
            all of two axes or more, ``[positions, ...]``; else names, ``()`` for none. A flat
            profile ``[positions]`` must be named. Scores that lost the axis, as with
            ``track=sum``, are left as they are.
        settings: as for `ismc.compile`: ``sites``, ``outputs``, ``score`` and so on.

    Raises:
        InputError: when models differ in their inputs or outputs, or an argument does not fit.
        IsmcError: as `ismc.compile`.
    """
    return make_ensemble(compile, models, reverse_complement, shifts, mirror_outputs, settings)


def assemble(program: Program, model: Model, outputs: tuple[str, ...]) -> CompiledISM:
    """The compiled form of a flat program whose outputs are named as in its graph."""
    return _assembled(program, model, outputs, list(outputs), None)[1]


def _assembled(
    program: Program,
    model: Model,
    chosen: tuple[str, ...],
    structure: Any,
    score: Any,
    threads: int = 1,
) -> tuple[Program, CompiledISM]:
    """Runs the passes, prints the program, and loads it."""
    graph = program.graph
    for step in PIPELINE:
        program = observed(step)(program)
    plan = program.plan
    assert plan is not None  # noqa: S101  (schedule is the last pass)
    source = render(plan)
    labels = dict(zip(model.graph.outputs, output_labels(model), strict=True))
    return program, CompiledISM(
        plan=plan,
        source=source,
        signature=replace(plan.signature, folded=model.folded),
        names=model.inputs,
        structure=structure,
        chosen=chosen,
        labels=tuple(labels.get(name, name) for name in chosen),
        build=load(source, plan),
        calls={layer.name: layer.call for layer in program.graph if layer.call is not None},
        model=model,
        graph=graph,
        score=score,
        threads=threads,
    )
