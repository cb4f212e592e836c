"""`ismc plot` draws the record, output, task and window that it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ismc.cli.plot import KINDS, plot
from ismc.errors import ArtifactError, InputError
from ismc.plot import importance
from tests.support.plotted import LENGTH, SITES, START, Drawn, drawn, made, stores

__all__ = ["drawn", "stores"]


def call(store: Any, folder: Path, **options: Any) -> str:
    return plot(store.path, folder / "figure.png", **({"record": "peak 3"} | options))


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
@pytest.mark.parametrize("kind", KINDS[:-1])
def test_every_kind_writes_a_file_that_opens(
    kind: str, suffix: str, stores: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / f"figure.{suffix}"
    task = None if kind == "clustermap" else "1"
    said = plot(stores["regions"].path, path, kind=kind, record="peak 3", task=task)
    label = "head" if task is None else "head[1]"
    assert said.startswith(f"{path} ({path.stat().st_size:,} bytes): {kind} of peak 3, {label}, ")
    assert said.endswith(f"positions {SITES[0]} to {SITES[-1] + 1}")
    if suffix == "png":
        image = Image.open(path)
        image.load()
        assert np.ptp(np.asarray(image.convert("L"))) > 100
    else:
        text = path.read_text("latin-1")
        assert text.startswith("%PDF-") if suffix == "pdf" else "</svg>" in text
        if suffix == "svg":
            again = tmp_path / "again.svg"
            plot(stores["regions"].path, again, kind=kind, record="peak 3", task=task)
            assert again.read_bytes() == path.read_bytes()
            again.unlink()
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_the_numbers_of_the_store_are_drawn(
    stores: dict[str, Any], drawn: Drawn, tmp_path: Path
) -> None:
    store = stores["regions"]
    scores = np.asarray(store.scores("head")[3])[:, :, 2]
    letters = np.asarray(store.one_hot[3])[SITES]
    call(store, tmp_path, task="2")
    heat, line, logo, bar = drawn[-1].axes
    np.testing.assert_array_equal(heat.images[0].get_array(), scores.T)
    assert heat.images[0].get_cmap().name == "RdBu_r"
    assert bar.get_ylabel() == "difference"
    np.testing.assert_allclose(line.lines[0].get_ydata(), importance(scores, letters))
    first = START + 3 * 100 + SITES[0]
    assert line.lines[0].get_xdata()[0] == first
    assert logo.get_xlabel() == "chr1 position (0-based)"
    top = max(patch.get_path().get_extents().y1 for patch in logo.patches)
    assert top == pytest.approx(importance(scores, letters).max())
    assert drawn[-1].get_suptitle() == "peak 3: head[2]"


def test_a_window(stores: dict[str, Any], drawn: Drawn, tmp_path: Path) -> None:
    said = call(stores["regions"], tmp_path, kind="heatmap", task="0", start=15, end=22)
    assert said.endswith("positions 15 to 22")
    (image,) = drawn[-1].axes[0].images
    scores = np.asarray(stores["regions"].scores("head")[3])[:, :, 0]
    np.testing.assert_array_equal(image.get_array(), scores[15 - SITES[0] : 22 - SITES[0]].T)
    assert image.get_extent()[:2] == [START + 300 + 14.5, START + 300 + 21.5]


def test_all_tasks_in_one_figure(stores: dict[str, Any], drawn: Drawn, tmp_path: Path) -> None:
    store = stores["regions"]
    expected = importance(np.asarray(store.scores("head")[3]), np.asarray(store.one_hot[3])[SITES])
    call(store, tmp_path, kind="track")
    lines = drawn[-1].axes[0].lines[::2]
    np.testing.assert_allclose([line.get_ydata() for line in lines], expected.T)
    call(store, tmp_path, kind="clustermap", overwrite=True)
    (axes,) = (ax for ax in drawn[-1].axes if ax.get_xlabel())
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert sorted(labels) == ["head[0]", "head[1]", "head[2]"]
    order = [int(label[5]) for label in labels]
    cells = axes.collections[0].get_array().reshape(3, -1)
    np.testing.assert_allclose(cells, expected.T[order])


def test_one_number_needs_no_task(stores: dict[str, Any], drawn: Drawn, tmp_path: Path) -> None:
    for number, output in enumerate(("counts", "single")):
        call(stores["regions"], tmp_path, output=output, kind="heatmap", overwrite=number > 0)
        scores = np.asarray(stores["regions"].scores(output)[3]).reshape(-1, 4)
        np.testing.assert_array_equal(drawn[-1].axes[0].images[0].get_array(), scores.T)
        assert drawn[-1].axes[0].get_title("left") == f"peak 3: {output}"
        call(stores["regions"], tmp_path, output=output, kind="clustermap", overwrite=True)
        call(stores["regions"], tmp_path, output=output, kind="track", task="0", overwrite=True)


def test_a_number_of_several_axes(stores: dict[str, Any], drawn: Drawn, tmp_path: Path) -> None:
    call(stores["regions"], tmp_path, output="profile", task="4,1", kind="heatmap")
    scores = np.asarray(stores["regions"].scores("profile")[3])[:, :, 4, 1]
    np.testing.assert_array_equal(drawn[-1].axes[0].images[0].get_array(), scores.T)


def test_the_only_record_and_no_genome(
    stores: dict[str, Any], drawn: Drawn, tmp_path: Path
) -> None:
    said = plot(stores["one"].path, tmp_path / "a.png", kind="heatmap", task="0")
    assert "heatmap of peak 0, head[0]" in said
    (image,) = drawn[-1].axes[0].images
    assert image.get_extent()[0] == SITES[0] - 0.5
    assert drawn[-1].axes[0].get_xlabel() == "position (0-based)"


def test_a_record_by_its_number(stores: dict[str, Any], tmp_path: Path) -> None:
    assert "of peak 2," in call(stores["regions"], tmp_path, record="2", task="0", kind="track")
    said = call(stores["regions"], tmp_path, record="7", task="0", kind="track", overwrite=True)
    assert "of 7," in said  # a record of that name


def test_distances_have_no_sign(stores: dict[str, Any], drawn: Drawn, tmp_path: Path) -> None:
    call(stores["distances"], tmp_path, kind="heatmap", task="0")
    (image,) = drawn[-1].axes[0].images
    assert image.get_cmap().name == "Purples"
    assert image.get_clim()[0] == 0
    with pytest.raises(InputError, match="l2 is unsigned"):
        call(stores["distances"], tmp_path, kind="logo", task="0", signed=True, overwrite=True)


def test_contributions(stores: dict[str, Any], drawn: Drawn, tmp_path: Path) -> None:
    call(stores["regions"], tmp_path, kind="logo", task="0", signed=True)
    scores = np.asarray(stores["regions"].scores("head")[3])[:, :, 0]
    boxes = [patch.get_path().get_extents() for patch in drawn[-1].axes[0].patches]
    assert max(box.y1 for box in boxes) == pytest.approx((-scores.sum(1) / 3).max())
    assert min(box.y0 for box in boxes) == pytest.approx((-scores.sum(1) / 3).min())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"record": None},
            r"holds 8 records.*--record; the first are peak 0, peak 1, peak 2, \.\.",
        ),
        ({"record": "paek 3"}, "(?s)no record 'paek 3'.*Did you mean peak 3"),
        ({"record": "8"}, "a number from 0 to 7"),
        ({"record": "zzz"}, "The first: peak 0"),
        ({"kind": "heat-map"}, "(?s)no kind 'heat-map'.*Did you mean heatmap?"),
        ({"kind": "zzz"}, "expected one of all, heatmap"),
        ({}, r"scores \[3\], expected one to be chosen.*\n.*--task, 0 to 2"),
        ({"task": "3"}, r"--task is 3, expected 0 to 2"),
        ({"task": "-1"}, r"--task is -1, expected 0 to 2"),
        ({"task": "0,0"}, r"--task is 0,0, expected 0 to 2"),
        ({"task": "first"}, "--task is first"),
        ({"output": "counts", "task": "1"}, "has one score, and --task is 1, expected no --task"),
        ({"output": "profile", "task": "1"}, r"\[5, 2\], and --task is 1, expected 0,0 to 4,1"),
        ({"output": "profile", "kind": "clustermap"}, r"shape \[5, 2\], expected \[T\]"),
        ({"output": "profile", "kind": "track"}, r"shape \[5, 2\], expected \[T\]"),
        ({"output": "many", "kind": "track"}, r"scores \[9\], expected one to be chosen"),
        ({"output": "haed"}, "no output 'haed', expected one of head"),
        ({"kind": "clustermap", "task": "1"}, "shows all tasks"),
        ({"task": "1", "start": 50}, f"--start is 50, expected 0 to {LENGTH - 1}"),
        ({"task": "1", "start": 9, "end": 9}, "contain no position"),
        ({"task": "1", "end": 5}, r"No site is in the window 0 to 5.*sites are from 10 to 31"),
        ({"kind": "lollipop", "task": "0"}, "no variants for --kind lollipop"),
        ({"kind": "track", "variants": Path("a.tsv")}, "for --kind lollipop, not for track"),
        ({"column": "score"}, "for --kind lollipop, not for all"),
        ({"kind": "lollipop", "column": "score"}, "--column has no table"),
    ],
)
def test_what_does_not_fit_is_said(
    options: dict[str, Any], words: str, stores: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=f"(?s){words}"):
        call(stores["regions"], tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_records_without_scores_are_named(tmp_path: Path) -> None:
    made(tmp_path / "s.zarr", skipped=(1,))
    plot(tmp_path / "s.zarr", tmp_path / "a.png", kind="track", record="peak 1")
    with pytest.raises(InputError, match=r"peak 2 has no scores yet: block 1.*\n.*--resume"):
        plot(tmp_path / "s.zarr", tmp_path / "b.png", kind="track", record="peak 2")


def test_a_store_of_nothing(tmp_path: Path) -> None:
    made(tmp_path / "s.zarr", count=0)
    with pytest.raises(InputError, match="holds no records"):
        plot(tmp_path / "s.zarr", tmp_path / "a.png")


def test_targets_are_checked_before_the_store_is_opened(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("older")
    for name, words in (
        ("a.bmp", r"ends in '\.bmp', expected \.eps, .*\.png"),
        ("b/a.png", "folder .*b does not exist"),
        ("a.png", "exists, expected a new file"),
    ):
        with pytest.raises(InputError, match=words):
            plot(tmp_path / "none.zarr", tmp_path / name)
    with pytest.raises(InputError, match=r"none\.zarr does not exist"):
        plot(tmp_path / "none.zarr", tmp_path / "new.png")
    (tmp_path / "other.zarr").mkdir()
    with pytest.raises(ArtifactError, match=r"other\.zarr is not a store of scores"):
        plot(tmp_path / "other.zarr", tmp_path / "new.png")
    assert (tmp_path / "a.png").read_text() == "older"
