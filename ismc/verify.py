"""Holds a compiled program against the oracle, and finds the layer where they part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ismc.compiled import CompiledISM
    from ismc.passes import Program


def verify(compiled: CompiledISM, program: Program) -> None:
    """Placeholder."""
    del compiled, program
