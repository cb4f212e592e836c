"""Tasks by positions, tasks clustered, drawn by seaborn."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from ismc.errors import InputError
from ismc.io.extras import extras
from ismc.plot.canvas import GAP, LABEL, TICK, along, breadth, heading, ticks
from ismc.plot.window import Window, window

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from seaborn.matrix import ClusterGrid

Array = np.ndarray
NAMED = 200
"""So many tasks have their names beside them."""

TREE, ABOVE, BELOW, BAR = 1.2, 0.6, 0.5, 2.2
"""Inches: the tree's width, what is above and below the cells, the colour bar."""


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
    """The importance of each position for each task; tasks that agree are neighbours.

    Tasks are joined by average linkage of their profiles, each less its mean and of length one:
    distances are ``sqrt(2 - 2 r)``, with Pearson's ``r``. A profile that is the same everywhere,
    all zeros for instance, has length zero, and so the distance 1 from others. Positions stay in
    their order. Up to 200 tasks are named.

    Args:
        scores: ``[S, 4, T]``.
        tasks: a name for each task; their numbers by default.
        one_hot: ``[L, 4]`` the sequence, zeros for N; without it, every letter is taken for known.
        sites: ``[S]`` positions or ``[S, 2]`` ranges of one position; all by default.
        start: the coordinate of position 0, that of a genome for instance.
        label: of the colour bar, the score and its unit.
        title: printed above.
        chrom: named beside the positions.

    Returns:
        seaborn's grid, with its ``figure``, which pyplot does not know.

    Raises:
        InputError: when the shapes do not fit together.
        IsmcError: when seaborn or scipy is missing.
    """
    shown = window(scores, one_hot, sites, start, tasks=True)
    values = shown.importance.T
    names = [str(i) for i in range(len(values))] if tasks is None else list(tasks)
    if len(names) != len(values):
        raise InputError(
            f"There are {len(names)} names for {len(values)} tasks.", hint="Name every task."
        )
    with extras():
        import pandas
        import scipy.cluster.hierarchy  # noqa: F401
        import seaborn
        from matplotlib import colormaps, pyplot
    tree = _tree(values[:, ~np.isnan(values).all(0)])
    size = breadth(len(shown)) + TREE, BELOW + ABOVE + _cells(len(values))
    with _deep(len(values)):
        grid = seaborn.clustermap(
            pandas.DataFrame(values, index=names, columns=shown.positions),
            row_linkage=tree,
            row_cluster=tree is not None,
            col_cluster=False,
            cmap=colormaps["Purples"],
            vmin=0,
            vmax=max(float(np.nan_to_num(values).max()), 1e-12),
            xticklabels=False,
            yticklabels=len(names) <= NAMED,
            figsize=size,
            dendrogram_ratio=(TREE / size[0], ABOVE / size[1]),
            cbar_pos=None,
            tree_kws={"linewidths": 0.5 if len(values) <= NAMED else 0.15},
            rasterized=True,  # as many shapes as cells would be slow to show
        )
    pyplot.close(grid.figure)  # it lives on without pyplot
    axes = grid.ax_heatmap
    axes.set_facecolor(GAP)
    axes.set_ylabel("" if len(names) <= NAMED else f"{len(names):,} tasks", fontsize=LABEL)
    _positions(axes, shown, chrom)
    grid.figure.tight_layout(h_pad=0.02, w_pad=0.02)
    _above(grid, size, label, title)
    return grid


def _cells(count: int) -> float:
    """Inches of so many rows: names can be read where there are any."""
    return max(0.13 * count, 1.5) if count <= NAMED else 12.0


def _tree(profiles: Array) -> Array | None:
    """The linkage of profiles ``[T, S]``, or ``None`` where there is nothing to cluster."""
    from scipy.cluster.hierarchy import linkage

    if len(profiles) < 2:
        return None
    centred = profiles - profiles.mean(1, keepdims=True)
    centred[np.ptp(profiles, 1) == 0] = 0  # what rounding leaves of a profile that is flat
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    found = linkage(centred / np.where(lengths > 0, lengths, 1), "average")
    return found if found[:, 2].max() > 0 else None


@contextmanager
def _deep(count: int) -> Iterator[None]:
    """Room for scipy's recursion along a tree of so many leaves; it may be as deep."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, before + 2 * count))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _positions(axes: Axes, shown: Window, chrom: str) -> None:
    """Coordinates below the cells; seaborn counts these from 0."""
    at = ticks(shown.first, shown.first + len(shown) - 1, whole=True)
    axes.set_xticks(at - shown.first + 0.5, [f"{tick:,.0f}" for tick in at])
    axes.set_xlabel(along(chrom), fontsize=LABEL, parse_math=False)
    axes.tick_params(labelsize=TICK)
    for text in axes.get_yticklabels():
        text.set(parse_math=False, rotation="horizontal")


def _above(grid: ClusterGrid, size: tuple[float, float], label: str, title: str) -> None:
    """The title and the colour bar, in the room above the cells."""
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
