"""Sequence logos, drawn by logomaker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ismc.io.extras import extras
from ismc.plot.canvas import BASES, LABEL, axes_of, bare, heading, place
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
    """The sequence, each letter as high as its position is important.

    Heights are importance times the one-hot, as most figures of in-silico mutagenesis show. With
    ``signed=True`` they are contributions, minus the mean difference of the three alternatives:
    letters that hold the output up stand above the line, those that hold it down hang below.
    Positions of N and those without a site are empty.

    Args:
        scores: ``[S, 4]``.
        one_hot: ``[L, 4]`` the sequence, channels A, C, G, T, zeros for N.
        sites: ``[S]`` positions or ``[S, 2]`` ranges of one position; all by default.
        start: the coordinate of position 0, that of a genome for instance.
        ax: what is drawn on; a new figure by default.
        signed: whether heights are contributions in the place of importance.
        label: of the axis; says which of both by default.
        title: printed above.
        chrom: named beside the positions.

    Raises:
        InputError: when the shapes do not fit together.
        IsmcError: when matplotlib or logomaker is missing.
    """
    shown = window(scores, one_hot, sites, start)
    with extras():
        import logomaker
        import pandas
    ax = axes_of(ax, len(shown), 2.2)
    along = np.nan_to_num(shown.contribution if signed else shown.importance)
    heights = along[:, None] * shown.letters
    if heights.any():
        frame = pandas.DataFrame(heights, index=shown.positions, columns=list(LETTERS))
        logomaker.Logo(frame, ax=ax, color_scheme=BASES)
        low, high = min(float(heights.min()), 0.0), max(float(heights.max()), 0.0)
        margin = MARGIN * (high - low)
        ax.set_ylim(low - margin * (low < 0), high + margin)
    else:
        ax.axhline(0, color="black", linewidth=0.5)  # logomaker cannot scale what has no height
        ax.set_ylim(0, 1)
    ax.set_ylabel(label or ("contribution" if signed else "importance"), fontsize=LABEL)
    place(ax, shown.first, len(shown), chrom)
    heading(ax, title)
    bare(ax)
    return ax
