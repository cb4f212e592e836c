"""Figures as files: equal figures give equal bytes, and text stays text."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ismc.errors import InputError
from ismc.io.extras import extras
from ismc.io.targets import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 150
DATES: Mapping[str, Mapping[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
SETTINGS: Any = {
    "pdf.fonttype": 42,  # TrueType, which editors recognise as text
    "svg.fonttype": "none",
    "svg.hashsalt": "ismc",
}
EPOCH = "SOURCE_DATE_EPOCH"


def suffixes() -> tuple[str, ...]:
    """The suffixes of all formats that matplotlib supports.

    Raises:
        IsmcError: when matplotlib is missing.
    """
    with extras():
        from matplotlib.backend_bases import FigureCanvasBase
    return tuple(f".{name}" for name in FigureCanvasBase.get_supported_filetypes())


def save(figure: Figure, path: Path, *, dpi: int = DPI) -> None:
    """Writes a figure atomically; check the path first with `ismc.io.targets`.

    Args:
        figure: a figure of any panels.
        path: the file; its suffix is the format.
        dpi: dots per inch, for pixel formats.

    Raises:
        InputError: when matplotlib cannot write this format on this machine.
        ArtifactError: when the file cannot be written.
    """
    data = render_figure(figure, path.suffix[1:], dpi)
    with atomic_write(path) as part:
        part.write_bytes(data)


def render_figure(figure: Figure, kind: str, dpi: int = DPI) -> bytes:
    """A figure as bytes in a format of matplotlib, without the date.

    Raises:
        InputError: when matplotlib cannot draw this format on this machine.
    """
    from matplotlib import rc_context

    zipped = kind == "svgz"  # matplotlib's own svgz contains a date
    kind = "svg" if zipped else kind
    file = BytesIO()
    try:
        with rc_context(SETTINGS), _epoch():
            figure.savefig(file, format=kind, dpi=dpi, metadata=DATES.get(kind))
    except (KeyError, OSError, RuntimeError, ValueError) as error:
        raise InputError(
            f"matplotlib cannot draw the format {kind} here ({error}).",
            hint="Choose another suffix, .png, .pdf or .svg for instance.",
        ) from error
    return gzip.compress(file.getvalue(), mtime=0) if zipped else file.getvalue()


@contextmanager
def _epoch() -> Iterator[None]:
    """Sets ``SOURCE_DATE_EPOCH``, the only way to fix PostScript's date, unless the user has."""
    before = os.environ.get(EPOCH)
    os.environ.setdefault(EPOCH, "0")
    try:
        yield
    finally:
        if before is None:
            del os.environ[EPOCH]
