"""The command line: ``python -m benchmarks``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

MANY = ("--models", "--against")


def spread(arguments: Sequence[str]) -> list[str]:
    """Options that take several values, written once, are written before each of them.

    >>> spread(["run", "--models", "basset", "danq", "--rounds", "3"])
    ['run', '--models', 'basset', '--models', 'danq', '--rounds', '3']
    """
    found: list[str] = []
    option = ""
    for word in arguments:
        if word.startswith("-"):
            option = word if word in MANY else ""
            if not option:
                found.append(word)
        else:
            found += [option, word] if option else [word]
    return found


def main() -> None:
    """Runs a command."""
    try:
        from benchmarks.cli import app
    except ModuleNotFoundError as error:
        sys.exit(f"error: {error}\nHint: pip install -e '.[bench,test]'")
    app(spread(sys.argv[1:]), prog_name="python -m benchmarks")


if __name__ == "__main__":
    main()
