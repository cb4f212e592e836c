"""Cluster maps: tasks that agree are neighbours, and every cell is where its label says."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from matplotlib import pyplot

from ismc import plot

LENGTH = 50
ONE_HOT = np.eye(4)[np.arange(LENGTH) % 4]


def scores_of(profiles: np.ndarray) -> np.ndarray:
    """Scores ``[L, 4, T]`` with these importances ``[T, L]``: the same at each alternative."""
    return (1 - ONE_HOT)[:, :, None] * profiles.T[:, None]


def groups(sizes: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Profiles of tasks in groups of one pattern, of any height, shuffled; and their groups."""
    rng = np.random.default_rng(seed)
    patterns = rng.random((len(sizes), LENGTH))
    found = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    heights = rng.uniform(0.1, 50, (len(found), 1))
    return heights * (patterns[found] + 0.02 * rng.random((len(found), LENGTH))), found


def test_tasks_of_one_pattern_are_neighbours() -> None:
    profiles, group = groups((5, 7, 4))
    names = [f"task $_{i}$^" for i in range(len(group))]
    grid = plot.clustermap(scores_of(profiles), names, ONE_HOT, start=1000, title="t", chrom="c")
    order = grid.dendrogram_row.reordered_ind
    assert sorted(order) == list(range(16))
    assert (np.diff(group[order]) != 0).sum() == 2
    mesh = grid.ax_heatmap.collections[0]
    np.testing.assert_allclose(mesh.get_array().reshape(16, LENGTH), profiles[order])
    assert mesh.get_clim() == (0, pytest.approx(profiles.max()))
    labels = [text.get_text() for text in grid.ax_heatmap.get_yticklabels()]
    assert labels == [names[i] for i in order]
    ticks = dict(zip(
        (text.get_text() for text in grid.ax_heatmap.get_xticklabels()),
        grid.ax_heatmap.get_xticks(), strict=True,
    ))  # fmt: skip
    assert ticks["1,000"] == 0.5
    assert ticks["1,020"] == 20.5
    assert grid.ax_heatmap.get_xlabel() == "c position (0-based)"
    grid.figure.draw_without_rendering()
    tops = [ax.get_window_extent().y1 for ax in grid.figure.axes]
    assert max(tops) <= grid.figure.bbox.y1


def test_sites_without_scores_are_empty_columns() -> None:
    profiles, _ = groups((3, 3))
    sites = np.delete(np.arange(LENGTH), [20, 21])
    grid = plot.clustermap(scores_of(profiles)[sites], None, ONE_HOT, sites)
    drawn = grid.ax_heatmap.collections[0].get_array().reshape(6, LENGTH)
    expected = profiles[grid.dendrogram_row.reordered_ind]
    assert np.ma.getmaskarray(drawn).sum() == 12
    np.testing.assert_allclose(drawn[:, sites], expected[:, sites])


def test_tasks_that_nothing_moves_stand_together() -> None:
    profiles, group = groups((4, 4))
    profiles[[1, 5, 6]] = 0
    profiles[3] = 0.7  # the same everywhere; its mean is another number, by rounding
    flat = np.isin(np.arange(8), [1, 3, 5, 6])
    assert len(set(group[~flat])) == 2
    grid = plot.clustermap(scores_of(profiles), one_hot=ONE_HOT)
    order = grid.dendrogram_row.reordered_ind
    assert (np.diff(flat[order].astype(int)) == 1).sum() <= 1
    assert np.ptp(np.flatnonzero(flat[order])) == 3
    assert (grid.dendrogram_row.linkage[:, 2] == 0).sum() == 3


@pytest.mark.parametrize("profiles", [np.zeros((5, LENGTH)), groups((1,))[0]])
def test_nothing_to_cluster(profiles: np.ndarray) -> None:
    grid = plot.clustermap(scores_of(profiles), one_hot=ONE_HOT)
    assert grid.dendrogram_row is None
    drawn = grid.ax_heatmap.collections[0].get_array().reshape(profiles.shape)
    np.testing.assert_allclose(drawn, profiles)


@pytest.mark.parametrize(("count", "named"), [(200, 200), (201, 0)])
def test_so_many_tasks_are_named(count: int, named: int) -> None:
    profiles, _ = groups((count,))
    grid = plot.clustermap(scores_of(profiles), one_hot=ONE_HOT)
    assert len(grid.ax_heatmap.get_yticklabels()) == named
    assert grid.ax_heatmap.get_ylabel() == ("" if named else "201 tasks")


def test_a_tree_as_deep_as_it_has_leaves() -> None:
    profiles = np.zeros((1500, LENGTH))
    profiles[:2] = groups((2,))[0]
    before = sys.getrecursionlimit()
    grid = plot.clustermap(scores_of(profiles), one_hot=ONE_HOT)
    assert len(grid.dendrogram_row.reordered_ind) == 1500
    assert sys.getrecursionlimit() == before


def test_the_current_figure_of_pyplot_stays() -> None:
    mine = pyplot.figure()
    try:
        grid = plot.clustermap(scores_of(groups((2,))[0]), one_hot=ONE_HOT)
        assert pyplot.gcf() is mine
        assert pyplot.get_fignums() == [mine.number]
        assert grid.figure is not mine
        assert not mine.axes
    finally:
        pyplot.close(mine)
