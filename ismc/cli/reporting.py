"""How commands tell errors."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from ismc.errors import IsmcError
from ismc.io.extras import extras


@contextmanager
def reporting() -> Iterator[None]:
    """Errors of ismc are told on stderr, without a traceback; the exit code is 1."""
    try:
        with extras():
            yield
    except IsmcError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
