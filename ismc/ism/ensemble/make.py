"""Makes an ensemble from models and settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ismc.errors import InputError
from ismc.ism.base import ScanProgram
from ismc.ism.calls import ModelISM
from ismc.ism.checking import Checks
from ismc.ism.ensemble.average import Average, Ensemble
from ismc.ism.ensemble.member import Member
from ismc.ism.ensemble.views import Site, View, views

LETTERS = 4


def make_ensemble(
    compile_model: Callable[..., Any],
    models: Any,
    reverse_complement: bool,
    shifts: int | Sequence[int],
    mirror_outputs: bool | str | Sequence[str],
    settings: Mapping[str, Any],
) -> Ensemble:
    """Makes the `Ensemble`; ``compile_model(model, **settings)`` compiles its programs."""
    entries = list(models) if isinstance(models, list | tuple) else [models]
    if not entries:
        raise InputError("models is empty, expected at least one model.")
    compiled = [isinstance(model, ModelISM) for model in entries]
    if any(compiled):
        has_views = reverse_complement or (shifts != 0 if isinstance(shifts, int) else any(shifts))
        if not all(compiled) or settings or has_views:
            raise InputError(
                "Some of the models are compiled already, expected compiled programs only, without "
                "settings, shifts or reverse_complement, or Keras models only.",
                hint="Pass the Keras models themselves.",
            )
        programs = [entry.program for entry in entries]
        check_programs(programs)
        members = tuple(Member(program, View(), program.sites) for program in programs)
        return Ensemble(Average(members, checks=Checks(programs[0].checks.mode)))
    return _compile_all(
        compile_model, entries, reverse_complement, shifts, mirror_outputs, settings
    )


def check_programs(programs: Sequence[ScanProgram]) -> None:
    """Checks that programs have equal inputs, sites, outputs and scores.

    Raises:
        InputError: when they differ; names the difference.
    """
    for i, program in enumerate(programs[1:], 1):
        about = [
            {
                "inputs": [list(shape) for _, shape in ism.plan.inputs],
                "sites": [list(site) for site in ism.sites],
                "output shapes": [list(shape) for shape in ism.reference_shapes()],
                "score shapes": [list(shape) for shape in ism.shapes()],
                "score": ism.score_name or "none",
            }
            for ism in (programs[0], program)
        ]
        _check_same(i, *about)


def check_models(models: Sequence[Any]) -> None:
    """Checks that Keras models have inputs and outputs of equal shapes.

    Raises:
        InputError: when shapes differ, or a model takes sequences of any length.
        UnsupportedModelError: when a model is not a built Keras model.
    """
    from ismc.frontend.lengths import is_open
    from ismc.frontend.read import read

    first = None
    for i, model in enumerate(models):
        if is_open(model):
            raise InputError(
                f"Model {i} takes sequences of any length, expected models of one length.",
                hint="Build the models with an input of a fixed length.",
            )
        graph = read(model).graph
        about = {
            "inputs": [list(graph[name].shape) for name in graph.inputs],
            "output shapes": [list(graph[name].shape) for name in graph.outputs],
        }
        first = first or about
        _check_same(i, first, about)


def _check_same(number: int, first: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    for what, value in other.items():
        if value != first[what]:
            raise InputError(
                f"Model {number} differs in its {what} from the first: {value}, expected "
                f"{first[what]}.",
                hint="Average models of one architecture; score others one by one.",
            )


def _compile_all(
    compile_model: Callable[..., Any],
    models: Sequence[Any],
    reverse_complement: bool,
    shifts: int | Sequence[int],
    mirror_outputs: bool | str | Sequence[str],
    settings: Mapping[str, Any],
) -> Ensemble:
    """Compiles a program per model and orientation; orientations with equal sites share one."""
    from ismc.execution.inputs import site_spans
    from ismc.frontend.read import read
    from ismc.frontend.request import choose_sequence, output_labels

    check_models(models)
    lowered = read(models[0])
    sequence, (length, channels) = choose_sequence(lowered, settings.get("sequence_input", 0))
    all_views = views(reverse_complement, shifts, length)
    context = {name: lowered.graph[name].shape for name in lowered.graph.inputs if name != sequence}
    _check_views(all_views, channels, context)
    names = _check_names(mirror_outputs, output_labels(lowered))
    sites = tuple((s.start, s.stop) for s in site_spans(settings.get("sites"), length))
    sites_by_orientation = _program_sites(all_views, sites, length)
    members = []
    for model in models:
        programs: dict[tuple[Site, ...], ScanProgram] = {}
        for view in all_views:
            own_sites = sites_by_orientation[view.reverse]
            if own_sites not in programs:
                compiled = compile_model(model, **{**settings, "sites": own_sites})
                programs[own_sites] = compiled.program
            members.append(
                Member(programs[own_sites], view, sites, _mirrored(programs[own_sites], names))
            )
    checks = Checks(members[0].program.checks.mode)
    return Ensemble(Average(tuple(members), tuple(all_views), checks))


def _program_sites(
    every: Sequence[View], sites: tuple[Site, ...], length: int
) -> dict[bool, tuple[Site, ...]]:
    """The sites of each orientation's program; the ensemble's own sites if these are the same."""
    sites_by_orientation = {}
    for reverse in {view.reverse for view in every}:
        mapped = {view.site(s, length) for view in every if view.reverse == reverse for s in sites}
        inside = {site for site in mapped if site is not None} or set(sites)
        sites_by_orientation[reverse] = sites if inside == set(sites) else tuple(sorted(inside))
    return sites_by_orientation


def _check_views(all_views: Sequence[View], channels: int, context: Mapping[str, Any]) -> None:
    if channels != LETTERS and any(view.reverse for view in all_views):
        raise InputError(
            f"The sequence has {channels} channels, expected the 4 letters ACGT: only these have "
            "a reverse complement."
        )
    with_positions = [name for name, shape in context.items() if len(shape) > 1]
    if with_positions and list(all_views) != [View()]:
        raise InputError(
            f"The inputs {', '.join(map(repr, with_positions))} may have positions, expected one "
            "axis: shifts and the reverse complement apply to the sequence only.",
            hint="Make constant inputs, such as control tracks of zeros, part of the model.",
        )


def _check_names(
    chosen: bool | str | Sequence[str], labels: Sequence[str]
) -> tuple[str, ...] | None:
    """The names of the mirrored outputs; ``None`` for all outputs with two or more axes."""
    if isinstance(chosen, bool):
        return None if chosen else ()
    names = (chosen,) if isinstance(chosen, str) else tuple(chosen)
    if unknown := [name for name in names if name not in labels]:
        raise InputError(
            f"mirror_outputs names {unknown[0]!r}, which the model does not have; its outputs are "
            f"{list(labels)}."
        )
    return names


def _mirrored(program: ScanProgram, names: tuple[str, ...] | None) -> frozenset[int]:
    shapes = enumerate(zip(program.output_names, program.reference_shapes(), strict=True))
    if names is None:
        return frozenset(i for i, (_, shape) in shapes if len(shape) > 1)
    return frozenset(i for i, (name, shape) in shapes if name in names and shape)
