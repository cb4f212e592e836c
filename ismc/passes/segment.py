"""Chooses how each value of the mutants is held, and so where the reference is looked up.

Before: ``bn = BatchNormalization(conv)  {see-through linear}``, ``relu = Activation(bn)``
After:  ``bn ...  {difference}``, ``relu ...  {slab}``
Needs:  ``rules``. Sets: ``forms``.

A run of linear layers acts on the difference alone; the first non-linear layer adds the reference
back, and the slab ``window(r) + d`` is kept until a linear layer takes a difference again. That
run, a linear head and a non-linear tail, is a segment: one look-up of the reference at its
middle, one at its end. Cheap linear layers follow whatever form they find.
"""

from __future__ import annotations

from collections.abc import Mapping

from ismc.ir import Layer
from ismc.passes.program import Form, Program
from ismc.rules import Role, Rule


def segment(program: Program) -> Program:
    """The program with the form of every live value."""
    varying = program.graph.descendants(program.request.sequence)
    forms: dict[str, Form] = {}
    for name in program.live:
        if name == program.request.sequence:
            forms[name] = Form.DIFFERENCE
        elif name not in varying:
            forms[name] = Form.REFERENCE
        else:
            forms[name] = _form(program.graph[name], program.rules[name], forms)
    return program.knowing(forms=forms)


def _form(layer: Layer, rule: Rule, forms: Mapping[str, Form]) -> Form:
    if rule.role is Role.STOP:
        return Form.FULL
    if not rule.linear:
        return Form.SLAB
    taken = [forms[name] for name in layer.inputs]
    follows = rule.slab is not None and rule.slab.fn == "identity"
    cheap = follows or (rule.role is Role.SEE_THROUGH and not rule.reference.fn.startswith("dense"))
    return taken[0] if cheap and len(taken) == 1 else Form.DIFFERENCE
