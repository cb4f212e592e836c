"""Files of figures: each format opens, holds the same bytes tomorrow, and is whole or not there."""

from __future__ import annotations

import errno
import gzip
import os
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from unittest.mock import Mock
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from ismc import plot
from ismc.errors import ArtifactError, InputError
from ismc.plot.files import EPOCH, render_figure, save, suffixes

IMAGES = ("png", "jpg", "jpeg", "tif", "tiff", "webp", "gif")
VECTORS = ("pdf", "svg", "svgz", "ps", "eps")
DPI = 60


def figure() -> Figure:
    one_hot = np.eye(4)[np.arange(20) % 4]
    scores = np.random.default_rng(0).normal(size=(20, 4)) * (1 - one_hot)
    return plot.figure(scores, one_hot, kinds=["heatmap", "track"], title="the record")


def test_the_formats_are_those_of_matplotlib() -> None:
    assert {f".{kind}" for kind in IMAGES + VECTORS} <= set(suffixes())


def test_the_same_figure_is_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EPOCH, raising=False)
    kinds = (*VECTORS, "png", "tif")
    before = {kind: render_figure(figure(), kind, DPI) for kind in kinds}
    later = time.time() + 90_000
    monkeypatch.setattr(time, "time", lambda: later)
    time.sleep(1.1)  # what is no function of Python, as in PDF
    assert {kind: render_figure(figure(), kind, DPI) for kind in kinds} == before
    assert EPOCH not in os.environ
    year = time.strftime("%Y").encode()
    assert b"CreationDate" not in before["pdf"]
    assert b"%%CreationDate: " + year not in before["ps"]


def test_a_date_that_the_user_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EPOCH, "86400")
    assert b"CreationDate: Fri Jan 02 00:00:00 1970" in render_figure(figure(), "eps", DPI)
    assert os.environ[EPOCH] == "86400"


@pytest.mark.parametrize("kind", IMAGES)
def test_images_open(kind: str) -> None:
    made = figure()
    image = Image.open(BytesIO(render_figure(made, kind, DPI)))
    image.load()
    assert image.size == tuple(int(side * DPI) for side in made.get_size_inches())
    assert np.ptp(np.asarray(image.convert("L"))) > 100


@pytest.mark.parametrize(
    "unzipped",
    [
        lambda: render_figure(figure(), "svg"),
        lambda: gzip.decompress(render_figure(figure(), "svgz")),
    ],
)
def test_text_of_svg_is_text(unzipped: Callable[[], bytes]) -> None:
    tree = ElementTree.fromstring(unzipped())  # noqa: S314
    text = {element.text for element in tree.iter("{http://www.w3.org/2000/svg}text")}
    assert {"the record", "position (0-based)", "importance", "A", "C", "G", "T"} <= text


def test_text_of_pdf_is_text() -> None:
    data = render_figure(figure(), "pdf")
    assert data.startswith(b"%PDF-")
    assert data.rstrip().endswith(b"%%EOF")
    assert b"/Type /Font" in data
    assert b"/FontFile2" in data  # TrueType
    assert b"/Subtype /Type3" not in data


def test_a_format_that_cannot_be_drawn_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = Mock(side_effect=RuntimeError("xelatex not found"))
    monkeypatch.setattr(Figure, "savefig", fails)
    with pytest.raises(InputError, match=r"(?s)format pgf here \(xelatex not found\).*Hint.*png"):
        save(figure(), tmp_path / "a.pgf")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"older")

    def full(self: Path, data: bytes) -> None:
        with self.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ArtifactError, match="No space left"):
        save(figure(), path)
    assert path.read_bytes() == b"older"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]
