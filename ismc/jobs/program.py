"""The program that a run calls: compiled from models, loaded from an artifact, or ready already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ismc.artifacts.record import is_artifact
from ismc.errors import InputError
from ismc.jobs.models import (
    CHANNELS,
    at_length,
    check_inputs,
    check_model_file,
    import_quietly,
    load_model,
    sequence_length,
)
from ismc.scores import parsed


@dataclass(frozen=True)
class ScoringSpec:
    """What is computed.

    Attributes:
        models: Keras models, files of them, artifacts, or programs; several are averaged.
        outputs: names, or whatever `ismc.compile` takes; all by default.
        score: the spelling of a score, or whatever `ismc.compile` takes; by default that of a
            program that is ready, or ``difference``.
        reverse_complement: whether both strands are averaged.
        shifts: positions that sequences are moved by; answers are averaged.
        settings: more for `ismc.compile`.
    """

    models: Sequence[Any]
    outputs: Any = None
    score: Any = None
    reverse_complement: bool = False
    shifts: Sequence[int] = (0,)
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def files(self) -> list[Path]:
        """Those models that are files."""
        return [Path(model) for model in self.models if isinstance(model, (str, PathLike))]

    @property
    def name(self) -> str:
        """File names, or names of models, as they are told of."""
        found = []
        for model in self.models:
            if isinstance(model, (str, PathLike)):
                found.append(Path(model).name)
            else:
                plan = getattr(model, "plan", None)
                found.append(str(getattr(model, "name", None) or getattr(plan, "model", "model")))
        return ", ".join(found)

    @property
    def averaged(self) -> bool:
        """Whether more than one answer is averaged."""
        return len(self.models) > 1 or self.reverse_complement or tuple(self.shifts) != (0,)


class ProgramProvider:
    """Models that are loaded, to be compiled for some sites; or programs that are ready.

    Attributes:
        wanted: what is computed.
        length: of the sequences that the models take, or ``None`` for any.
    """

    def __init__(self, wanted: ScoringSpec) -> None:
        """Loads the models.

        Raises:
            IsmcError: when a file does not fit.
        """
        self.wanted = wanted
        for path in wanted.files:
            check_model_file(path)
        self._models = [_loaded(model) for model in wanted.models]
        lengths = {_length(model) for model in self._models}
        if len(lengths - {None}) > 1:
            raise InputError(
                f"The models {wanted.name} take sequences of {_said(lengths)} letters, expected "
                "one length.",
                hint="Average models of one architecture.",
            )
        self.length = max(lengths, key=lambda length: length or 0)

    def at(self, sites: Sequence[Any] | None, length: int, *, more: bool = False) -> Any:
        """The program for sites of sequences of a length; all that a ready one has by default.

        With ``more``, a program that is ready may have other sites too.

        Raises:
            IsmcError: when a model or a setting does not fit.
        """
        from ismc.api import compile as compile_model
        from ismc.api import ensemble

        wanted = self.wanted
        views = {"reverse_complement": wanted.reverse_complement, "shifts": wanted.shifts}
        if any(hasattr(model, "saturate") for model in self._models):
            found = [
                model.at(np.zeros((1, length, CHANNELS), np.float32))
                if hasattr(model, "at")
                else model
                for model in self._models
            ]
            for model in found:
                if hasattr(model, "saturate"):
                    _check_ready(model, wanted, sites, more)
            return ensemble(found, **views) if wanted.averaged else found[0]
        models = [at_length(model, length) for model in self._models]
        given = {"sites": sites, "outputs": wanted.outputs, **wanted.settings}
        settings = {name: value for name, value in given.items() if value is not None}
        settings["score"] = wanted.score or "difference"
        if wanted.averaged:
            return ensemble(models, **views, **settings)
        return compile_model(models[0], **settings)


def _loaded(model: Any) -> Any:
    """A Keras model of sequences, or a program that is ready."""
    if isinstance(model, (str, PathLike)):
        if not is_artifact(Path(model)):
            return load_model(Path(model))
        import_quietly("tensorflow")
        from ismc.ism.loaded import load

        return load(Path(model))
    if not hasattr(model, "saturate"):
        check_inputs(model, repr(getattr(model, "name", model)))
    return model


def _length(model: Any) -> int | None:
    """``L``, where it is fixed."""
    if hasattr(model, "at"):
        return None
    if not hasattr(model, "saturate"):
        return sequence_length(model)
    shape = model.input_shape
    if isinstance(shape, (list, dict)):
        raise InputError(
            f"The program takes {len(shape)} inputs, expected one of sequences.",
            hint="Use ismc.compile, whose calls take all inputs.",
        )
    return shape[0]


def _check_ready(ism: Any, wanted: ScoringSpec, sites: Sequence[Any] | None, more: bool) -> None:
    """Checks that a program that is compiled already was made with such settings.

    Raises:
        InputError: when it was not; says in what.
    """
    problems = []
    named = isinstance(wanted.score, str) and wanted.score
    score = str((parsed(named) if named else wanted.score) or ism.score_name or "difference")
    if (ism.score_name or "difference") != score:
        found = f"the score {ism.score_name!r}" if ism.score_name else "no score"
        problems.append(f"has {found}, expected {score!r}")
    asked = [] if sites is None else list(sites)
    ranges = [(int(s), int(s) + 1) if np.ndim(s) == 0 else tuple(map(int, s)) for s in asked]
    fits = set(ranges) <= set(ism.sites) if more else list(ism.sites) == ranges
    if sites is not None and not fits:
        said = f"{len(ranges)}, {ranges[0]} to {ranges[-1]}" if ranges else "none"
        problems.append(
            f"is for {len(ism.sites)} sites, {ism.sites[0]} to {ism.sites[-1]}, expected {said}"
        )
    names, wished = list(ism.output_names), wanted.outputs
    outputs = [wished] if isinstance(wished, (str, int)) else list(wished or ())
    numbers = range(-len(names), len(names))  # of the program's own outputs
    found = [names[o] if isinstance(o, int) and o in numbers else o for o in outputs]
    if wished is not None and found != names:
        problems.append(f"has the outputs {names}, expected {outputs}")
    if given := [name for name, value in wanted.settings.items() if value is not None]:
        problems.append(f"cannot have {', '.join(given)} any more")
    if problems:
        raise InputError(
            f"The program of {wanted.name} is compiled already; it {'; it '.join(problems)}.",
            hint="Leave out what it cannot have, or compile its model again with these settings.",
        )


def _said(lengths: set[int | None]) -> str:
    return " and ".join(sorted(str(length) for length in lengths if length is not None))
