"""Variants along a window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ismc.errors import InputError
from ismc.plot.canvas import BASES, LABEL, TICK, axes_of, bare, heading, place, ticks
from ismc.plot.tracks import SHADE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray
SPARE = 0.12  # of the height, above and below
LEAST = 0.4  # of the height is above zero, so that a track is seen beside negative scores


def lollipops(
    variants: Sequence[tuple[int, str, float]],
    track: Array | None = None,
    start: int = 0,
    ax: Axes | None = None,
    *,
    label: str = "score",
    title: str = "",
    chrom: str = "",
) -> Axes:
    """A stem as high as the score at each variant, its head coloured by the alternative letter.

    The track of the window is shaded behind the stems, on an axis of its own at the right, whose
    zero is at the same height.

    Args:
        variants: rows of position, alternative letter and score; positions in the coordinates of
            the window.
        track: ``[W]`` importance for instance, not below zero, NaN where there is none.
        start: the coordinate of the window's first position; without a track, the window reaches
            a little beyond the variants.
        ax: what is drawn on; a new figure by default.
        label: of the axis, the score and its unit.
        title: printed above.
        chrom: named beside the positions.

    Raises:
        InputError: when a variant is outside the window, no letter of ACGT, or its score is no
            number.
        IsmcError: when matplotlib is missing.
    """
    positions = np.array([row[0] for row in variants], np.int64)
    letters = np.array([row[1] for row in variants], str)
    scores = np.array([row[2] for row in variants], np.float64)
    if track is None:
        start, width = _around(positions, start)
    else:
        track = _checked(np.asarray(track, np.float64))
        width = len(track)
    _check(positions, letters, scores, start, width)
    ax = axes_of(ax, width, 3.0)
    low, high = _limits(scores)
    if track is not None:
        _shade(ax, track, start, (low, high))
    ax.axhline(0, color="0.3", linewidth=0.8, zorder=2)
    ax.vlines(positions, 0, scores, colors="0.45", linewidth=1.0, zorder=3)
    for letter, colour in BASES.items():
        some = letters == letter
        if some.any():
            ax.plot(
                positions[some], scores[some], "o", label=letter, zorder=4, color=colour,
                markersize=6.5, markeredgecolor="white", clip_on=False,
            )  # fmt: skip
    ax.set_ylim(low, high)
    ax.set_ylabel(label, fontsize=LABEL, parse_math=False)
    place(ax, start, width, chrom)
    heading(ax, title)
    bare(ax)
    if len(variants):
        ax.legend(
            title="changed to", title_fontsize=TICK, fontsize=TICK, frameon=False, ncols=4,
            loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0, columnspacing=1.0,
            handletextpad=0.1,
        )  # fmt: skip
    return ax


def _checked(track: Array) -> Array:
    least = float(np.nan_to_num(track).min(initial=0))
    if track.ndim != 1 or not len(track) or least < 0:
        raise InputError(
            f"The track has the shape {list(track.shape)} and the least value {least:g}, "
            "expected [W] and 0 or more.",
            hint="Pass the importance of one task.",
        )
    return track


def _check(positions: Array, letters: Array, scores: Array, start: int, width: int) -> None:
    outside = (positions < start) | (positions >= start + width)
    for wrong, text in (
        (outside, f"positions from {start} to {start + width - 1}"),
        (~np.isin(letters, list(BASES)), "a letter of ACGT"),
        (~np.isfinite(scores), "a score that is a number"),
    ):
        if wrong.any():
            i = int(np.argmax(wrong))
            raise InputError(
                f"The variant {i} is {letters[i]} at {positions[i]} with score {scores[i]}, "
                f"expected {text}.",
                hint=f"{wrong.sum()} of {len(wrong)} variants are wrong so; leave them out.",
            )


def _around(positions: Array, start: int) -> tuple[int, int]:
    """The first position of a window around variants, and its width."""
    if not len(positions):
        return start, 1
    room = 1 + int(np.ptp(positions)) // 30
    return int(positions.min()) - room, int(np.ptp(positions)) + 1 + 2 * room


def _limits(scores: Array) -> tuple[float, float]:
    """Of the axis: zero and all scores are between them."""
    low, high = min(float(scores.min(initial=0)), 0), max(float(scores.max(initial=0)), 0)
    size = (high - low) or 1.0
    high = max(high, LEAST * size)
    return low - SPARE * size * (low < 0), high + SPARE * size


def _shade(ax: Axes, track: Array, start: int, limits: tuple[float, float]) -> None:
    """The track behind the stems: its top is where the highest score is."""
    low, high = limits
    top = max(float(np.nan_to_num(track).max()), 1e-12) * (1 + SPARE)
    beside = ax.twinx()
    beside.set_zorder(ax.get_zorder() - 1)
    ax.patch.set_visible(False)
    edges = start - 0.5 + np.arange(len(track) + 1)
    beside.stairs(np.nan_to_num(track), edges, fill=True, color="0.2", alpha=SHADE, linewidth=0)
    beside.set_ylim(low / high * top, top)
    beside.set_yticks(ticks(0, top, 3))
    beside.set_ylabel("importance", fontsize=LABEL, color="0.4")
    beside.tick_params(labelsize=TICK, colors="0.4")
    beside.spines[["top", "left"]].set_visible(False)
    beside.spines["right"].set_color("0.7")
