"""The encoding of one sequence in the page: 16-bit integers, deflated, in base64.

The bytes before compression, for ``T`` tracks, ``S`` sites and ``W`` positions from the first site
to the end of the last:

* uint32 ``[T, 10]``, little-endian: the strongest substitutions, as ``4 * site + letter``, padded
  with ``2**32 - 1``
* uint8 ``[W]``: the letters, 0 to 3 for ACGT, 4 for any other
* int16 ``[T, 4, S]``, in two planes: first all high bytes, then all low bytes, which compresses
  better. A score is the integer times ``top / 32767``, where ``top`` is the track's largest
  absolute score in this sequence; -32768 stands for a score that is not finite.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence

import numpy as np

from ismc.report.strongest import MAX_PEAKS

LEVELS = 32767
UNKNOWN_LETTER = 4
NO_PEAK = 2**32 - 1

Array = np.ndarray


def letters_of(one_hot: Array) -> Array:
    """The letters of a one-hot ``[W, 4]`` as uint8 ``[W]``: 0 to 3, or 4 for an unknown letter."""
    return np.where((one_hot != 0).sum(1) == 1, one_hot.argmax(1), UNKNOWN_LETTER).astype(np.uint8)


def same_as(one_hot: Array, sites: Array) -> Array:
    """Bool ``[S, 4]``: whether filling a site with a letter leaves the sequence unchanged.

    Args:
        one_hot: ``[L, 4]``.
        sites: ``[S, 2]``, half-open ranges.
    """
    counts = np.concatenate([np.zeros((1, 4), np.int64), (one_hot != 0).cumsum(0)])
    known = letters_of(one_hot)[sites[:, 0]] != UNKNOWN_LETTER
    same = counts[sites[:, 1]] - counts[sites[:, 0]] == (sites[:, 1] - sites[:, 0])[:, None]
    return same & known[:, None]


def quantize(scores: Array) -> tuple[Array, float]:
    """Scores as int16 of the same shape, and the largest absolute score, which 32767 stands for.

    The error of a score is at most ``top / 65534``, half a step.
    """
    finite = np.isfinite(scores)
    top = float(np.abs(scores, where=finite, out=np.zeros(scores.shape, np.float64)).max(initial=0))
    steps = np.where(finite, scores, 0).astype(np.float64) / (top or 1) * LEVELS
    return np.where(finite, np.rint(steps), -LEVELS - 1).astype(np.int16), top


def pack_entry(
    letters: Array, scores: Sequence[Array], strongest: Sequence[Sequence[tuple[int, int]]]
) -> tuple[str, list[float]]:
    """The encoded sequence as text, and the largest absolute score of each track.

    Args:
        letters: uint8 ``[W]``.
        scores: ``[S, 4]`` for each track.
        strongest: pairs of site and letter for each track.
    """
    codes = np.full((len(scores), MAX_PEAKS), NO_PEAK, "<u4")
    for row, pairs in zip(codes, strongest, strict=True):
        row[: len(pairs)] = [4 * site + letter for site, letter in pairs]
    steps, tops = zip(*(quantize(score.T) for score in scores), strict=True)
    planes = np.stack(steps).astype(">i2").reshape(-1, 1).view(np.uint8).T
    data = codes.tobytes() + letters.tobytes() + planes.tobytes()
    return base64.b64encode(zlib.compress(data)).decode("ascii"), list(tops)
