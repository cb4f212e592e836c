"""Line plots of importance along the sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ismc.errors import InputError
from ismc.plot.canvas import (
    LABEL,
    TICK,
    axes_of,
    heading,
    label_positions,
    remove_spines,
    task_colour,
)
from ismc.plot.window import window

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray
SHADE = 0.15


def track(
    scores: Array,
    one_hot: Array | None = None,
    sites: Array | None = None,
    start: int = 0,
    ax: Axes | None = None,
    *,
    tasks: Sequence[str] = (),
    label: str = "importance",
    title: str = "",
    chrom: str = "",
) -> Axes:
    """Importance of every position, ``sqrt(sum_c d_c^2 / 3)``, as one line per task.

    See `ismc.plot.importance`. Lines have gaps where there is no site.

    Args:
        scores: ``[S, 4]`` or ``[S, 4, T]``.
        one_hot: ``[L, 4]`` the sequence, zeros for N; without it, no position counts as N.
        sites: ``[S]`` positions or ``[S, 2]`` ranges of one position; by default all positions.
        start: the coordinate of position 0, for instance in a genome.
        ax: the axes to draw on; by default those of a new figure.
        tasks: a name for each task, for the legend; by default there is no legend.
        label: the label of the axis: the score and its unit.
        title: the title of the axes.
        chrom: the chromosome, shown in the axis label.

    Raises:
        InputError: when the shapes do not match.
        IsmcError: when matplotlib is missing.
    """
    shown = window(scores, one_hot, sites, start, tasks=None)
    values = shown.importance.reshape(len(shown), -1)
    if tasks and len(tasks) != values.shape[1]:
        raise InputError(
            f"There are {len(tasks)} names for {values.shape[1]} tasks, expected one each.",
            hint="Name every task.",
        )
    ax = axes_of(ax, len(shown), 2.2)
    for i, line in enumerate(values.T):
        ax.plot(
            shown.positions,
            line,
            color=task_colour(i),
            linewidth=0.9,
            label=tasks[i] if tasks else None,
        )
        isolated = _isolated(line)
        ax.plot(shown.positions[isolated], line[isolated], ".", color=task_colour(i), markersize=4)
    if values.shape[1] == 1:
        ax.fill_between(shown.positions, values[:, 0], color=task_colour(0), alpha=SHADE, lw=0)
    top = max(float(np.nan_to_num(values).max()), 1e-12)
    ax.set_ylim(0, (1.35 if tasks else 1.08) * top)
    ax.set_ylabel(label, fontsize=LABEL)
    label_positions(ax, shown.first, len(shown), chrom)
    heading(ax, title)
    remove_spines(ax)
    if tasks:
        legend = ax.legend(loc="upper right", fontsize=TICK, frameon=False, ncols=len(tasks))
        for text in legend.get_texts():
            text.set_parse_math(False)
    return ax


def _isolated(line: Array) -> Array:
    """The positions with a value whose neighbours have none, so that no line segment shows them."""
    present = np.pad(~np.isnan(line), 1)
    return np.flatnonzero(present[1:-1] & ~present[:-2] & ~present[2:])
