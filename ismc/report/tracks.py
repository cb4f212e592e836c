"""The tracks that a report shows, each one number of a model output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from ismc.errors import InputError
from ismc.io.stores.facts import Facts, Output

MAX_TRACKS = 8


@dataclass(frozen=True)
class Track:
    """One number of a model output.

    Attributes:
        output: the output.
        task: the index into the output's flattened score, from 0.
    """

    output: Output
    task: int = 0

    @property
    def label(self) -> str:
        """The output's name, with an index if the output has several values.

        >>> Track(Output("profile", (3, 2), (3, 2)), 3).label
        'profile [1, 1]'
        """
        shape = self.output.score
        if prod(shape) == 1:
            return self.output.name
        place = ", ".join(str(i) for i in np.unravel_index(self.task, shape))
        return f"{self.output.name} [{place}]"

    def of(self, scores: np.ndarray) -> np.ndarray:
        """The track's scores ``[..]``, from the output's scores ``[.., *score]``."""
        lead = scores.ndim - len(self.output.score)
        return scores.reshape(*scores.shape[:lead], -1)[..., self.task]

    def predictions(self, reference: np.ndarray) -> list[float]:
        """The model's predictions for one sequence, from its output ``[*output]``.

        The value of the task if outputs are scored one by one; else all values if there are at most
        8, or none.
        """
        values = reference.reshape(-1)
        if self.output.shape == self.output.score:
            return [float(values[self.task])]
        return [float(value) for value in values] if values.size <= MAX_TRACKS else []


def choose_tracks(
    facts: Facts, output: Sequence[str] | None = None, task: Sequence[int] | None = None
) -> tuple[tuple[Track, ...], str]:
    """The tracks of a report, and a note that names them if some are omitted.

    Args:
        facts: the metadata of the store.
        output: names of outputs; by default all.
        task: indices into each output's score; by default all. If these are more than 8 tracks and
            no task is given, only the first track is shown.

    Raises:
        InputError: when an output or a task does not exist, or more than 8 tracks are requested.
    """
    everything = [Track(o, i) for o in facts.outputs for i in range(prod(o.score))]
    names = [o.name for o in facts.outputs]
    for name in output or ():
        if name not in names:
            raise InputError(
                f"There is no output {name!r}, expected one of {', '.join(names)}.",
                hint="Name an output of the store.",
            )
    outputs = [o for o in facts.outputs if not output or o.name in output]
    for o in outputs:
        for i in task or ():
            if not 0 <= i < prod(o.score):
                raise InputError(
                    f"There is no task {i} of the output {o.name!r}, expected 0 to "
                    f"{prod(o.score) - 1}.",
                    hint="Tasks are counted from 0, over all axes of the output's score.",
                )
    tracks = [t for t in everything if t.output in outputs and (not task or t.task in task)]
    if len(tracks) > MAX_TRACKS and task:
        raise InputError(
            f"{len(tracks)} tasks are requested, expected at most {MAX_TRACKS} in one report.",
            hint="Write several reports.",
        )
    if len(tracks) > MAX_TRACKS:
        tracks = tracks[:1]
    if len(tracks) == len(everything):
        return tuple(tracks), ""
    shown = ", ".join(t.label for t in tracks)
    return tuple(tracks), (
        f"Shown: {shown}, {len(tracks)} of {len(everything):,} values of the model. "
        "Choose others when writing the report."
    )
