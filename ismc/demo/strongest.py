"""The strongest sites of a scan: where mutations change the answer most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WIDTH, APART = 7, 14

Array = np.ndarray


@dataclass(frozen=True, order=True)
class Site:
    """A strong site.

    Attributes:
        score: mean importance of the seven positions in its middle.
        task: the output that it changes.
        start: first position of the core, 0-based.
        stop: one past its last position.
        sequence: its letters, on the strand that was scanned.
    """

    score: float
    task: str
    start: int
    stop: int
    sequence: str


def importance(scores: Array) -> Array:
    """The importance of each position, ``sqrt(sum(score^2) / (C - 1))``: ``[L, tasks]``.

    Args:
        scores: ``[L, C, tasks]`` mutant minus reference; zero for the letter that is there.
    """
    return np.sqrt((scores**2).sum(1) / (scores.shape[1] - 1))


def strongest(
    scores: Array, one_hot: Array, tasks: Sequence[str], count: int = 4
) -> tuple[Site, ...]:
    """The ``count`` strongest sites of each task, the strongest first.

    The importance is averaged over 7 positions; a site is a peak of that, no closer than 14
    positions to a stronger one, and reaches as far as positions stay above half of its highest.

    Args:
        scores: ``[L, C, tasks]`` mutant minus reference.
        one_hot: ``[L, C]`` the sequence.
        tasks: their names.
        count: sites of each task.
    """
    letters = np.where(one_hot.any(1), one_hot.argmax(1), 4)
    text = "".join("ACGTN"[i] for i in letters)
    found = []
    for track, task in zip(importance(scores).T, tasks, strict=True):
        smooth = np.convolve(track, np.ones(WIDTH) / WIDTH, "same")
        peaks: list[int] = []
        for at in map(int, np.argsort(-smooth, kind="stable")):
            if len(peaks) == count:
                break
            near = smooth[max(0, at - WIDTH // 2) : at + WIDTH // 2 + 1]
            if smooth[at] == near.max() and all(abs(at - other) > APART for other in peaks):
                peaks.append(at)  # the slope of a stronger site is no peak
        for at in peaks:
            start, stop = _core(track, at)
            found.append(Site(float(smooth[at]), task, start, stop, text[start:stop]))
    return tuple(sorted(found, reverse=True))


def _core(track: Array, at: int) -> tuple[int, int]:
    """The run of positions around a peak that are at least half as high as its highest."""
    first = max(0, at - WIDTH // 2)
    top = first + int(track[first : at + WIDTH // 2 + 1].argmax())
    high = track >= track[top] / 2
    start = stop = top
    while start > 0 and high[start - 1]:
        start -= 1
    while stop < len(track) and high[stop]:
        stop += 1
    return start, stop
