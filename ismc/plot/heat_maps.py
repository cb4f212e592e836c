"""Heat-maps of letters by positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ismc.plot.canvas import GAP, LABEL, TICK, axes_of, heading, label_positions
from ismc.plot.importance import LETTERS
from ismc.plot.window import Window, window

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray
MIN_LIMIT = 1e-12  # of the colour scale, when all scores are zero


def heatmap(
    scores: Array,
    one_hot: Array,
    sites: Array | None = None,
    start: int = 0,
    ax: Axes | None = None,
    *,
    signed: bool | None = None,
    label: str = "mutant - reference",
    title: str = "",
    chrom: str = "",
) -> Axes:
    """A heat-map of the scores with a dot at each reference letter, and a colour bar.

    The colour scale is symmetric around zero for signed scores, and starts at zero for unsigned
    ones. Positions without a site are grey.

    Args:
        scores: ``[S, 4]``.
        one_hot: ``[L, 4]`` the sequence, channels A, C, G, T, zeros for N.
        sites: ``[S]`` positions or ``[S, 2]`` ranges of one position; by default all positions.
        start: the coordinate of position 0, for instance in a genome.
        ax: the axes to draw on; by default those of a new figure.
        signed: whether scores are signed; by default, whether any is below zero.
        label: the label of the colour bar: the score and its unit.
        title: the title of the axes.
        chrom: the chromosome, shown in the axis label.

    Raises:
        InputError: when the shapes do not match.
        IsmcError: when matplotlib is missing.
    """
    shown = window(scores, one_hot, sites, start)
    ax = axes_of(ax, len(shown), 2.2)
    from matplotlib import colormaps

    values = np.ma.masked_invalid(shown.scores.T)
    diverging = bool((values.filled(0) < 0).any()) if signed is None else signed
    limit = max(float(np.abs(values.filled(0)).max()), MIN_LIMIT)
    image = ax.imshow(
        values,
        aspect="auto",
        cmap=colormaps["RdBu_r" if diverging else "Purples"].with_extremes(bad=GAP),
        vmin=-limit if diverging else 0,
        vmax=limit,
        interpolation="none",
        extent=(shown.first - 0.5, shown.first + len(shown) - 0.5, len(LETTERS) - 0.5, -0.5),
    )
    _mark_reference(ax, shown)
    ax.set_yticks(range(len(LETTERS)), LETTERS)
    label_positions(ax, shown.first, len(shown), chrom)
    heading(ax, title)
    bar = ax.figure.colorbar(image, ax=ax, pad=0.01, aspect=8)
    bar.ax.tick_params(labelsize=TICK)
    bar.set_label(label, fontsize=LABEL - 1)
    return ax


def _mark_reference(ax: Axes, shown: Window) -> None:
    """Draws a dot in the cell of each reference letter, at most half a cell wide."""
    at, letters = np.nonzero(shown.letters)
    points = ax.get_window_extent().width * 72 / ax.figure.dpi / len(shown)
    ax.plot(
        shown.first + at,
        letters,
        linestyle="none",
        marker="o",
        markersize=min(2.5, 0.5 * points),
        markeredgewidth=0,
        color="0.15",
    )
