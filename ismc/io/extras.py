"""Libraries that are installed with an extra, and what is said when one is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ismc.errors import IsmcError

EXTRAS = {
    "Bio": "cli",
    "h5py": "cli",
    "pandas": "cli",
    "pyfaidx": "cli",
    "rich": "cli",
    "typer": "cli",
    "zarr": "cli",
    "logomaker": "plot",
    "matplotlib": "plot",
    "scipy": "plot",
    "seaborn": "plot",
    "plotly": "report",
    "pyBigWig": "bigwig",
    "ray": "ray",
}


@contextmanager
def extras() -> Iterator[None]:
    """Imports inside name the extra to install.

    Raises:
        IsmcError: in place of the ModuleNotFoundError of a library of an extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package not in EXTRAS:
            raise
        raise IsmcError(
            f"The library {package!r} is not installed, expected it for this command.",
            hint=f"pip install 'ismc[{EXTRAS[package]}]'",
        ) from error
