"""Finds values that may be huge or infinite, so that their differences lose digits.

Before: ``y: ops.Exp(conv)  # slab``, ``z: Add(y, conv)``
After:  ``{"y", "z"}``, and whatever is computed from them
Needs:  ``rules``. Sets: no fact; `segment` and `StepBuilder` call it.

In float32 a mutant's value is ``r + (f(r + d) - f(r))``. If the reference is much larger than this
value, the result is only rounding error, and infinity minus infinity is NaN. Convolutions, sums,
pools and the usual activations map ordinary numbers to ordinary numbers; models that contain only
these pay nothing. After an exponential, a logarithm, a quotient, a constant such as -1e9 or an
unknown function, merges hold values instead of differences, means over all positions sum values,
and each mutant reports whether it lost too many digits; see `ismc.runtime.guards`.
"""

from __future__ import annotations

from ismc.passes.program import Program
from ismc.rules import Role, Rule


def wild_values(program: Program) -> frozenset[str]:
    """The values that a mutation changes and that come from a wild function."""
    varying = program.graph.descendants(program.request.sequence)
    names: set[str] = set()
    for name in program.live:
        rule = program.rules.get(name)
        if rule is None or name not in varying:
            continue
        if rule.wild or names.intersection(program.graph[name].inputs):
            names.add(name)
    return frozenset(names)


def compared_by_ratio(program: Program, name: str) -> bool:
    """Whether a reader's result depends on the ratio of small values, not only on their difference.

    Pointwise functions, pools and merges pass such a dependence on; products do not.
    """
    for reader in program.graph.consumers(name):
        rule = program.rules.get(reader.name)
        if rule is None or reader.name not in program.wild:
            continue
        if rule.relative or (_preserves_ratios(rule) and compared_by_ratio(program, reader.name)):
            return True
    return False


def _preserves_ratios(rule: Rule) -> bool:
    """Whether small values stay small: functions, pools and merges, but not sums of products."""
    return rule.role is not Role.LOCAL and not rule.reference.fn.startswith("dense")
