"""Which values may be huge or infinite beside the others, so that differences lose digits.

Before: ``y = exp(conv)  {slab}``, ``z = Add(y, conv)``
After:  ``{"y", "z"}``, and whatever is computed from them
Needs:  ``rules``. Sets: nothing; `segment` and `Lowering` ask.

In float32 a mutant is ``r + (f(r + d) - f(r))``: where the reference is very large beside it, what
is left is rounding of the reference, and infinity minus infinity is no number. Convolutions, sums,
pools and the usual activations turn ordinary numbers into ordinary ones; models of nothing else pay
nothing. Behind an exponential, a logarithm, a quotient, a constant such as -1e9, or a function that
is not known, merges hold values in place of differences, sums over all positions add up what is
there, and each mutant tells whether it lost too much; see `ismc.runtime.guards`.
"""

from __future__ import annotations

from ismc.passes.program import Program
from ismc.rules import Role, Rule


def wild_values(program: Program) -> frozenset[str]:
    """The values that a mutation changes and that come from a wild function."""
    varying = program.graph.descendants(program.request.sequence)
    found: set[str] = set()
    for name in program.live:
        rule = program.rules.get(name)
        if rule is None or name not in varying:
            continue
        if rule.wild or found.intersection(program.graph[name].inputs):
            found.add(name)
    return frozenset(found)


def compared_by_ratio(program: Program, name: str) -> bool:
    """Whether a reader's answer depends on how small a value is, not only on how far off it is.

    Functions of single positions and pools hand on what reads them; products do not.
    """
    for reader in program.graph.consumers(name):
        rule = program.rules.get(reader.name)
        if rule is None or reader.name not in program.wild:
            continue
        if rule.relative or (_hands_on(rule) and compared_by_ratio(program, reader.name)):
            return True
    return False


def _hands_on(rule: Rule) -> bool:
    """Whether small values stay small: functions, pools and merges, but no sums of products."""
    return rule.role is not Role.LOCAL and not rule.reference.fn.startswith("dense")
