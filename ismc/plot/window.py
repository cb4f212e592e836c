"""Scores and letters side by side, one row for each position that a figure shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ismc.errors import InputError
from ismc.plot.importance import LETTERS, contribution, importance

Array = np.ndarray


@dataclass(frozen=True)
class Window:
    """``W`` positions of a sequence, from the first site to the last.

    Attributes:
        first: the coordinate of the first position.
        scores: ``[W, 4, *T]``, NaN where no site is.
        one_hot: ``[W, 4]``, or ``None`` where the sequence is not known.
    """

    first: int
    scores: Array
    one_hot: Array | None

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def positions(self) -> Array:
        """Coordinates of the positions, ``[W]``."""
        return self.first + np.arange(len(self))

    @property
    def importance(self) -> Array:
        """See `ismc.plot.importance`, ``[W, *T]``; NaN where no site is."""
        return importance(self.scores, self.one_hot)

    @property
    def contribution(self) -> Array:
        """See `ismc.plot.contribution`, ``[W, *T]``; NaN where no site is.

        Raises:
            InputError: when the sequence is not known.
        """
        return contribution(self.scores, self.letters)

    @property
    def letters(self) -> Array:
        """The sequence, ``[W, 4]``.

        Raises:
            InputError: when it is not known.
        """
        if self.one_hot is None:
            raise InputError("The sequence is not known.", hint="Pass one_hot.")
        return self.one_hot


def window(
    scores: Array,
    one_hot: Array | None = None,
    sites: Array | None = None,
    start: int = 0,
    *,
    tasks: bool | None = False,
) -> Window:
    """The window of some scores.

    Args:
        scores: ``[S, 4]`` or ``[S, 4, T]``.
        one_hot: ``[L, 4]`` the whole sequence.
        sites: ``[S]`` positions or ``[S, 2]`` ranges of one position each, in any order; all
            positions from the first by default.
        start: the coordinate of position 0 of the sequence.
        tasks: whether there is the axis ``T``; either if ``None``.

    Raises:
        InputError: when shapes or sites do not fit together, or scores are infinite.
    """
    scores = np.asarray(scores, np.float64)
    wanted = {False: (2,), True: (3,), None: (2, 3)}[tasks]
    if scores.ndim not in wanted or scores.shape[1] != len(LETTERS) or not scores.size:
        text = " or ".join({2: "[S, 4]", 3: "[S, 4, T]"}[rank] for rank in wanted)
        raise InputError(
            f"The scores have the shape {list(scores.shape)}, expected {text}.",
            hint="Take one sequence of the batch, and one task where T is not expected.",
        )
    if np.isinf(scores).any():
        raise InputError(
            f"{np.isinf(scores).sum()} of the scores are infinite, expected numbers.",
            hint="Use a score that is finite, log2_ratio with a pseudocount for instance.",
        )
    if one_hot is not None and (np.ndim(one_hot) != 2 or np.shape(one_hot)[1] != len(LETTERS)):
        raise InputError(
            f"The sequence has the shape {list(np.shape(one_hot))}, expected [L, 4].",
            hint="Take one sequence of the batch.",
        )
    places = _places(len(scores), None if one_hot is None else len(one_hot), sites)
    first, width = int(places.min()), int(np.ptp(places)) + 1
    spread = np.full((width, *scores.shape[1:]), np.nan)
    spread[places - first] = scores
    letters = None if one_hot is None else np.asarray(one_hot)[first : first + width]
    return Window(start + first, spread, letters)


def _places(count: int, length: int | None, sites: Array | None) -> Array:
    """Positions of the sites, ``[S]``."""
    if sites is None:
        if length not in (None, count):
            raise InputError(
                f"The scores are of {count} sites and the sequence has {length} positions, "
                "expected as many.",
                hint="Pass sites=, the position of each row of the scores.",
            )
        return np.arange(count)
    found = np.asarray(sites)
    if found.ndim == 2 and found.shape[1:] == (2,):
        if (found[:, 1] - found[:, 0] != 1).any():
            raise InputError(
                f"The widest site has {(found[:, 1] - found[:, 0]).max()} positions, expected 1.",
                hint="Figures show sites of one position.",
            )
        found = found[:, 0]
    if found.shape != (count,) or found.dtype.kind not in "iu":
        raise InputError(
            f"sites has the shape {list(np.shape(sites))} and the type {found.dtype}, expected "
            f"{count} positions or ranges, one for each row of the scores.",
            hint="Pass what the scores were computed for.",
        )
    last = int(found.max())
    if found.min() < 0 or (length is not None and last >= length):
        wrong = int(found.min()) if found.min() < 0 else last
        raise InputError(
            f"There is a site at {wrong}, expected 0 to {'' if length is None else length - 1}.",
            hint="Sites count from the first position of the sequence.",
        )
    if len(np.unique(found)) < count:
        values, counts = np.unique(found, return_counts=True)
        raise InputError(
            f"The site {values[counts > 1][0]} stands {counts.max()} times, expected once.",
            hint="Give each position one row of scores.",
        )
    return found
