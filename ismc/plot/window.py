"""Scores and letters aligned, one row for each position that a figure shows."""

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
        scores: ``[W, 4, *T]``, NaN at positions without a site.
        one_hot: ``[W, 4]``, or ``None`` if the sequence is unknown.
    """

    first: int
    scores: Array
    one_hot: Array | None

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def positions(self) -> Array:
        """The coordinates of the positions, ``[W]``."""
        return self.first + np.arange(len(self))

    @property
    def importance(self) -> Array:
        """See `ismc.plot.importance`, ``[W, *T]``; NaN at positions without a site."""
        return importance(self.scores, self.one_hot)

    @property
    def contribution(self) -> Array:
        """See `ismc.plot.contribution`, ``[W, *T]``; NaN at positions without a site.

        Raises:
            InputError: when the sequence is unknown.
        """
        return contribution(self.scores, self.letters)

    @property
    def letters(self) -> Array:
        """The sequence, ``[W, 4]``.

        Raises:
            InputError: when it is unknown.
        """
        if self.one_hot is None:
            raise InputError("The sequence is unknown, expected one_hot.", hint="Pass one_hot.")
        return self.one_hot


def window(
    scores: Array,
    one_hot: Array | None = None,
    sites: Array | None = None,
    start: int = 0,
    *,
    tasks: bool | None = False,
) -> Window:
    """The window that contains all sites.

    Args:
        scores: ``[S, 4]`` or ``[S, 4, T]``.
        one_hot: ``[L, 4]`` the full sequence.
        sites: ``[S]`` positions or ``[S, 2]`` ranges of one position, in any order; by default all
            positions.
        start: the coordinate of position 0 of the sequence.
        tasks: whether scores have the axis ``T``; ``None`` allows both.

    Raises:
        InputError: when shapes or sites do not match, or a score is infinite.
    """
    scores = np.asarray(scores, np.float64)
    ranks = {False: (2,), True: (3,), None: (2, 3)}[tasks]
    if scores.ndim not in ranks or scores.shape[1] != len(LETTERS) or not scores.size:
        text = " or ".join({2: "[S, 4]", 3: "[S, 4, T]"}[rank] for rank in ranks)
        raise InputError(
            f"The scores have the shape {list(scores.shape)}, expected {text}.",
            hint="Take one sequence of the batch, and one task where T is not expected.",
        )
    if np.isinf(scores).any():
        raise InputError(
            f"{np.isinf(scores).sum()} of the scores are infinite, expected finite numbers.",
            hint="Use a finite score, for instance log2_ratio with a pseudocount.",
        )
    if one_hot is not None and (np.ndim(one_hot) != 2 or np.shape(one_hot)[1] != len(LETTERS)):
        raise InputError(
            f"The sequence has the shape {list(np.shape(one_hot))}, expected [L, 4].",
            hint="Take one sequence of the batch.",
        )
    positions = _positions(len(scores), None if one_hot is None else len(one_hot), sites)
    first, width = int(positions.min()), int(np.ptp(positions)) + 1
    dense = np.full((width, *scores.shape[1:]), np.nan)
    dense[positions - first] = scores
    letters = None if one_hot is None else np.asarray(one_hot)[first : first + width]
    return Window(start + first, dense, letters)


def _positions(count: int, length: int | None, sites: Array | None) -> Array:
    """The positions of the sites, ``[S]``.

    Raises:
        InputError: when there are not ``count`` distinct positions within ``length``.
    """
    if sites is None:
        if length not in (None, count):
            raise InputError(
                f"There are scores for {count} sites and the sequence has {length} positions, "
                "expected the same number.",
                hint="Pass sites=, the position of each row of the scores.",
            )
        return np.arange(count)
    positions = np.asarray(sites)
    if positions.ndim == 2 and positions.shape[1:] == (2,):
        if (positions[:, 1] - positions[:, 0] != 1).any():
            raise InputError(
                f"The widest site has {(positions[:, 1] - positions[:, 0]).max()} positions, "
                "expected 1.",
                hint="Figures show sites of one position.",
            )
        positions = positions[:, 0]
    if positions.shape != (count,) or positions.dtype.kind not in "iu":
        raise InputError(
            f"sites has the shape {list(np.shape(sites))} and the type {positions.dtype}, expected "
            f"{count} positions or ranges, one per row of the scores.",
            hint="Pass the sites that the scores were computed for.",
        )
    last = int(positions.max())
    if positions.min() < 0 or (length is not None and last >= length):
        wrong = int(positions.min()) if positions.min() < 0 else last
        raise InputError(
            f"There is a site at {wrong}, expected 0 to {'' if length is None else length - 1}.",
            hint="Sites count from the first position of the sequence.",
        )
    if len(np.unique(positions)) < count:
        values, counts = np.unique(positions, return_counts=True)
        raise InputError(
            f"The site {values[counts > 1][0]} occurs {counts.max()} times, expected once.",
            hint="Pass one row of scores for each position.",
        )
    return positions
