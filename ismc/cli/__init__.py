"""The entry point of the command `ismc`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ismc.errors import IsmcError
from ismc.io.extras import extras


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command and exits with 0 for success, 1 for an ismc error, 2 for wrong usage.

    Args:
        arguments: the command and its options; by default those of the command line.
    """
    try:
        with extras():
            from ismc.cli.app import app
    except IsmcError as error:
        sys.exit(f"error: {error}")
    app(None if arguments is None else list(arguments), prog_name="ismc")
