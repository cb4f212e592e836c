"""A cluster map of tasks by positions, drawn by seaborn."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from ismc.errors import InputError
from ismc.io.extras import extras
from ismc.plot.canvas import GAP, LABEL, TICK, breadth, heading, position_label, ticks
from ismc.plot.window import Window, window

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from seaborn.matrix import ClusterGrid

Array = np.ndarray
MAX_NAMED_TASKS = 200
"""Tasks are labelled with their names up to this number."""

TREE, ABOVE, BELOW, BAR = 1.2, 0.6, 0.5, 2.2
"""Inches: the width of the tree, the space above and below the cells, the colour bar."""


def clustermap(
    scores: Array,
    tasks: Sequence[str] | None = None,
    one_hot: Array | None = None,
    sites: Array | None = None,
    start: int = 0,
    *,
    label: str = "importance",
    title: str = "",
    chrom: str = "",
) -> ClusterGrid:
    """A cluster map of importance: rows are tasks, clustered by similarity; columns are positions.

    Tasks are joined by average linkage of their profiles, each centred and scaled to unit norm, so
    that distances are ``sqrt(2 - 2 r)`` with Pearson's ``r``. A constant profile is set to zero and
    has distance 1 to the others. Positions keep their order. Up to 200 tasks are labelled.

    Args:
        scores: ``[S, 4, T]``.
        tasks: a name for each task; by default their indices.
        one_hot: ``[L, 4]`` the sequence, zeros for N; without it, no position counts as N.
        sites: ``[S]`` positions or ``[S, 2]`` ranges of one position; by default all positions.
        start: the coordinate of position 0, for instance in a genome.
        label: the label of the colour bar: the score and its unit.
        title: the title of the figure.
        chrom: the chromosome, shown in the axis label.

    Returns:
        seaborn's ``ClusterGrid``; its ``figure`` is not registered with pyplot.

    Raises:
        InputError: when the shapes do not match.
        IsmcError: when seaborn or scipy is missing.
    """
    shown = window(scores, one_hot, sites, start, tasks=True)
    values = shown.importance.T
    names = [str(i) for i in range(len(values))] if tasks is None else list(tasks)
    if len(names) != len(values):
        raise InputError(
            f"There are {len(names)} names for {len(values)} tasks, expected one each.",
            hint="Name every task.",
        )
    with extras():
        import pandas
        import scipy.cluster.hierarchy  # noqa: F401
        import seaborn
        from matplotlib import colormaps, pyplot
    tree = _tree(values[:, ~np.isnan(values).all(0)])
    size = breadth(len(shown)) + TREE, BELOW + ABOVE + _cells(len(values))
    with _recursion_limit(len(values)):
        grid = seaborn.clustermap(
            pandas.DataFrame(values, index=names, columns=shown.positions),
            row_linkage=tree,
            row_cluster=tree is not None,
            col_cluster=False,
            cmap=colormaps["Purples"],
            vmin=0,
            vmax=max(float(np.nan_to_num(values).max()), 1e-12),
            xticklabels=False,
            yticklabels=len(names) <= MAX_NAMED_TASKS,
            figsize=size,
            dendrogram_ratio=(TREE / size[0], ABOVE / size[1]),
            cbar_pos=None,
            tree_kws={"linewidths": 0.5 if len(values) <= MAX_NAMED_TASKS else 0.15},
            rasterized=True,  # one vector shape per cell would be slow to display
        )
    pyplot.close(grid.figure)  # deregisters the figure, which stays usable
    axes = grid.ax_heatmap
    axes.set_facecolor(GAP)
    axes.set_ylabel(
        "" if len(names) <= MAX_NAMED_TASKS else f"{len(names):,} tasks", fontsize=LABEL
    )
    _positions(axes, shown, chrom)
    grid.figure.tight_layout(h_pad=0.02, w_pad=0.02)
    _draw_header(grid, size, label, title)
    return grid


def _cells(count: int) -> float:
    """The height in inches of ``count`` rows; named rows are tall enough to read."""
    return max(0.13 * count, 1.5) if count <= MAX_NAMED_TASKS else 12.0


def _tree(profiles: Array) -> Array | None:
    """The linkage of profiles ``[T, S]``, or ``None`` if there is nothing to cluster."""
    from scipy.cluster.hierarchy import linkage

    if len(profiles) < 2:
        return None
    centred = profiles - profiles.mean(1, keepdims=True)
    centred[np.ptp(profiles, 1) == 0] = 0  # removes rounding errors of constant profiles
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    tree = linkage(centred / np.where(norms > 0, norms, 1), "average")
    return tree if tree[:, 2].max() > 0 else None


@contextmanager
def _recursion_limit(count: int) -> Iterator[None]:
    """Raises the recursion limit: scipy recurses to the depth of a tree of ``count`` leaves."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, before + 2 * count))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _positions(axes: Axes, shown: Window, chrom: str) -> None:
    """Labels the columns with coordinates; seaborn numbers them from 0."""
    at = ticks(shown.first, shown.first + len(shown) - 1, integer=True)
    axes.set_xticks(at - shown.first + 0.5, [f"{tick:,.0f}" for tick in at])
    axes.set_xlabel(position_label(chrom), fontsize=LABEL, parse_math=False)
    axes.tick_params(labelsize=TICK)
    for text in axes.get_yticklabels():
        text.set(parse_math=False, rotation="horizontal")


def _draw_header(grid: ClusterGrid, size: tuple[float, float], label: str, title: str) -> None:
    """Draws the title and the colour bar in the space above the cells."""
    (width, height), box = size, grid.ax_heatmap.get_position()
    heading(grid.ax_heatmap, title)
    bar = grid.figure.add_axes(
        (box.x1 - BAR / width, box.y1 + 0.12 / height, BAR / width, 0.1 / height)
    )
    grid.figure.colorbar(grid.ax_heatmap.collections[0], cax=bar, orientation="horizontal")
    bar.xaxis.set_ticks_position("top")
    bar.tick_params(labelsize=TICK)
    bar.set_ylabel(
        label, fontsize=LABEL, rotation="horizontal", ha="right", va="center", parse_math=False
    )
