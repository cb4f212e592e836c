"""Figures draw the numbers they are given, and say what does not fit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch

from ismc import plot
from ismc.plot import plot_saturation
from ismc.plot.canvas import BASES

ONE_HOT = np.eye(4)[np.arange(80) % 4]
SCORES = np.random.default_rng(0).normal(size=(80, 4, 2)) * (1 - ONE_HOT)[:, :, None]
UNKNOWN = 7
WITH_N = np.where(np.arange(80)[:, None] == UNKNOWN, 0, ONE_HOT)
SITES = np.random.default_rng(1).permutation(np.r_[10:30, 40, 50:70])
START = 1_000_000
NO_FORMULA = r"$\frac$"
"""A name as it may stand in a file; as a formula it could not be drawn."""


def importance(scores: np.ndarray, one_hot: np.ndarray) -> list[float]:
    """By its definition, a loop over positions and letters."""
    found = []
    for row, letters in zip(scores, one_hot, strict=True):
        if letters.any():
            own = row[letters.argmax()]
            found.append((sum((value - own) ** 2 for value in row) / 3) ** 0.5)
        else:
            found.append((sum(value**2 for value in row) / 4) ** 0.5)
    return found


@pytest.fixture(autouse=True)
def no_figure_of_pyplot(monkeypatch: pytest.MonkeyPatch) -> Any:
    yield
    monkeypatch.undo()
    assert pyplot.get_fignums() == []


def test_importance_and_contribution() -> None:
    scores = SCORES[:, :, 0]
    found = plot.importance(scores, WITH_N)
    np.testing.assert_allclose(found, importance(scores, WITH_N))
    np.testing.assert_allclose(found[:UNKNOWN], plot.importance(scores)[:UNKNOWN])
    assert found[UNKNOWN] == pytest.approx(plot.importance(scores)[UNKNOWN] * (3 / 4) ** 0.5)
    centred = scores - scores.mean(1, keepdims=True)
    np.testing.assert_allclose(plot.importance(centred, ONE_HOT), plot.importance(scores, ONE_HOT))
    expected = [-sum(row) / 3 for row in scores]
    np.testing.assert_allclose(plot.contribution(scores, ONE_HOT), expected)
    np.testing.assert_allclose(plot.contribution(centred, ONE_HOT), expected, atol=1e-12)
    assert plot.contribution(scores, WITH_N)[UNKNOWN] == 0
    both = plot.contribution(SCORES, ONE_HOT)
    np.testing.assert_allclose(both[:, 1], plot.contribution(SCORES[:, :, 1], ONE_HOT))


def test_the_heat_map_shows_scores_and_letters() -> None:
    axes = plot.heatmap(SCORES[:, :, 0], WITH_N, start=START, title=NO_FORMULA, chrom="chr1")
    (image,) = axes.images
    np.testing.assert_array_equal(image.get_array(), SCORES[:, :, 0].T)
    assert image.get_extent() == [START - 0.5, START + 79.5, 3.5, -0.5]
    assert image.get_clim() == (-np.abs(SCORES[:, :, 0]).max(), np.abs(SCORES[:, :, 0]).max())
    assert image.get_cmap().name == "RdBu_r"
    dots = {(int(x), int(y)) for x, y in zip(*axes.lines[0].get_data(), strict=True)}
    assert dots == {(START + i, i % 4) for i in range(80) if i != UNKNOWN}
    assert [text.get_text() for text in axes.get_yticklabels()] == list("ACGT")
    assert axes.get_xlim() == (START - 0.5, START + 79.5)
    assert axes.get_xlabel() == "chr1 position (0-based)"
    axes.figure.draw_without_rendering()
    assert "1,000,010" in [text.get_text() for text in axes.get_xticklabels()]
    assert axes.get_title("left") == NO_FORMULA
    bar = axes.figure.axes[1]
    assert bar.get_ylabel() == "mutant - reference"
    assert bar.get_ylim() == image.get_clim()


def test_scores_without_a_sign_have_a_sequential_heat_map() -> None:
    distances = np.abs(SCORES[:, :, 0])
    (image,) = plot.heatmap(distances, ONE_HOT).images
    assert image.get_clim() == (0, distances.max())
    assert image.get_cmap().name == "Purples"
    (image,) = plot.heatmap(distances, ONE_HOT, signed=True).images
    assert image.get_clim() == (-distances.max(), distances.max())
    (image,) = plot.heatmap(np.zeros((80, 4)), ONE_HOT).images
    assert np.diff(image.get_clim()) > 0


@pytest.mark.parametrize("ranges", [False, True])
def test_sites_stand_at_their_positions(ranges: bool) -> None:
    sites = np.stack([SITES, SITES + 1], 1) if ranges else SITES
    expected = np.full((60, 4), np.nan)
    expected[SITES - 10] = SCORES[SITES, :, 0]
    axes = plot.heatmap(SCORES[SITES, :, 0], ONE_HOT, sites, START)
    drawn = axes.images[0].get_array()
    np.testing.assert_array_equal(np.ma.filled(drawn, np.nan), expected.T)
    assert axes.images[0].get_extent()[:2] == [START + 9.5, START + 69.5]
    assert to_hex(axes.images[0].get_cmap().get_bad()) == "#e0e0e0"
    axes = plot.track(SCORES[SITES, :, 0], ONE_HOT, sites, START)
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), START + np.arange(10, 70))
    wanted = np.full(60, np.nan)
    wanted[SITES - 10] = importance(SCORES[SITES, :, 0], ONE_HOT[SITES])
    np.testing.assert_allclose(axes.lines[0].get_ydata(), wanted)
    assert axes.lines[1].get_xdata().tolist() == [START + 40]
    assert axes.lines[1].get_ydata().tolist() == [wanted[30]]


def test_a_track_has_a_line_for_each_task() -> None:
    axes = plot.track(SCORES, WITH_N, tasks=["a", NO_FORMULA])
    for i, line in enumerate(axes.lines[::2]):
        np.testing.assert_allclose(line.get_ydata(), importance(SCORES[:, :, i], WITH_N))
    legend = axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["a", NO_FORMULA]
    axes.figure.draw_without_rendering()
    assert len({line.get_color() for line in axes.lines}) == 2
    assert plot.track(SCORES[:, :, 0]).get_legend() is None


@pytest.mark.parametrize("signed", [False, True])
def test_letters_of_a_logo_are_as_high_as_their_position_is_important(signed: bool) -> None:
    axes = plot.logo(SCORES[SITES, :, 0], WITH_N, SITES, START, signed=signed)
    scores, letters = SCORES[SITES, :, 0], WITH_N[SITES]
    values = -scores.sum(1) / 3 if signed else importance(scores, letters)
    expected = {START + int(i): v for i, v in zip(SITES, values, strict=True) if v}
    found = {}
    for patch in axes.patches:
        box = patch.get_path().get_extents()
        bottom, top = box.y0, box.y1
        found[round((box.x0 + box.x1) / 2)] = top if abs(bottom) < 1e-9 else bottom
        assert min(abs(bottom), abs(top)) < 1e-9
        letter = "ACGT"[int(box.x0 + 1 - START) % 4]
        assert to_hex(patch.get_facecolor()) == BASES[letter]
    assert found.keys() == expected.keys()
    np.testing.assert_allclose([found[i] for i in expected], [*expected.values()])
    assert axes.get_xlim() == (START + 9.5, START + 69.5)
    low, high = axes.get_ylim()
    assert (low < 0) == signed
    assert low <= min(0, *expected.values()) < max(expected.values()) < high


def test_a_logo_of_nothing() -> None:
    assert not plot.logo(np.zeros((80, 4)), ONE_HOT).patches
    assert not plot.logo(SCORES[:, :, 0], np.zeros((80, 4))).patches


def test_axes_that_are_passed_are_drawn_on() -> None:
    figure = Figure(layout="constrained")
    panels = figure.subplots(4, 1)
    scores = SCORES[:, :, 0]
    for draw, ax in zip((plot.heatmap, plot.track, plot.logo), panels, strict=False):
        assert draw(scores, ONE_HOT, ax=ax) is ax
    assert plot.lollipops([(3, "A", 0.5)], ax=panels[3]) is panels[3]
    assert all(ax.has_data() for ax in panels)


def test_panels_of_a_figure_share_their_positions() -> None:
    figure = plot.figure(SCORES[SITES, :, 0], ONE_HOT, sites=SITES, start=START, title=NO_FORMULA)
    heat, line, letters, _ = figure.axes
    assert {ax.get_xlim() for ax in (heat, line, letters)} == {(START + 9.5, START + 69.5)}
    assert heat.images
    assert line.lines
    assert letters.patches
    assert [ax.get_xlabel() for ax in (heat, line, letters)] == ["", "", "position (0-based)"]
    figure.draw_without_rendering()
    edges = {round(ax.get_position().x1, 3) for ax in (heat, line, letters)}
    assert len(edges) == 1
    assert len(plot.figure(SCORES[:, :, 0], ONE_HOT, kinds=["track", "logo"]).axes) == 2


def test_variants_are_stems_with_a_head_for_their_letter() -> None:
    track = np.array(importance(SCORES[:, :, 0], ONE_HOT))
    variants = [(START + 3, "A", 0.5), (START + 3, "C", -1.5), (START + 70, "T", 0.25)]
    axes = plot.lollipops(variants, track, START, chrom="chr1")
    stems = {tuple(map(tuple, segment)) for segment in axes.collections[0].get_segments()}
    assert stems == {((p, 0.0), (p, score)) for p, _, score in variants}
    heads = {line.get_label(): line for line in axes.lines if line.get_marker() == "o"}
    assert heads.keys() == {"A", "C", "T"}
    for position, letter, score in variants:
        assert heads[letter].get_data() == ([position], [score])
        assert to_hex(heads[letter].get_color()) == BASES[letter]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["A", "C", "T"]
    low, high = axes.get_ylim()
    assert low < -1.5 < 0.5 < high
    assert axes.get_xlim() == (START - 0.5, START + 79.5)
    beside = axes.figure.axes[1]
    values, edges, _ = beside.patches[0].get_data()
    np.testing.assert_allclose(values, track)
    np.testing.assert_allclose(edges, START - 0.5 + np.arange(81))
    axes.figure.draw_without_rendering()
    zeros = [ax.transData.transform((START, 0))[1] for ax in (axes, beside)]
    assert zeros[0] == pytest.approx(zeros[1])
    assert beside.get_ylim()[1] > track.max()


def test_variants_without_a_track() -> None:
    axes = plot.lollipops([(10, "G", -1.0), (70, "G", -2.0)])
    assert len(axes.figure.axes) == 1
    low, high = axes.get_xlim()
    assert low < 9.5 < 70.5 < high
    assert not plot.lollipops([]).collections[0].get_segments()
    axes = plot.lollipops([], np.full(5, np.nan))
    assert axes.get_legend() is None


def test_zooms_of_a_saturation(tmp_path: Path) -> None:
    zooms = [(0, 5, 0), (40, 47, 1), (75, 80, 0)]
    figure = plot_saturation(SCORES, ONE_HOT, tasks=["a", "b"], zooms=zooms, title="name")
    titles = [axes.get_title(loc) for axes in figure.axes for loc in ("left", "center")]
    assert [t for t in titles if t] == [
        "a: change of the prediction",
        "b: change of the prediction",
        "a at 0",
        "b at 40",
        "a at 75",
    ]
    image = figure.axes[0].images[0]
    low, high = image.get_clim()
    assert low == -high == -np.abs(SCORES[:, :, 0]).max()
    line = figure.axes[2].lines[0].get_ydata()
    np.testing.assert_allclose(line, np.sqrt((SCORES[:, :, 0] ** 2).sum(1) / 3))
    (panel,) = (axes for axes in figure.axes if axes.get_title() == "b at 40")
    glyphs = [patch for patch in panel.patches if isinstance(patch, PathPatch)]
    heights = [patch.get_path().get_extents().height for patch in glyphs]
    expected = importance(SCORES[28:59, :, 1], ONE_HOT[28:59])
    np.testing.assert_allclose(sorted(heights), sorted(expected))
    figure.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_without_zooms() -> None:
    assert len(plot_saturation(SCORES, ONE_HOT, tasks=["a", "b"]).axes) == 5


def test_nothing_heavy_is_imported_before_a_figure() -> None:
    heavy = ["tensorflow", "keras", "matplotlib", "pandas", "seaborn", "logomaker", "scipy", "zarr"]
    code = (
        "import sys, ismc.plot, ismc.plot.files, ismc.plot.table, ismc.cli.plot; "
        f"found = set({heavy}) & set(sys.modules); assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603
