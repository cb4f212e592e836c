"""From models and settings to an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ismc.errors import InputError
from ismc.ism.base import ISM
from ismc.ism.checking import Checks
from ismc.ism.ensemble.average import Ensemble
from ismc.ism.ensemble.member import Member
from ismc.ism.ensemble.views import Site, View, views

LETTERS = 4


def make_ensemble(
    compile_model: Callable[..., ISM],
    models: Any,
    reverse_complement: bool,
    shifts: int | Sequence[int],
    mirror_outputs: bool | str | Sequence[str],
    settings: Mapping[str, Any],
) -> Ensemble:
    """The ensemble of `ismc.ensemble`; ``compile_model(model, **settings)`` makes its programs."""
    given = list(models) if isinstance(models, list | tuple) else [models]
    if not given:
        raise InputError("models is empty, expected at least one model.")
    made = [isinstance(model, ISM) for model in given]
    if any(made):
        moved = reverse_complement or (shifts != 0 if isinstance(shifts, int) else any(shifts))
        if not all(made) or settings or moved:
            raise InputError(
                "Programs that are compiled already are averaged as they are, with one another, "
                "expected Keras models where there are settings, shifts or a reverse complement.",
                hint="Pass the Keras models themselves.",
            )
        check_programs(given)
        members = tuple(Member(program, View(), program.sites) for program in given)
        return Ensemble(members, checks=Checks(given[0].checks.mode))
    return _compiled(compile_model, given, reverse_complement, shifts, mirror_outputs, settings)


def check_programs(programs: Sequence[ISM]) -> None:
    """Checks that programs answer alike.

    Raises:
        InputError: when they do not; it says in what.
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
        _same(i, *about)


def check_models(models: Sequence[Any]) -> None:
    """Checks that Keras models have inputs and outputs of equal shapes.

    Raises:
        InputError: when they have not, or take sequences of any length.
        UnsupportedModelError: when one is no built model of Keras.
    """
    from ismc.frontend import read
    from ismc.frontend.lengths import is_open

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
        _same(i, first, about)


def _same(number: int, first: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    for what, value in other.items():
        if value != first[what]:
            raise InputError(
                f"Model {number} differs in its {what} from the first: {value}, expected "
                f"{first[what]}.",
                hint="Average models of one architecture; score others one by one.",
            )


def _compiled(
    compile_model: Callable[..., ISM],
    models: Sequence[Any],
    reverse_complement: bool,
    shifts: int | Sequence[int],
    mirror_outputs: bool | str | Sequence[str],
    settings: Mapping[str, Any],
) -> Ensemble:
    """One program for each model and orientation; orientations with the same sites share it."""
    from ismc.execution.inputs import site_spans
    from ismc.frontend import read
    from ismc.frontend.request import choose_sequence, output_labels

    check_models(models)
    lowered = read(models[0])
    sequence, (length, channels) = choose_sequence(lowered, settings.get("sequence_input", 0))
    every = views(reverse_complement, shifts, length)
    others = {name: lowered.graph[name].shape for name in lowered.graph.inputs if name != sequence}
    _check_views(every, channels, others)
    names = _named(mirror_outputs, output_labels(lowered))
    sites = tuple((s.start, s.stop) for s in site_spans(settings.get("sites"), length))
    wanted = _wanted(every, sites, length)
    members = []
    for model in models:
        made: dict[tuple[Site, ...], ISM] = {}
        for view in every:
            own = wanted[view.reverse]
            if own not in made:
                made[own] = compile_model(model, **{**settings, "sites": own})
            members.append(Member(made[own], view, sites, _mirrored(made[own], names)))
    return Ensemble(tuple(members), tuple(every), Checks(members[0].program.checks.mode))


def _wanted(
    every: Sequence[View], sites: tuple[Site, ...], length: int
) -> dict[bool, tuple[Site, ...]]:
    """The sites that the views of each orientation need; the ensemble's own where they do."""
    found = {}
    for reverse in {view.reverse for view in every}:
        seen = {view.site(s, length) for view in every if view.reverse == reverse for s in sites}
        inside = {site for site in seen if site is not None} or set(sites)
        found[reverse] = sites if inside == set(sites) else tuple(sorted(inside))
    return found


def _check_views(every: Sequence[View], channels: int, others: Mapping[str, Any]) -> None:
    if channels != LETTERS and any(view.reverse for view in every):
        raise InputError(
            f"The sequence has {channels} channels, expected the 4 letters ACGT where there is a "
            "reverse complement."
        )
    along = [name for name, shape in others.items() if len(shape) > 1]
    if along and list(every) != [View()]:
        raise InputError(
            f"The inputs {', '.join(map(repr, along))} may lie along the sequence, which alone is "
            "moved by shifts and the reverse complement, expected further inputs of one axis.",
            hint="Make inputs that are always the same, such as control tracks of zeros, part of "
            "the model.",
        )


def _named(chosen: bool | str | Sequence[str], labels: Sequence[str]) -> tuple[str, ...] | None:
    """The names of outputs that are mirrored, or nothing for all that look like it."""
    if isinstance(chosen, bool):
        return None if chosen else ()
    names = (chosen,) if isinstance(chosen, str) else tuple(chosen)
    if unknown := [name for name in names if name not in labels]:
        raise InputError(
            f"mirror_outputs names {unknown[0]!r}, which the model does not have; its outputs are "
            f"{list(labels)}."
        )
    return names


def _mirrored(program: ISM, names: tuple[str, ...] | None) -> frozenset[int]:
    shapes = enumerate(zip(program.output_names, program.reference_shapes(), strict=True))
    if names is None:
        return frozenset(i for i, (_, shape) in shapes if len(shape) > 1)
    return frozenset(i for i, (name, shape) in shapes if name in names and shape)
