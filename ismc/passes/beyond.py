"""What values of mutants hold beyond the ends of the sequence: the one place that says so.

Before: ``pool ...  {slab}  {width 7 of 333}``, which hangs over the ends at the first sites
After:  the same, and what lies out there: zero change, something ordinary, or anything at all
Needs:  ``rules``, ``forms``, ``spans``, ``extents``. Sets: nothing; `Lowering` asks.

All sites of a value have spans of one width, so at the edges spans hang over the ends. Positions
out there are no positions of the model, and no answer may depend on them. Three rules see to it:

* Look-ups of the reference repeat its first and last positions (`ismc.runtime.windows`), and the
  substitution is zero beyond the ends. So a value starts as ``Beyond.REFERENCE``: as if the
  mutation did not reach out there. Functions of single positions keep it so.
* A layer that pads reads zeros, or minus infinity, and a mean adds everything up: they are given
  differences that are zero beyond the ends, or slabs that are filled with what they pad.
* A layer over several positions leaves what its window happened to meet: ``Beyond.ORDINARY``, or
  ``Beyond.ANYTHING`` where that may be infinite or NaN. Products mix positions before they add
  them up (Toom and Cook's scheme, blocks, banded matrices), and infinity does not cancel: they are
  never given anything but ordinary numbers. A layer of the user's is given the reference.
"""

from __future__ import annotations

from enum import IntEnum
from math import isinf

from ismc.ir.graph import Layer
from ismc.ir.window import Span
from ismc.passes.program import Form, Program
from ismc.rules import Rule


class Beyond(IntEnum):
    """What a value holds beyond the ends of the sequence; the larger, the less is known."""

    REFERENCE = 0
    """What the reference has at the nearest end: the difference is zero."""
    ORDINARY = 1
    """Finite numbers, of the size that the value has elsewhere."""
    ANYTHING = 2
    """Infinity and NaN as well."""


def beyond_the_ends(program: Program) -> dict[str, Beyond]:
    """What each value holds there, in the form that it is held in."""
    found: dict[str, Beyond] = {}
    for name in program.live:
        form = program.forms[name]
        if form is Form.DIFFERENCE:
            made = _of_difference(program, name, found)
            found[name] = Beyond.REFERENCE if must_be_zero(program, name) else made
        elif form is Form.SLAB:
            found[name] = _of_slab(program, program.graph[name], program.rules[name], found)
    return found


def of_difference(program: Program, name: str, found: dict[str, Beyond]) -> Beyond:
    """What a reader of the difference of a value is given, in whatever form the value is held."""
    made = found.get(name, Beyond.REFERENCE)
    return Beyond.REFERENCE if is_cleared(program, name, made) else made


def is_cleared(program: Program, name: str, made: Beyond) -> bool:
    """Whether the difference of a value is set to zero beyond the ends."""
    return made is Beyond.ANYTHING or must_be_zero(program, name)


def must_be_zero(program: Program, name: str) -> bool:
    """Whether a reader of the difference would see what hangs over the ends."""
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
    """Whether a layer on slabs must meet nothing but values of the layer before it."""
    return rule.wild and rule.outside is None and not rule.window.pointwise


def _of_difference(program: Program, name: str, found: dict[str, Beyond]) -> Beyond:
    layer = program.graph[name]
    if name == program.request.sequence or not program.spans[name].hangs_over(_inside(layer)):
        return Beyond.REFERENCE
    rule = program.rules[name]
    taken = max(of_difference(program, source, found) for source in layer.inputs)
    return taken if _stays(program, layer, rule) else Beyond.ORDINARY


def _of_slab(program: Program, layer: Layer, rule: Rule, found: dict[str, Beyond]) -> Beyond:
    if not program.extents[layer.name].hangs_over(_inside(layer)):
        return Beyond.REFERENCE
    taken = max(found.get(source, Beyond.REFERENCE) for source in layer.inputs)
    if _stays(program, layer, rule):
        return Beyond.ANYTHING if rule.wild and taken else taken
    met = taken is Beyond.ANYTHING if rule.outside is None else isinf(rule.outside)
    return Beyond.ANYTHING if rule.wild or met else Beyond.ORDINARY


def _stays(program: Program, layer: Layer, rule: Rule) -> bool:
    """Whether each position comes from itself alone, and the ends are those of the operands."""
    ends = {program.graph[name].length for name in layer.inputs} <= {1, layer.length}
    return rule.window.pointwise and not rule.shifts and ends


def _inside(layer: Layer) -> Span:
    return Span(0, layer.length)
