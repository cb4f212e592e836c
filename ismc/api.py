"""`compile` and `ensemble`: from a Keras model to a callable, stage by stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ismc.artifacts.cache.cached import open_cache
from ismc.artifacts.cache.keys import program_key, read_verdict, verdict_key, write_verdict
from ismc.codegen.load import load_source
from ismc.codegen.render import render
from ismc.errors import InputError
from ismc.execution.inputs import Sites, site_spans
from ismc.execution.results import scored_shapes
from ismc.execution.weights import UNBOUND
from ismc.frontend.infer import find_rules
from ismc.frontend.lengths import is_open
from ismc.frontend.masks import with_masks
from ismc.frontend.model import Model
from ismc.frontend.read import read
from ismc.frontend.request import (
    choose_devices,
    choose_outputs,
    choose_rules,
    choose_sequence,
    choose_stops,
    choose_target,
    choose_threads,
    labels_by_output,
)
from ismc.ism.checking import Checks, mode_of
from ismc.ism.checking.cached_programs import trust
from ismc.ism.compiled import CompiledISM
from ismc.ism.ensemble import Ensemble, make_ensemble
from ismc.ism.open_length import OpenISM
from ismc.ism.program import CompiledProgram
from ismc.passes import INLINING, PLANNING, Program, Request
from ismc.passes.observe import run_passes
from ismc.rules import Rule
from ismc.scores import Score, resolved
from ismc.tuning.autotune import autotune as tune
from ismc.tuning.calibration import calibrate
from ismc.tuning.trials import Trials
from ismc.verification.revealed import verify_revealed
from ismc.verification.steady import refuse_unsteady
from ismc.verification.verify import rounding_error
from ismc.verification.verify import verify_program as compare

PRECISIONS = {"float32": 0.0, "bfloat16": 0.1}
"""The approximate bound of the rounding error of each precision, over the largest change."""


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
) -> CompiledISM | Any:
    """Compiles a Keras model into exact in-silico mutagenesis.

    Args:
        model: a built model of Keras 3 or `tf_keras` with an input ``[B, L, C]``. If ``L`` is
            open, `compile` returns an `OpenISM`, which compiles one program per length.
        sites: the positions or half-open ranges ``(start, stop)`` to mutate, one at a time. They
            may have any number, order, width and overlap. The default is every position.
        outputs: a name, an index, or a list of them. The default is all outputs, nested as the
            model returns them. Work that no requested output depends on is not done.
        score: a name of `ismc.scores`, such as ``"centred"`` or ``"l2(targets=[3, 5])"``, or a
            function ``(reference, mutant) -> tensor`` of outputs ``[n, *output]``. It is compiled
            into the program and applied to each output.
        sequence_input: index or name of the input to mutate; the other inputs are context.
        stop_at: names of layers after which everything is recomputed in full.
        precision: ``"float32"``, or ``"bfloat16"``, which rounds the operands of products of
            differences to 8 bits and sums in float32. Changes are then off by a few thousandths
            of the largest change; ``verify`` measures the error and `explain` prints it.
        memory: maximum size in bytes of the working arrays of all tiles in flight; by default
            1 GiB for each of ``threads``. Weights, the reference and the results are extra.
        rules: rules for layers by name, or for classes; they take precedence over all others.
        infer_rules: whether to test layers without a rule on random inputs. A layer gets the rule
            that holds in every trial, if there is one; `explain` prints it.
        verify: whether to compare the program with the naive program on two random sequences, at
            the edges and at random sites. Weights that are constant or nearly zero may hide a
            fault, so the comparison is repeated with other weights in their place. A program that
            is wrong only with those is restricted to the model's present weights, with a warning:
            it raises once they change.
        check: whether to compare on the user's own data, too. During a run (`predict`,
            `ismc.score` or ``ismc run``) the model itself also computes a few mutants: those with
            the largest changes, and others at the edges, at positions without a letter and at
            random. This takes 2 % of the time that the plan predicts, and at least 16 mutants.
            ``True`` raises on a wrong answer; ``"recompute"`` replaces the answers of that batch
            by the model's own and continues; ``False`` checks nothing. Single calls and `saturate`
            are never checked.
        autotune: whether to time the choices of the cost model and their alternatives on this
            machine. The fastest is used, which may be the naive program. Results are cached in the
            user's cache directory, or in ``ISMC_CACHE_DIR``. Without autotuning, the plan does not
            depend on the machine.
        autotune_seconds: time after which no new trial starts; the first trials always run.
        devices: names of local devices, as TensorFlow lists them, to distribute the sequences of a
            call over. The default is all GPUs if there are several.
        threads: maximum number of parts of the sites of a call that run in parallel. The default
            is the number of cores, and one on a GPU.
        cache: a folder for compiled programs, or ``False`` for none. The default is in the user's
            cache directory, or in ``ISMC_CACHE_DIR``, unless ``ISMC_CACHE`` is ``off``. A program
            made of Keras's own layers and of ismc's rules and scores is found for any weights,
            before anything is traced. With user code, or if Keras has been patched, the model is
            traced each time (0.5 s to a few seconds) and XLA's executable is found by the
            resulting StableHLO; a program without StableHLO is not cached. With ``verify``, a
            cached program is verified for new weights like a new program (1.3 s for Basset). For
            weights it was verified with before, only a few mutants are compared, before its first
            answer (0.2 s).

    Returns:
        A `CompiledISM`, or an `OpenISM` for a model of open length. The type of a model does not
        tell its length, so type checkers take the result for a `CompiledISM`.

    Raises:
        UnsupportedModelError: when the model has no sequence axis, is not a built Keras model, or
            draws random numbers, as dropout in training mode does.
        InputError: when an argument is invalid or names something that the model does not have.
        VerificationError: when the program disagrees with the naive program.
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
        return OpenISM(model, partial(compile, **settings), sites, outputs, score)
    device_names = choose_devices(devices)
    threads = choose_threads(threads)
    lowered = read(model)
    sequence, shape = choose_sequence(lowered, sequence_input)
    chosen, structure = choose_outputs(lowered, outputs)
    labels = labels_by_output(lowered)
    scored_shapes(score, {labels[name]: lowered.graph[name].shape for name in chosen})
    spans = site_spans(sites, shape[0])
    request = Request(
        sequence, spans, chosen, scored=score is not None,
        target=calibrate() if autotune else choose_target(),
        memory=max(1, memory // threads) if memory else 0, precision=precision,
    )  # fmt: skip
    program = run_passes(Program(lowered.graph, request), INLINING)
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
        program, compiled = tune(program, finish, Trials(), autotune_seconds)
    else:
        program, compiled = finish(program)
    store = open_cache(cache)
    final_request = replace(program.request, outputs=request.outputs)
    make_key = partial(program_key, lowered, final_request, compiled.plan, score)
    key = make_key() if store else ""
    compiled = replace(
        compiled, devices=device_names, store=store, key=key, still=lambda: make_key() == key,
        hits=PRECISIONS[precision] if verify else None, checks=checks,
    )  # fmt: skip
    if not verify or compiled.measured.naive_is_faster:
        return CompiledISM(compiled)
    verdict = verdict_key(key, compiled.weights() if key else ())
    error_share = read_verdict(store, verdict)
    if error_share is None:
        error_share = 0.0
        if precision == "float32":
            compare(replace(compiled, hits=None), program)
            trust(compiled.programs.values())
            compiled = verify_revealed(compiled, program, compare)
        else:
            error_share = rounding_error(compiled)
        if compiled.bound is UNBOUND:
            write_verdict(store, verdict, compiled.plan.model, error_share)
    error = None if precision == "float32" else error_share
    return CompiledISM(replace(compiled, measured=replace(compiled.measured, error=error)))


def ensemble(
    models: Any,
    *,
    reverse_complement: bool = False,
    shifts: int | Sequence[int] = (0,),
    mirror_outputs: bool | str | Sequence[str] = True,
    **settings: Any,
) -> Ensemble:
    """Compiles several models, or several views of one, and averages their scores on the device.

    There is one member for each model, orientation and shift. The ensemble averages the members'
    scores, not their predictions: unless the score is a difference, the score of the averaged
    predictions would be another number. References are averaged in the same way.

    A reverse-complement member sees ``x[:, ::-1, ::-1]``; its answer for the mirrored site and the
    complementary letter counts for the original site and letter. A member with shift ``k`` sees
    the sequence shifted right by ``k`` positions, filled up with zeros (N), before it is reversed.
    A site, or a part of one, that is shifted out of the window changes nothing there: its score
    is that of the reference with itself.

    Outputs with positions are mirrored back in the answers for the reverse complement. They are
    not shifted back, since a shift is often smaller than one of their positions. Their channels
    keep their order: the tracks of the two strands are not exchanged.

    Args:
        models: a Keras model, or several with equal inputs and outputs, such as folds. Programs
            that are already compiled or loaded can be averaged too, without further settings.
        reverse_complement: whether each model is also evaluated on the reverse complement.
        shifts: the shifts in positions, to the right; 0 is the unshifted sequence.
        mirror_outputs: the outputs whose first axis is positions, to be mirrored back. ``True``
            means all outputs with two or more axes, ``[positions, ...]``. Otherwise a name or
            several; ``()`` or ``False`` means none. A flat profile ``[positions]`` must be named.
            Scores without that axis, as with ``track=sum``, are not mirrored.
        settings: options of `ismc.compile`, such as ``sites``, ``outputs`` and ``score``.

    Returns:
        An `Ensemble`, which is called like a `CompiledISM`.

    Raises:
        InputError: when models differ in their inputs or outputs, or an argument does not fit.
        IsmcError: as `ismc.compile`.
    """
    return make_ensemble(compile, models, reverse_complement, shifts, mirror_outputs, settings)


def _assembled(
    program: Program,
    model: Model,
    chosen: tuple[str, ...],
    structure: Any,
    score: Any,
    threads: int = 1,
) -> tuple[Program, CompiledProgram]:
    """Plans a flat program, renders the generated program, and loads it."""
    graph = program.graph
    program = run_passes(program, PLANNING)
    plan = program.plan
    assert plan is not None  # noqa: S101  (schedule is the last pass)
    source = render(plan)
    labels = labels_by_output(model)
    return program, CompiledProgram(
        plan=plan,
        source=source,
        signature=replace(plan.signature, folded=model.folded),
        names=model.inputs,
        structure=structure,
        chosen=chosen,
        labels=tuple(labels.get(name, name) for name in chosen),
        build=load_source(source, plan),
        calls={layer.name: layer.call for layer in program.graph if layer.call is not None},
        model=model,
        graph=graph,
        score=score,
        threads=threads,
    )
