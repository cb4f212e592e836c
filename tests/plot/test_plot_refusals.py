"""What cannot be drawn is said: shapes, sites, variants, libraries that are missing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ismc import plot
from ismc.errors import InputError, IsmcError
from ismc.io.extras import EXTRAS
from ismc.plot import plot_saturation

ONE_HOT = np.eye(4)[np.arange(80) % 4]
SCORES = np.random.default_rng(0).normal(size=(80, 4, 2)) * (1 - ONE_HOT)[:, :, None]


@pytest.mark.parametrize(
    ("variants", "words"),
    [
        ([(80, "A", 1.0)], "A at 80.*expected positions from 0 to 79"),
        ([(-1, "A", 1.0)], "expected positions from 0 to 79"),
        ([(3, "A", 1.0), (4, "AC", 1.0)], "variant 1 is AC at 4.*a letter of ACGT"),
        ([(3, "A", np.nan)], "a score that is a number"),
    ],
)
def test_variants_that_cannot_be_drawn(variants: list[Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        plot.lollipops(variants, np.ones(80))


def test_negative_tracks_are_refused() -> None:
    for wrong in (-np.ones(80), np.ones((80, 2)), np.ones(0), np.array(3.0)):
        with pytest.raises(InputError, match=r"track.*expected \[W\] and 0 or more"):
            plot.lollipops([], wrong)


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: plot_saturation(SCORES, ONE_HOT, tasks=["a"]), r"\[80, 4, 2\].*\[L, 4, 1\]"),
        (lambda: plot.heatmap(SCORES, ONE_HOT), r"\[80, 4, 2\], expected \[S, 4\]"),
        (lambda: plot.heatmap(SCORES[:, :3, 0], ONE_HOT), r"\[80, 3\], expected \[S, 4\]"),
        (lambda: plot.heatmap(SCORES[:0, :, 0], ONE_HOT[:0]), r"\[0, 4\], expected \[S, 4\]"),
        (lambda: plot.heatmap(SCORES[:, :, 0], ONE_HOT[:, :3]), r"\[80, 3\], expected \[L, 4\]"),
        (lambda: plot.logo(SCORES[:9, :, 0], ONE_HOT), "9 sites and the sequence has 80"),
        (lambda: plot.track(SCORES[:, 0, 0]), r"\[80\], expected \[S, 4\] or \[S, 4, T\]"),
        (lambda: plot.clustermap(SCORES[:, :, 0]), r"\[80, 4\], expected \[S, 4, T\]"),
        (lambda: plot.track(SCORES / 0.0), "infinite"),
        (lambda: plot.track(SCORES, tasks=["a"]), "1 names for 2 tasks"),
        (lambda: plot.clustermap(SCORES, ["a"]), "1 names for 2 tasks"),
        (lambda: plot.figure(SCORES[:, :, 0], ONE_HOT, kinds=["line"]), "one or more of heatmap"),
        (lambda: plot.importance(SCORES, ONE_HOT[:9]), r"\[9, 4\], expected \[80, 4\]"),
        (lambda: plot.importance(SCORES[0]), r"\[4, 2\], expected \[S, 4\]"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a division by zero on purpose
def test_shapes_are_checked(draw: Callable[[], Any], words: str) -> None:
    with pytest.raises(InputError, match=f"(?s){words}"):
        draw()


@pytest.mark.parametrize(
    ("sites", "words"),
    [
        ([0, 1, 1], "site 1 occurs 2 times"),
        ([0, 1, 80], "site at 80, expected 0 to 79"),
        ([0, -1, 5], "site at -1, expected 0 to 79"),
        ([0, 1], r"shape \[2\].*expected 3 positions"),
        ([0.0, 1.0, 2.0], "type float64"),
        ([[0, 1], [1, 4], [5, 6]], "widest site has 3 positions"),
    ],
)
def test_sites_are_checked(sites: list[Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        plot.heatmap(SCORES[:3, :, 0], ONE_HOT, np.array(sites))


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("logomaker", lambda: plot.logo(SCORES[:, :, 0], ONE_HOT)),
        ("logomaker", lambda: plot_saturation(SCORES, ONE_HOT, tasks=["a", "b"])),
        ("matplotlib.figure", lambda: plot.heatmap(SCORES[:, :, 0], ONE_HOT)),
        ("matplotlib.figure", lambda: plot.lollipops([])),
        ("seaborn", lambda: plot.clustermap(SCORES)),
    ],
)
def test_missing_libraries_are_named(
    name: str, draw: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXTRAS, "seaborn", "plot")
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(IsmcError, match=rf"{name.split('.')[0]}.*\n.*ismc\[plot\]"):
        draw()
