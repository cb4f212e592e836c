"""Chooses how each value of the mutants is held, and so where the reference is looked up.

Before: ``bn = BatchNormalization(conv)  {see-through linear}``, ``relu = Activation(bn)``
After:  ``bn ...  {difference}``, ``relu ...  {slab}``
Needs:  ``rules``. Sets: ``forms``, ``wild``; a recurrence of wild values starts anew.

A run of linear layers acts on the difference alone; the first non-linear layer adds the reference
back, and the slab ``window(r) + d`` is kept until a linear layer takes a difference again. That
run, a linear head and a non-linear tail, is a segment: one look-up of the reference at its
middle, one at its end. Cheap linear layers follow whatever form they find. Of values that may be
huge or infinite (`ismc.passes.wild`) merges and functions hold the values themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ismc.ir.graph import Layer
from ismc.passes.program import Form, Program
from ismc.passes.wild import wild_values
from ismc.rules import Role, Rule


def segment(program: Program) -> Program:
    """The program with the form of every live value."""
    wild = wild_values(program)
    program = program.knowing(wild=wild, rules=_restarted(program, wild))
    varying = program.graph.descendants(program.request.sequence)
    forms: dict[str, Form] = {}
    for name in program.live:
        if name == program.request.sequence:
            forms[name] = Form.DIFFERENCE
        elif name not in varying:
            forms[name] = Form.REFERENCE
        else:
            forms[name] = _form(program, program.graph[name], forms)
    return program.knowing(forms=forms)


def _form(program: Program, layer: Layer, forms: Mapping[str, Form]) -> Form:
    rule = program.rules[layer.name]
    if rule.role is Role.STOP:
        return Form.FULL
    if not rule.linear or _holds_values(program, layer, rule):
        return Form.SLAB
    taken = [forms[name] for name in layer.inputs]
    follows = rule.slab is not None and rule.slab.fn == "identity"
    cheap = follows or (rule.role is Role.SEE_THROUGH and not rule.reference.fn.startswith("dense"))
    return taken[0] if cheap and len(taken) == 1 else Form.DIFFERENCE


def _holds_values(program: Program, layer: Layer, rule: Rule) -> bool:
    """Whether a linear layer of single positions keeps values, for differences may lose them."""
    merges = rule.role is Role.AGGREGATE and bool(program.wild.intersection(layer.inputs))
    return (rule.wild or merges) and rule.window.pointwise and not rule.shifts


def _restarted(program: Program, wild: frozenset[str]) -> dict[str, Rule]:
    """The rules, with recurrences of wild values computed in full: they add differences up."""
    return {
        name: replace(rule, stop=None)
        if name in wild and rule.stop is not None and rule.stop.fn == "recurrent_stop"
        else rule
        for name, rule in program.rules.items()
    }
