"""Former names of options, which still work."""

from __future__ import annotations

import sys

FORMER = {"output": "out", "outputs": "model-output"}
"""Current names of options by their former names, without dashes."""

DEPRECATED = {"outputs"}
"""Former names that print a warning."""


def current_name(name: str) -> str:
    """The current name of an option, without dashes; other words are returned unchanged."""
    if name in DEPRECATED:
        print(f"warning: --{name} is deprecated; use --{FORMER[name]}.", file=sys.stderr)
    return FORMER.get(name, name)
