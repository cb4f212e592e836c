"""Gives up the difference where recomputing everything is cheaper.

Before: ``conv9: ...  # difference, width 1000 of 1000``
After:  ``conv9: ...  # full, stop: cheaper in full``
Needs:  spans and forms. Sets: ``rules``, ``forms``, ``need``, ``spans``, ``extents``.

Once a value is held in full, so are all values after it. The only decision is therefore the first
layer to recompute, and the pass prices every choice. Cutting at the input gives the naive program.
A request may name the layer instead. No value before the cut changes its form, but fewer of its
positions may be needed.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

from ismc.passes.costs import choose_strategy, full_cost
from ismc.passes.program import Form, Program
from ismc.passes.propagate import locate_values
from ismc.rules.base import stop

MAX_COST_RATIO = 0.95  # of the program with a cut to the one without


def choose_recompute(program: Program) -> Program:
    """The program, recomputed in full from where that is predicted to be cheaper."""
    layers = varying(program)
    cut = program.request.cut
    first = cheapest_cut(program, layers) if cut is None else cut
    return recompute_in_full(program, layers[layers.index(first) :]) if first in layers else program


def varying(program: Program) -> list[str]:
    """The layers that a mutation changes, in order: where the program may be cut."""
    return [name for name in program.live if name in program.rules and program.varies(name)]


def cheapest_cut(program: Program, layers: list[str]) -> str:
    """The layer to cut at, or ``""`` if that gains less than 5 %."""
    local = list(accumulate((choose_strategy(program, n)[1].seconds for n in layers), initial=0.0))
    full = list(accumulate((full_cost(program, n).seconds for n in layers), initial=0.0))
    costs = [local[i] + full[-1] - full[i] for i in range(len(layers) + 1)]
    best = min(range(len(costs)), key=lambda i: (costs[i], -i))
    return layers[best] if best < len(layers) and costs[best] <= MAX_COST_RATIO * costs[-1] else ""


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
    forms = {**program.forms, **dict.fromkeys(layers, Form.FULL)}
    program = program.knowing(rules=rules, forms=forms)
    return program.knowing(**locate_values(program))
