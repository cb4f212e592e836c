"""Importance and contribution: one number per position, from the scores of its letters.

Both use the differences ``d_c = score_c - score_reference``. For difference scores these are the
scores themselves, which are 0 at the reference letter; centred scores become differences.
"""

from __future__ import annotations

import numpy as np

from ismc.errors import InputError

LETTERS = "ACGT"
ALTERNATIVES = len(LETTERS) - 1

Array = np.ndarray


def importance(scores: Array, one_hot: Array | None = None) -> Array:
    """``sqrt(sum_c d_c^2 / 3)``: how much mutating a position changes the output, ``[S, *T]``.

    The root mean square over the three alternative letters, or over all four where the sequence
    has N.

    Args:
        scores: ``[S, 4, *T]``.
        one_hot: ``[S, 4]`` the reference letters, zeros for N; without it, scores are treated as
            differences from a known letter.

    >>> importance(np.array([[0.0, 1.0, 2.0, 2.0]])).round(3).tolist()
    [1.732]
    >>> importance(np.array([[1.0, 1.0, 1.0, 1.0]]), np.zeros((1, 4))).tolist()
    [1.0]

    Raises:
        InputError: when the shapes do not match.
    """
    differences, known = _differences(scores, one_hot)
    count = np.where(known, ALTERNATIVES, len(LETTERS))
    return np.sqrt((differences**2).sum(1) / _expand_dims(count, differences[:, 0]))


def contribution(scores: Array, one_hot: Array) -> Array:
    """``-sum_c d_c / 3``: what the reference letter adds to the output, ``[S, *T]``.

    Minus the mean difference of the three alternative letters; 0 where the sequence has N.

    Args:
        scores: ``[S, 4, *T]``.
        one_hot: ``[S, 4]`` the reference letters, zeros for N.

    >>> contribution(np.array([[0.0, -1.0, -2.0, -3.0]]), np.eye(4)[:1]).tolist()
    [2.0]

    Raises:
        InputError: when the shapes do not match.
    """
    differences, known = _differences(scores, one_hot)
    means = differences.sum(1) / -ALTERNATIVES
    return np.where(_expand_dims(known, means), means, 0.0)


def _differences(scores: Array, one_hot: Array | None) -> tuple[Array, Array]:
    """The differences ``d [S, 4, *T]``, and whether the letter of each site is known, ``[S]``."""
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
            f"{list(scores.shape[:2])}, one row per site of the scores.",
            hint="Pass the rows of the sequence at the sites.",
        )
    known = (one_hot == 1).sum(1) == one_hot.sum(1)
    known &= one_hot.sum(1) == 1
    letter = _expand_dims(one_hot * known[:, None], scores)
    reference = np.where(letter > 0, scores, 0.0).sum(1, keepdims=True)  # ignores NaN elsewhere
    return scores - reference, known


def _expand_dims(values: Array, wider: Array) -> Array:
    """The values with trailing axes of length one, up to the rank of ``wider``."""
    return values.reshape(*values.shape, *[1] * (wider.ndim - values.ndim))
