"""Lollipop plots of variants along a window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ismc.errors import InputError
from ismc.plot.canvas import (
    BASES,
    LABEL,
    TICK,
    axes_of,
    heading,
    label_positions,
    remove_spines,
    ticks,
)
from ismc.plot.tracks import SHADE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray
MARGIN = 0.12  # above and below, as a fraction of the height
MIN_FRACTION_ABOVE_ZERO = 0.4  # keeps the track visible when scores are negative


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
    """A stem as high as the score of each variant, its head coloured by the alternative letter.

    The track is shaded behind the stems. It has its own axis at the right, whose zero is aligned
    with the zero of the scores.

    Args:
        variants: rows of position, alternative letter and score; positions are in the coordinates
            of the window.
        track: ``[W]`` values of zero or more such as importance, NaN where missing.
        start: the coordinate of the window's first position; without a track, the window is the
            range of the variants with a margin.
        ax: the axes to draw on; by default those of a new figure.
        label: the label of the axis: the score and its unit.
        title: the title of the axes.
        chrom: the chromosome, shown in the axis label.

    Raises:
        InputError: when a variant is outside the window, its letter is not one of ACGT, or its
            score is not finite.
        IsmcError: when matplotlib is missing.
    """
    positions = np.array([row[0] for row in variants], np.int64)
    letters = np.array([row[1] for row in variants], str)
    scores = np.array([row[2] for row in variants], np.float64)
    if track is None:
        start, width = _around(positions, start)
    else:
        track = _check_track(np.asarray(track, np.float64))
        width = len(track)
    _check_variants(positions, letters, scores, start, width)
    ax = axes_of(ax, width, 3.0)
    low, high = _limits(scores)
    if track is not None:
        _shade(ax, track, start, (low, high))
    ax.axhline(0, color="0.3", linewidth=0.8, zorder=2)
    ax.vlines(positions, 0, scores, colors="0.45", linewidth=1.0, zorder=3)
    for letter, colour in BASES.items():
        mask = letters == letter
        if mask.any():
            ax.plot(
                positions[mask], scores[mask], "o", label=letter, zorder=4, color=colour,
                markersize=6.5, markeredgecolor="white", clip_on=False,
            )  # fmt: skip
    ax.set_ylim(low, high)
    ax.set_ylabel(label, fontsize=LABEL, parse_math=False)
    label_positions(ax, start, width, chrom)
    heading(ax, title)
    remove_spines(ax)
    if len(variants):
        ax.legend(
            title="changed to", title_fontsize=TICK, fontsize=TICK, frameon=False, ncols=4,
            loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0, columnspacing=1.0,
            handletextpad=0.1,
        )  # fmt: skip
    return ax


def _check_track(track: Array) -> Array:
    """The track.

    Raises:
        InputError: when its shape is not ``[W]`` or a value is negative.
    """
    lowest = float(np.nan_to_num(track).min(initial=0))
    if track.ndim != 1 or not len(track) or lowest < 0:
        raise InputError(
            f"The track has the shape {list(track.shape)} and the lowest value {lowest:g}, "
            "expected [W] and 0 or more.",
            hint="Pass the importance of one task.",
        )
    return track


def _check_variants(
    positions: Array, letters: Array, scores: Array, start: int, width: int
) -> None:
    """Checks positions, letters and scores.

    Raises:
        InputError: for the first variant that cannot be drawn.
    """
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
                hint=f"Remove the variants with this problem, {wrong.sum()} of {len(wrong)}.",
            )


def _around(positions: Array, start: int) -> tuple[int, int]:
    """The first position and the width of a window around the variants."""
    if not len(positions):
        return start, 1
    margin = 1 + int(np.ptp(positions)) // 30
    return int(positions.min()) - margin, int(np.ptp(positions)) + 1 + 2 * margin


def _limits(scores: Array) -> tuple[float, float]:
    """The limits of the axis, which include zero and all scores."""
    low, high = min(float(scores.min(initial=0)), 0), max(float(scores.max(initial=0)), 0)
    size = (high - low) or 1.0
    high = max(high, MIN_FRACTION_ABOVE_ZERO * size)
    return low - MARGIN * size * (low < 0), high + MARGIN * size


def _shade(ax: Axes, track: Array, start: int, limits: tuple[float, float]) -> None:
    """Draws the track behind the stems; its maximum is as high as the largest score."""
    low, high = limits
    top = max(float(np.nan_to_num(track).max()), 1e-12) * (1 + MARGIN)
    twin = ax.twinx()
    twin.set_zorder(ax.get_zorder() - 1)
    ax.patch.set_visible(False)
    edges = start - 0.5 + np.arange(len(track) + 1)
    twin.stairs(np.nan_to_num(track), edges, fill=True, color="0.2", alpha=SHADE, linewidth=0)
    twin.set_ylim(low / high * top, top)
    twin.set_yticks(ticks(0, top, 3))
    twin.set_ylabel("importance", fontsize=LABEL, color="0.4")
    twin.tick_params(labelsize=TICK, colors="0.4")
    twin.spines[["top", "left"]].set_visible(False)
    twin.spines["right"].set_color("0.7")
