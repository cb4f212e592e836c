"""How commands report errors."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from ismc.errors import IsmcError
from ismc.io.extras import extras


@contextmanager
def reporting() -> Iterator[None]:
    """Prints an ismc error to stderr without a traceback, and exits with code 1."""
    try:
        with extras():
            yield
    except IsmcError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
