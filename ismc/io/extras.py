"""Libraries of optional extras, and the error for a missing one."""

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
    """Names the extra to install when an import inside the block fails.

    Raises:
        IsmcError: in place of the ModuleNotFoundError of an extra's library.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package not in EXTRAS:
            raise
        raise IsmcError(
            f"The library {package!r} is not installed, but is required here.",
            hint=f"pip install 'ismc[{EXTRAS[package]}]'",
        ) from error
