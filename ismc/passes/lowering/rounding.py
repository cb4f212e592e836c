"""Rounds the operands of products of differences, if a lower precision than float32 is requested.

Before: ``d5 = dense_difference(d4, w["dense"])``
After:  ``d5 = dense_difference(d4, w["dense"], products="bfloat16")``
Needs:  the steps and the request. Sets: no fact; the steps become part of the plan.

A difference is small compared with the value it changes, and only differences are rounded. The
reference, and layers that read whole values, keep float32. The error is therefore relative to the
change. Strategies of convolutions say themselves whether they round their prepared kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ismc.passes.lowering.calls import takes
from ismc.plan.plan import Apply, Step


def rounding(steps: Sequence[Step], precision: str) -> tuple[Step, ...]:
    """The steps with the type of their products, unless that is float32."""
    if precision == "float32":
        return tuple(steps)
    return tuple(_round(step, precision) for step in steps)


def _round(step: Step, precision: str) -> Step:
    term = step.term
    if not isinstance(term, Apply) or not takes(term.fn, "products"):
        return step
    return replace(step, term=replace(term, kwargs=(*term.kwargs, ("products", precision))))
