"""One sequence as it stands in the page: 16-bit integers, deflated, in base64.

The bytes that are deflated, for ``T`` tracks, ``S`` sites and ``W`` positions from the first site
to the end of the last:

* uint32 ``[T, 10]``, little-endian: the strongest, as ``4 * site + letter``; ``2**32 - 1`` is none
* uint8 ``[W]``: the letters, 0 to 3 for ACGT, 4 for any other
* int16 ``[T, 4, S]``, in two planes: first the high bytes of all, then the low bytes, which
  deflates better. A score is the integer times the track's ``top / 32767``, where ``top`` is its
  largest absolute score in this sequence; -32768 is a score that is not finite.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence

import numpy as np

from ismc.report.strongest import PEAKS

LEVELS = 32767
OTHER = 4
NOTHING = 2**32 - 1

Array = np.ndarray


def letters_of(one_hot: Array) -> Array:
    """uint8 ``[W]`` of ``[W, 4]``: 0 to 3, or 4 where not exactly one letter is there."""
    return np.where((one_hot != 0).sum(1) == 1, one_hot.argmax(1), OTHER).astype(np.uint8)


def same_as(one_hot: Array, sites: Array) -> Array:
    """Bool ``[S, 4]``: whether writing a letter over a site leaves the sequence as it is.

    Args:
        one_hot: ``[L, 4]``.
        sites: ``[S, 2]``, half-open.
    """
    before = np.concatenate([np.zeros((1, 4), np.int64), (one_hot != 0).cumsum(0)])
    here = letters_of(one_hot)[sites[:, 0]] != OTHER
    found = before[sites[:, 1]] - before[sites[:, 0]] == (sites[:, 1] - sites[:, 0])[:, None]
    return found & here[:, None]


def scaled(scores: Array) -> tuple[Array, float]:
    """int16 of the same shape, and the largest absolute score, which is 32767.

    No score is off by more than ``top / 65534``, half a step.
    """
    finite = np.isfinite(scores)
    top = float(np.abs(scores, where=finite, out=np.zeros(scores.shape, np.float64)).max(initial=0))
    steps = np.where(finite, scores, 0).astype(np.float64) / (top or 1) * LEVELS
    return np.where(finite, np.rint(steps), -LEVELS - 1).astype(np.int16), top


def packed(
    letters: Array, scores: Sequence[Array], strongest: Sequence[Sequence[tuple[int, int]]]
) -> tuple[str, list[float]]:
    """The text of a sequence in the page, and the largest absolute score of each track.

    Args:
        letters: uint8 ``[W]``.
        scores: ``[S, 4]`` of each track.
        strongest: pairs of site and letter of each track.
    """
    codes = np.full((len(scores), PEAKS), NOTHING, "<u4")
    for row, pairs in zip(codes, strongest, strict=True):
        row[: len(pairs)] = [4 * site + letter for site, letter in pairs]
    steps, tops = zip(*(scaled(score.T) for score in scores), strict=True)
    planes = np.stack(steps).astype(">i2").reshape(-1, 1).view(np.uint8).T
    data = codes.tobytes() + letters.tobytes() + planes.tobytes()
    return base64.b64encode(zlib.compress(data)).decode("ascii"), list(tops)
