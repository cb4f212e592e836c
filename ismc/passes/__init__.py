"""The passes, in order, and what each needs from those before it."""

from __future__ import annotations

from collections.abc import Callable

from ismc.passes.choose_recompute import choose_recompute
from ismc.passes.classify import classify
from ismc.passes.decompose import decompose
from ismc.passes.flatten import flatten
from ismc.passes.positions_first import positions_first
from ismc.passes.program import Form, Program, Request
from ismc.passes.propagate import propagate
from ismc.passes.prune_positions import prune_positions
from ismc.passes.schedule import schedule
from ismc.passes.segment import segment

Pass = Callable[[Program], Program]

INLINING: tuple[Pass, ...] = (
    flatten,  # rules describe layers, so nested models are inlined first
)
"""What runs before the frontend looks for masks, stops and rules: these name flat layers."""

PLANNING: tuple[Pass, ...] = (
    decompose,  # rules describe layers, so composite layers become their parts
    positions_first,  # rules expect the positions on axis 1
    classify,  # roles follow from the layers alone
    prune_positions,  # needs windows; rewrites layers and classifies them anew
    segment,  # forms follow from the roles
    propagate,  # spans follow from the windows, extents from the forms
    choose_recompute,  # costs follow from the spans; may make layers stops
    schedule,  # chooses strategies, tiles and steps
)
"""What runs after that, and once more for each trial of autotuning."""

PIPELINE: tuple[Pass, ...] = (*INLINING, *PLANNING)

__all__ = ["INLINING", "PIPELINE", "PLANNING", "Form", "Pass", "Program", "Request"]
