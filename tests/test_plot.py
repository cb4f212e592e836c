"""The figure of a scan."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from ismc.errors import InputError, IsmcError
from ismc.plot import plot_saturation

SCORES = np.random.default_rng(0).normal(size=(80, 4, 2))
ONE_HOT = np.eye(4)[np.arange(80) % 4]


def test_heat_maps_tracks_and_logos(tmp_path: Path) -> None:
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
    figure.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_without_zooms() -> None:
    assert len(plot_saturation(SCORES, ONE_HOT, tasks=["a", "b"]).axes) == 5


def test_shapes_are_checked() -> None:
    with pytest.raises(InputError, match=r"\[80, 4, 2\].*expected \[L, 4, 1\]"):
        plot_saturation(SCORES, ONE_HOT, tasks=["a"])


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "logomaker", None)
    with pytest.raises(IsmcError, match=r"logomaker.*\n.*ismc\[plot\]"):
        plot_saturation(SCORES, ONE_HOT, tasks=["a", "b"])
