"""Determines what the mutants' values hold beyond the ends of the sequence.

Before: ``pool: ...  # slab, width 7 of 333``, which hangs over the ends at the first sites
After:  the same, and its positions beyond the ends are in one of the states of `Beyond`
Needs:  ``rules``, ``forms``, ``spans``, ``extents``. Sets: no fact; `StepBuilder` calls it.

All sites of a value have spans of one width, so spans hang over the ends near the edges. The model
has no positions there, and no answer may depend on them. Three rules ensure this:

* Look-ups of the reference repeat its first and last positions (`ismc.runtime.gather_windows`), and
  the substitution is zero beyond the ends. A value therefore starts as ``Beyond.REFERENCE``, as if
  the mutation did not reach beyond the ends. Pointwise functions preserve this state.
* A layer that pads reads zeros or minus infinity, and a mean sums all positions. Such layers are
  given differences that are zero beyond the ends, or slabs filled with the padding value.
* A layer over several positions computes arbitrary values there: ``Beyond.ORDINARY``, or
  ``Beyond.ANYTHING`` if they may be infinite or NaN. Some products mix positions before they add
  them up (Toom-Cook, blocks, banded matrices), and infinity does not cancel, so products are only
  given finite numbers. A layer with a rule by the user is given the reference.
"""

from __future__ import annotations

from enum import IntEnum
from math import isinf

from ismc.ir.graph import Layer
from ismc.ir.window import Span
from ismc.passes.program import Form, Program
from ismc.rules import Rule


class Beyond(IntEnum):
    """What a value holds beyond the ends of the sequence; a larger member knows less."""

    REFERENCE = 0
    """The reference at the nearest end: the difference is zero."""
    ORDINARY = 1
    """Finite numbers of the same size as elsewhere in the value."""
    ANYTHING = 2
    """Any number, including infinity and NaN."""


def states_beyond_ends(program: Program) -> dict[str, Beyond]:
    """The state of each value beyond the ends, in the form that the value is held in."""
    states: dict[str, Beyond] = {}
    for name in program.live:
        form = program.forms[name]
        if form is Form.DIFFERENCE:
            state = _of_difference(program, name, states)
            states[name] = Beyond.REFERENCE if must_be_zero(program, name) else state
        elif form is Form.SLAB:
            states[name] = _of_slab(program, program.graph[name], program.rules[name], states)
    return states


def of_difference(program: Program, name: str, states: dict[str, Beyond]) -> Beyond:
    """The state beyond the ends of a value's difference, in whatever form the value is held."""
    state = states.get(name, Beyond.REFERENCE)
    return Beyond.REFERENCE if is_cleared(program, name, state) else state


def is_cleared(program: Program, name: str, state: Beyond) -> bool:
    """Whether the difference of a value is set to zero beyond the ends."""
    return state is Beyond.ANYTHING or must_be_zero(program, name)


def must_be_zero(program: Program, name: str) -> bool:
    """Whether a reader of the difference would read positions beyond the ends."""
    for reader in program.graph.consumers(name):
        rule = program.rules.get(reader.name)
        if reader.name not in program.forms or rule is None:
            continue
        if program.forms[reader.name] is Form.DIFFERENCE and rule.outside is not None:
            return True
        if rule.stop is not None and rule.stop.fn == "mean_stop":
            return True
    return False


def needs_reference(rule: Rule) -> bool:
    """Whether a layer on slabs may only read values of the layer before it."""
    return rule.wild and rule.outside is None and not rule.window.pointwise


def _of_difference(program: Program, name: str, states: dict[str, Beyond]) -> Beyond:
    layer = program.graph[name]
    if name == program.request.sequence or not program.spans[name].hangs_over(_positions(layer)):
        return Beyond.REFERENCE
    rule = program.rules[name]
    operand_state = max(of_difference(program, source, states) for source in layer.inputs)
    return operand_state if _is_pointwise(program, layer, rule) else Beyond.ORDINARY


def _of_slab(program: Program, layer: Layer, rule: Rule, states: dict[str, Beyond]) -> Beyond:
    if not program.extents[layer.name].hangs_over(_positions(layer)):
        return Beyond.REFERENCE
    operand_state = max(states.get(source, Beyond.REFERENCE) for source in layer.inputs)
    if _is_pointwise(program, layer, rule):
        return Beyond.ANYTHING if rule.wild and operand_state else operand_state
    infinite = operand_state is Beyond.ANYTHING if rule.outside is None else isinf(rule.outside)
    return Beyond.ANYTHING if rule.wild or infinite else Beyond.ORDINARY


def _is_pointwise(program: Program, layer: Layer, rule: Rule) -> bool:
    """Whether each output position reads only itself, and operands and output have equal ends."""
    ends = {program.graph[name].length for name in layer.inputs} <= {1, layer.length}
    return rule.window.pointwise and not rule.shifts and ends


def _positions(layer: Layer) -> Span:
    return Span(0, layer.length)
