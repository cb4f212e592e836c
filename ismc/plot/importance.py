"""One number for each position, from the scores of its letters.

Both are made of the differences ``d_c = score_c - score_reference``: scores of differences are 0 at
the letter that is there, and those that were centred become differences again.
"""

from __future__ import annotations

import numpy as np

from ismc.errors import InputError

LETTERS = "ACGT"
ALTERNATIVES = len(LETTERS) - 1

Array = np.ndarray


def importance(scores: Array, one_hot: Array | None = None) -> Array:
    """``sqrt(sum_c d_c^2 / 3)``: how far mutations of a position move the output, ``[S, *T]``.

    The quadratic mean over the three alternatives; over four letters where the sequence has N.

    Args:
        scores: ``[S, 4, *T]``.
        one_hot: ``[S, 4]`` the letters that are there, zeros for N; without it, scores are taken
            for differences from a letter of ACGT.

    >>> importance(np.array([[0.0, 1.0, 2.0, 2.0]])).round(3).tolist()
    [1.732]
    >>> importance(np.array([[1.0, 1.0, 1.0, 1.0]]), np.zeros((1, 4))).tolist()
    [1.0]

    Raises:
        InputError: when the shapes do not fit together.
    """
    differences, known = _differences(scores, one_hot)
    count = np.where(known, ALTERNATIVES, len(LETTERS))
    return np.sqrt((differences**2).sum(1) / _beside(count, differences[:, 0]))


def contribution(scores: Array, one_hot: Array) -> Array:
    """``-sum_c d_c / 3``: what the letter that is there adds to the output, ``[S, *T]``.

    Minus the mean over the three alternatives; 0 where the sequence has N.

    Args:
        scores: ``[S, 4, *T]``.
        one_hot: ``[S, 4]`` the letters that are there, zeros for N.

    >>> contribution(np.array([[0.0, -1.0, -2.0, -3.0]]), np.eye(4)[:1]).tolist()
    [2.0]

    Raises:
        InputError: when the shapes do not fit together.
    """
    differences, known = _differences(scores, one_hot)
    means = differences.sum(1) / -ALTERNATIVES
    return np.where(_beside(known, means), means, 0.0)


def _differences(scores: Array, one_hot: Array | None) -> tuple[Array, Array]:
    """``d [S, 4, *T]``, and at which sites ``[S]`` a letter is known."""
    scores = np.asarray(scores, np.float64)
    if scores.ndim < 2 or scores.shape[1] != len(LETTERS):
        raise InputError(
            f"The scores have the shape {list(scores.shape)}, expected [S, 4] or [S, 4, T].",
            hint="Take one sequence of the batch; letters are the second axis.",
        )
    if one_hot is None:
        return scores, np.ones(len(scores), bool)
    one_hot = np.asarray(one_hot, np.float64)
    if one_hot.shape != scores.shape[:2]:
        raise InputError(
            f"The letters have the shape {list(one_hot.shape)}, expected "
            f"{list(scores.shape[:2])}, a row for each site of the scores.",
            hint="Take the rows of the sequence at the sites.",
        )
    known = (one_hot == 1).sum(1) == one_hot.sum(1)
    known &= one_hot.sum(1) == 1
    letter = _beside(one_hot * known[:, None], scores)
    own = np.where(letter > 0, scores, 0.0).sum(1, keepdims=True)  # NaN elsewhere is no part of it
    return scores - own, known


def _beside(values: Array, wider: Array) -> Array:
    """The values with axes of length one, for those that only the other has."""
    return values.reshape(*values.shape, *[1] * (wider.ndim - values.ndim))
