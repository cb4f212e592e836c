"""Sequence logos, drawn by logomaker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ismc.io.extras import extras
from ismc.plot.canvas import BASES, LABEL, axes_of, heading, label_positions, remove_spines
from ismc.plot.importance import LETTERS
from ismc.plot.window import window

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray
MARGIN = 0.05


def logo(
    scores: Array,
    one_hot: Array,
    sites: Array | None = None,
    start: int = 0,
    ax: Axes | None = None,
    *,
    signed: bool = False,
    label: str = "",
    title: str = "",
    chrom: str = "",
) -> Axes:
    """A logo of the sequence, with each letter as high as its position is important.

    Heights are importance, as in most figures of in-silico mutagenesis. With ``signed=True`` they
    are contributions, minus the mean difference of the three alternative letters: letters that
    increase the output are above the line, letters that decrease it below. N and positions without
    a site are empty.

    Args:
        scores: ``[S, 4]``.
        one_hot: ``[L, 4]`` the sequence, channels A, C, G, T, zeros for N.
        sites: ``[S]`` positions or ``[S, 2]`` ranges of one position; by default all positions.
        start: the coordinate of position 0, for instance in a genome.
        ax: the axes to draw on; by default those of a new figure.
        signed: draw contributions instead of importance.
        label: the label of the axis; by default ``importance`` or ``contribution``.
        title: the title of the axes.
        chrom: the chromosome, shown in the axis label.

    Raises:
        InputError: when the shapes do not match.
        IsmcError: when matplotlib or logomaker is missing.
    """
    shown = window(scores, one_hot, sites, start)
    with extras():
        import logomaker
        import pandas
    ax = axes_of(ax, len(shown), 2.2)
    values = np.nan_to_num(shown.contribution if signed else shown.importance)
    heights = values[:, None] * shown.letters
    if heights.any():
        frame = pandas.DataFrame(heights, index=shown.positions, columns=list(LETTERS))
        logomaker.Logo(frame, ax=ax, color_scheme=BASES)
        low, high = min(float(heights.min()), 0.0), max(float(heights.max()), 0.0)
        margin = MARGIN * (high - low)
        ax.set_ylim(low - margin * (low < 0), high + margin)
    else:
        ax.axhline(0, color="black", linewidth=0.5)  # logomaker cannot scale heights of zero
        ax.set_ylim(0, 1)
    ax.set_ylabel(label or ("contribution" if signed else "importance"), fontsize=LABEL)
    label_positions(ax, shown.first, len(shown), chrom)
    heading(ax, title)
    remove_spines(ax)
    return ax
