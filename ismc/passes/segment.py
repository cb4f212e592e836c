"""Chooses the form of each value of the mutants, and so where the reference is looked up.

Before: ``bn: BatchNormalization(conv)  # see-through linear``, ``relu: ReLU(bn)  # see-through``
After:  ``bn: ...  # difference``, ``relu: ...  # slab``
Needs:  ``rules``. Sets: ``forms``, ``wild``; a recurrence of wild values is computed in full.

A run of linear layers acts on the difference alone. The first non-linear layer adds the reference
back, and the values stay slabs ``window(r) + d`` until a linear layer takes a difference. A linear
head and a non-linear tail form a segment: the reference is looked up once in its middle and once at
its end. Cheap linear layers take the form of their input. Merges and functions of values that may
be huge or infinite (`ismc.passes.wild`) are slabs.
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
    program = program.knowing(wild=wild, rules=_full_recurrences(program, wild))
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
    if not rule.linear or _needs_slab(program, layer, rule):
        return Form.SLAB
    input_forms = [forms[name] for name in layer.inputs]
    follows = rule.slab is not None and rule.slab.fn == "identity"
    cheap = follows or (rule.role is Role.SEE_THROUGH and not rule.reference.fn.startswith("dense"))
    return input_forms[0] if cheap and len(input_forms) == 1 else Form.DIFFERENCE


def _needs_slab(program: Program, layer: Layer, rule: Rule) -> bool:
    """Whether a linear pointwise layer is a slab, because differences may lose its digits."""
    merges = rule.role is Role.AGGREGATE and bool(program.wild.intersection(layer.inputs))
    return (rule.wild or merges) and rule.window.pointwise and not rule.shifts


def _full_recurrences(program: Program, wild: frozenset[str]) -> dict[str, Rule]:
    """The rules, with recurrences of wild values in full, because they sum differences."""
    return {
        name: replace(rule, stop=None)
        if name in wild and rule.stop is not None and rule.stop.fn == "recurrent_stop"
        else rule
        for name, rule in program.rules.items()
    }
