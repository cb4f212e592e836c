"""The program that a run calls: compiled from models, loaded from an artifact, or passed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ismc.artifacts.record import is_artifact
from ismc.errors import InputError
from ismc.ism.calls import ISM, ModelISM
from ismc.ism.open_length import OpenISM
from ismc.jobs.models import (
    CHANNELS,
    at_length,
    check_inputs,
    check_model_file,
    import_quietly,
    load_sequence_model,
    sequence_length,
)
from ismc.scores import parsed

COMPILED = (ISM, OpenISM)


@dataclass(frozen=True)
class ScoringSpec:
    """What is computed.

    Attributes:
        models: Keras models, model files, artifacts or compiled programs; several are averaged.
        outputs: names of outputs, or any value that `ismc.compile` takes; all by default.
        score: the spelling of a score, or any value that `ismc.compile` takes; by default the
            score of a compiled program, or ``difference``.
        reverse_complement: average both strands.
        shifts: positions to shift the sequences by; the results are averaged.
        settings: further arguments of `ismc.compile`.
    """

    models: Sequence[Any]
    outputs: Any = None
    score: Any = None
    reverse_complement: bool = False
    shifts: Sequence[int] = (0,)
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def files(self) -> list[Path]:
        """The paths among the models."""
        return [Path(model) for model in self.models if isinstance(model, (str, PathLike))]

    @property
    def name(self) -> str:
        """The file or model names, joined by commas, for messages and store metadata."""
        names = []
        for model in self.models:
            if isinstance(model, (str, PathLike)):
                names.append(Path(model).name)
            elif isinstance(model, ModelISM):
                names.append(model.plan.model)
            else:
                names.append(str(getattr(model, "name", None) or "model"))
        return ", ".join(names)

    @property
    def averaged(self) -> bool:
        """Whether scores are averaged over models, strands or shifts."""
        return len(self.models) > 1 or self.reverse_complement or tuple(self.shifts) != (0,)


class ProgramProvider:
    """Loaded models that are compiled once the sites are known, or programs compiled earlier.

    Attributes:
        spec: what is computed.
        length: the sequence length that the models take, or ``None`` for any.
    """

    def __init__(self, spec: ScoringSpec) -> None:
        """Loads the models.

        Raises:
            IsmcError: when a model cannot be loaded, or the models take different lengths.
        """
        self.spec = spec
        for path in spec.files:
            check_model_file(path)
        self._models = [_load(model) for model in spec.models]
        lengths = {_length(model) for model in self._models}
        if len(lengths - {None}) > 1:
            raise InputError(
                f"The models {spec.name} take sequences of {_join(lengths)} letters, expected "
                "one length.",
                hint="Average models of one architecture.",
            )
        self.length = max(lengths, key=lambda length: length or 0)

    def at(self, sites: Sequence[Any] | None, length: int, *, more: bool = False) -> Any:
        """The program for the given sites of sequences of a length.

        Args:
            sites: as for `ismc.compile`; ``None`` for all positions, or for all sites of a compiled
                program.
            length: the length of the sequences.
            more: accept a compiled program that has further sites.

        Raises:
            IsmcError: when a model cannot be compiled, or a compiled program has other settings.
        """
        from ismc.api import compile as compile_model
        from ismc.api import ensemble

        spec = self.spec
        views = {"reverse_complement": spec.reverse_complement, "shifts": spec.shifts}
        if any(isinstance(model, COMPILED) for model in self._models):
            programs = [
                model.at(np.zeros((1, length, CHANNELS), np.float32))
                if isinstance(model, OpenISM)
                else model
                for model in self._models
            ]
            for program in programs:
                if isinstance(program, ISM):
                    _check_compiled(program, spec, sites, more)
            return ensemble(programs, **views) if spec.averaged else programs[0]
        models = [at_length(model, length) for model in self._models]
        options = {"sites": sites, "outputs": spec.outputs, **spec.settings}
        settings = {name: value for name, value in options.items() if value is not None}
        settings["score"] = spec.score or "difference"
        if spec.averaged:
            return ensemble(models, **views, **settings)
        return compile_model(models[0], **settings)


def _load(model: Any) -> Any:
    """A Keras model of sequences, or a compiled program."""
    if isinstance(model, (str, PathLike)):
        if not is_artifact(Path(model)):
            return load_sequence_model(Path(model))
        import_quietly("tensorflow")
        from ismc.ism.loaded import load

        return load(Path(model))
    if not isinstance(model, COMPILED):
        check_inputs(model, repr(getattr(model, "name", model)))
    return model


def _length(model: Any) -> int | None:
    """``L`` of a model or program, or ``None`` if it takes any length."""
    if isinstance(model, OpenISM):
        return None
    return model.input_shape[0] if isinstance(model, ISM) else sequence_length(model)


def _check_compiled(ism: ISM, spec: ScoringSpec, sites: Sequence[Any] | None, more: bool) -> None:
    """Checks that a compiled program has the settings of the specification.

    Raises:
        InputError: naming each setting that differs.
    """
    problems = []
    spelling = isinstance(spec.score, str) and spec.score
    score = str((parsed(spelling) if spelling else spec.score) or ism.score_name or "difference")
    if (ism.score_name or "difference") != score:
        text = f"the score {ism.score_name!r}" if ism.score_name else "no score"
        problems.append(f"has {text}, expected {score!r}")
    requested = [] if sites is None else list(sites)
    ranges = [(int(s), int(s) + 1) if np.ndim(s) == 0 else tuple(map(int, s)) for s in requested]
    fits = set(ranges) <= set(ism.sites) if more else list(ism.sites) == ranges
    if sites is not None and not fits:
        expected = f"{len(ranges)}, {ranges[0]} to {ranges[-1]}" if ranges else "none"
        problems.append(
            f"is for {len(ism.sites)} sites, {ism.sites[0]} to {ism.sites[-1]}, expected {expected}"
        )
    names, selection = list(ism.output_names), spec.outputs
    outputs = [selection] if isinstance(selection, (str, int)) else list(selection or ())
    indices = range(-len(names), len(names))  # of the program's own outputs
    selected = [names[o] if isinstance(o, int) and o in indices else o for o in outputs]
    if selection is not None and selected != names:
        problems.append(f"has the outputs {names}, expected {outputs}")
    if settings := [name for name, value in spec.settings.items() if value is not None]:
        problems.append(f"cannot take {', '.join(settings)} any more")
    if problems:
        raise InputError(
            f"The program of {spec.name} is already compiled; it {'; it '.join(problems)}.",
            hint="Leave out these settings, or compile the model with them.",
        )


def _join(lengths: set[int | None]) -> str:
    return " and ".join(sorted(str(length) for length in lengths if length is not None))
