"""What passes ask of an array function: whether it reduces positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

REDUCTIONS: set[str] = set()
"""The names of the functions that sum or compare positions."""


def reduces(function: Function) -> Function:
    """Marks an array function that sums or compares positions: nothing fuses into its kernel."""
    REDUCTIONS.add(function.__name__)
    return function
