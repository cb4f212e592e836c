"""The passes, in order, and what each needs of those before it."""

from __future__ import annotations

from collections.abc import Callable

from ismc.passes.choose_recompute import balance
from ismc.passes.classify import classify
from ismc.passes.decompose import expand
from ismc.passes.flatten import flatten
from ismc.passes.positions_first import turn
from ismc.passes.program import Form, Program, Request
from ismc.passes.propagate import propagate
from ismc.passes.prune_positions import thin
from ismc.passes.schedule import schedule
from ismc.passes.segment import segment

Pass = Callable[[Program], Program]

PIPELINE: tuple[Pass, ...] = (
    flatten,  # rules speak of layers, so models inside models go first
    expand,  # and layers that are made of others
    turn,  # rules take axis 1 for the positions
    classify,  # roles follow from the layers alone
    thin,  # needs windows; rewrites layers, and asks the rules again
    segment,  # forms follow from the roles
    propagate,  # spans follow from the windows, extents from the forms
    balance,  # prices follow from the spans; may turn layers into stops
    schedule,  # numbers: strategies, tiles, steps
)

__all__ = ["PIPELINE", "Form", "Pass", "Program", "Request"]
