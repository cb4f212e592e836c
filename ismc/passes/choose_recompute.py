"""Gives up the difference where recomputing everything is cheaper.

Before: ``conv9 ...  {difference}  {width 1000 of 1000}``
After:  ``conv9 ...  {full}  {stop: cheaper in full from here}``
Needs:  spans and forms. Sets: ``rules``, ``forms``, ``need``, ``spans``, ``extents``.

Once a value is held in full, all that follows is. So there is one decision, the first layer
to be recomputed, and every choice is priced. Cutting at the input is the naive program. A request
may name the layer instead.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

from ismc.passes.program import Form, Program
from ismc.passes.propagate import propagate
from ismc.passes.schedule import here, naive_cost
from ismc.passes.segment import segment
from ismc.rules.base import stop

GAIN = 0.95


def choose_recompute(program: Program) -> Program:
    """The program, cut where the rest is predicted to be cheaper in full."""
    layers = varying(program)
    cut = program.request.cut
    first = cheapest(program, layers) if cut is None else cut
    return recompute_in_full(program, layers[layers.index(first) :]) if first in layers else program


def varying(program: Program) -> list[str]:
    """The layers that a mutation changes, in order: where the program may be cut."""
    return [name for name in program.live if name in program.rules and program.varies(name)]


def cheapest(program: Program, layers: list[str]) -> str:
    """The layer to cut at, or ``""`` where that gains less than 5 %."""
    local = list(accumulate((here(program, n)[1].seconds for n in layers), initial=0.0))
    full = list(accumulate((naive_cost(program, n).seconds for n in layers), initial=0.0))
    prices = [local[i] + full[-1] - full[i] for i in range(len(layers) + 1)]
    best = min(range(len(prices)), key=lambda i: (prices[i], -i))
    return layers[best] if best < len(layers) and prices[best] <= GAIN * prices[-1] else ""


def recompute_in_full(program: Program, layers: list[str]) -> Program:
    """The program, with these layers recomputed in full."""
    cut = set(layers)
    rules = {
        name: replace(
            stop("cheaper in full" if program.forms[name] is not Form.FULL else rule.reason),
            reference=rule.reference,
            wild=rule.wild,
            relative=rule.relative,
        )
        if name in cut
        else rule
        for name, rule in program.rules.items()
    }
    return propagate(segment(program.knowing(rules=rules)))
