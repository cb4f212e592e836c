"""Tells the functions of a tile whether it is the only one of its program.

Before: ``s6 = max_pool1d(s5, 2, 2)``
After:  ``s6 = max_pool1d(s5, 2, 2, one_tile=one_tile)``
Needs:  the steps of a tile. Sets: no fact; the steps become part of the plan.

A program of one tile has no loop, and XLA fuses more there: some functions take another form, and
nothing is materialized. How many tiles a program has follows from the call, so the source asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ismc.passes.lowering.calls import takes
from ismc.plan.plan import Apply, Size, Step, Term

ONE_TILE = Size("one_tile")


def one_tile(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps, with ``one_tile`` in the calls of the functions that take it."""
    return tuple(replace(step, term=_with_one_tile(step.term)) for step in steps)


def _with_one_tile(term: Term) -> Term:
    if not isinstance(term, Apply):
        return term
    more = (("one_tile", ONE_TILE),) if takes(term.fn, "one_tile") else ()
    return replace(term, args=tuple(map(_with_one_tile, term.args)), kwargs=(*term.kwargs, *more))
