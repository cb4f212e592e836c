"""The strongest sites of a scan: where mutations change an output most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WIDTH, MIN_DISTANCE = 7, 14  # positions

Array = np.ndarray


@dataclass(frozen=True, order=True)
class Site:
    """A strong site.

    Attributes:
        score: the mean importance of the seven positions around its peak.
        task: the output that it changes.
        start: the first position, from 0.
        stop: the position after the last.
        sequence: the letters of the site, on the scanned strand.
    """

    score: float
    task: str
    start: int
    stop: int
    sequence: str


def importance(scores: Array) -> Array:
    """The importance of each position, ``sqrt(sum(score^2) / (C - 1))``: ``[L, tasks]``.

    Args:
        scores: ``[L, C, tasks]`` mutant minus reference; zero for the reference letter.
    """
    return np.sqrt((scores**2).sum(1) / (scores.shape[1] - 1))


def strongest(
    scores: Array, one_hot: Array, tasks: Sequence[str], count: int = 4
) -> tuple[Site, ...]:
    """The ``count`` strongest sites of each task, in descending order.

    A site is a peak of the importance averaged over 7 positions, more than 14 positions from a
    stronger one. It extends while the importance is at least half of the peak's.

    Args:
        scores: ``[L, C, tasks]`` mutant minus reference.
        one_hot: ``[L, C]`` the sequence.
        tasks: the names of the tasks.
        count: the number of sites per task.
    """
    letters = np.where(one_hot.any(1), one_hot.argmax(1), 4)
    text = "".join("ACGTN"[i] for i in letters)
    sites = []
    for track, task in zip(importance(scores).T, tasks, strict=True):
        smooth = np.convolve(track, np.ones(WIDTH) / WIDTH, "same")
        peaks: list[int] = []
        for at in map(int, np.argsort(-smooth, kind="stable")):
            if len(peaks) == count:
                break
            near = smooth[max(0, at - WIDTH // 2) : at + WIDTH // 2 + 1]
            if smooth[at] == near.max() and all(abs(at - other) > MIN_DISTANCE for other in peaks):
                peaks.append(at)  # a local maximum, not the slope of a stronger site
        for at in peaks:
            start, stop = _core(track, at)
            sites.append(Site(float(smooth[at]), task, start, stop, text[start:stop]))
    return tuple(sorted(sites, reverse=True))


def _core(track: Array, at: int) -> tuple[int, int]:
    """The range of positions around a peak with at least half of its highest importance."""
    first = max(0, at - WIDTH // 2)
    top = first + int(track[first : at + WIDTH // 2 + 1].argmax())
    in_core = track >= track[top] / 2
    start = stop = top
    while start > 0 and in_core[start - 1]:
        start -= 1
    while stop < len(track) and in_core[stop]:
        stop += 1
    return start, stop
