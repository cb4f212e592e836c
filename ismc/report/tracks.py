"""Which answers of the model a report shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from ismc.errors import InputError
from ismc.io.stores.facts import Facts, Output

MOST = 8


@dataclass(frozen=True)
class Track:
    """One number that the model answers, as the report shows it.

    Attributes:
        output: its output.
        task: which value of the output's score, counted over all its axes, from 0.
    """

    output: Output
    task: int = 0

    @property
    def label(self) -> str:
        """The output's name, and the place in it where it holds several values.

        >>> Track(Output("profile", (3, 2), (3, 2)), 3).label
        'profile [1, 1]'
        """
        shape = self.output.score
        if prod(shape) == 1:
            return self.output.name
        place = ", ".join(str(i) for i in np.unravel_index(self.task, shape))
        return f"{self.output.name} [{place}]"

    def of(self, scores: np.ndarray) -> np.ndarray:
        """Its scores ``[..]`` of those of the output, ``[.., *score]``."""
        lead = scores.ndim - len(self.output.score)
        return scores.reshape(*scores.shape[:lead], -1)[..., self.task]

    def predictions(self, reference: np.ndarray) -> list[float]:
        """What the model answers for one sequence, of ``[*output]``.

        The one value that is scored; all that the score was made of, if they are few; or none.
        """
        values = reference.reshape(-1)
        if self.output.shape == self.output.score:
            return [float(values[self.task])]
        return [float(value) for value in values] if values.size <= MOST else []


def chosen(
    facts: Facts, output: Sequence[str] | None = None, task: Sequence[int] | None = None
) -> tuple[tuple[Track, ...], str]:
    """The tracks of a report, and a note that says which they are unless they are all.

    Args:
        facts: of the store.
        output: names of outputs; all by default.
        task: values of each of them; all by default. Where that is more than 8 tracks and no task
            was named, it is the first value of the first of them alone.

    Raises:
        InputError: for an output or a task that is not there, or more than 8 tracks.
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
    if len(tracks) > MOST and task:
        raise InputError(
            f"{len(tracks)} tasks are asked for, expected {MOST} at most in one report.",
            hint="Write several reports.",
        )
    if len(tracks) > MOST:
        tracks = tracks[:1]
    if len(tracks) == len(everything):
        return tuple(tracks), ""
    shown = ", ".join(t.label for t in tracks)
    return tuple(tracks), (
        f"Shown: {shown}, {len(tracks)} of {len(everything):,} values that the model answers. "
        "Others can be chosen when the report is made."
    )
