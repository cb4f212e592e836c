"""The program that a command runs: compiled from models, or loaded from an artifact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ismc.artifacts.record import is_artifact
from ismc.commands.models import (
    at_length,
    check_model_file,
    import_keras,
    load_model,
    sequence_length,
)
from ismc.errors import InputError
from ismc.scores import parsed


@dataclass(frozen=True)
class Wanted:
    """What is computed, as options of a command say it.

    Attributes:
        models: files of models, or one artifact; several are averaged.
        outputs: names; all by default.
        score: the spelling of a score; by default that of an artifact, or ``difference``.
        reverse_complement: whether both strands are averaged.
        shifts: positions that sequences are moved by; answers are averaged.
        memory: MiB that the working arrays may take.
    """

    models: tuple[Path, ...]
    outputs: tuple[str, ...] = ()
    score: str = ""
    reverse_complement: bool = False
    shifts: tuple[int, ...] = (0,)
    memory: int | None = None

    @property
    def name(self) -> str:
        """The file names, as they are told of."""
        return ", ".join(path.name for path in self.models)

    @property
    def averaged(self) -> bool:
        """Whether more than one answer is averaged."""
        return len(self.models) > 1 or self.reverse_complement or tuple(self.shifts) != (0,)


class Program:
    """Models that are loaded, to be compiled for some sites.

    Attributes:
        wanted: what is computed.
        length: of the sequences that the models take, or ``None`` for any.
    """

    def __init__(self, wanted: Wanted) -> None:
        """Loads the models.

        Raises:
            IsmcError: when a file does not fit.
        """
        self.wanted = wanted
        self._artifact: Any = None
        self._models: list[Any] = []
        for path in wanted.models:
            check_model_file(path)
        if any(is_artifact(path) for path in wanted.models):
            self._artifact = _artifact(wanted)
            self.length: int | None = self._artifact.input_shape[0]
            return
        self._models = [load_model(path) for path in wanted.models]
        lengths = {sequence_length(model) for model in self._models}
        if len(lengths) > 1:
            raise InputError(
                f"The models {wanted.name} take sequences of {_said(lengths)} letters, expected "
                "one length.",
                hint="Average models of one architecture.",
            )
        self.length = lengths.pop()

    def at(self, sites: Sequence[int] | None, length: int, *, more: bool = False) -> Any:
        """The program for sites of sequences of a length; all that an artifact has by default.

        With ``more``, an artifact may have other sites too.

        Raises:
            IsmcError: when a model or a setting does not fit.
        """
        import ismc

        wanted = self.wanted
        if self._artifact is not None:
            return _checked(self._artifact, wanted, sites, more)
        chosen = range(length) if sites is None else sites
        models = [at_length(model, length) for model in self._models]
        settings: dict[str, Any] = {
            "sites": chosen,
            "outputs": list(wanted.outputs) or None,
            "score": wanted.score or "difference",
            "memory": None if wanted.memory is None else wanted.memory << 20,
        }
        if not wanted.averaged:
            return ismc.compile(models[0], **settings)
        return ismc.ensemble(
            models, reverse_complement=wanted.reverse_complement, shifts=wanted.shifts, **settings
        )


def _artifact(wanted: Wanted) -> Any:
    """The one artifact, loaded."""
    path = next(path for path in wanted.models if is_artifact(path))
    if wanted.averaged:
        raise InputError(
            f"The artifact {path} is one program, expected files of models to average.",
            hint="Average with .keras or .h5 files.",
        )
    import_keras()
    import ismc

    return ismc.load(path)


def _checked(ism: Any, wanted: Wanted, sites: Sequence[int] | None, more: bool) -> Any:
    """The artifact, if it was made with such a score, sites and outputs."""
    path = wanted.models[0]
    score = str(parsed(wanted.score)) if wanted.score else ism.score_name
    if (ism.score_name or "difference") != (score or "difference"):
        found = f"the score {ism.score_name!r}" if ism.score_name else "no score"
        raise InputError(
            f"The artifact {path} has {found}, expected {score!r}.",
            hint="Name its score with --score, or make another with ismc compile --score.",
        )
    ranges = [(i, i + 1) for i in sites or ()]
    fits = set(ranges) <= set(ism.sites) if more else list(ism.sites) == ranges
    if sites is not None and not fits:
        raise InputError(
            f"The artifact {path} is for {len(ism.sites)} sites, {ism.sites[0]} to "
            f"{ism.sites[-1]}, expected {len(ranges)}, {ranges[0]} to {ranges[-1]}.",
            hint="Leave out --start, --end and --sites, or compile it again with them.",
        )
    if wanted.outputs and list(wanted.outputs) != ism.output_names:
        raise InputError(
            f"The artifact {path} has the outputs {ism.output_names}, expected "
            f"{list(wanted.outputs)}.",
            hint="Leave out --outputs, or compile it again with them.",
        )
    return ism


def _said(lengths: set[int | None]) -> str:
    return " and ".join(sorted("any number of" if n is None else str(n) for n in lengths))
