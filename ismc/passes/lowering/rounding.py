"""Rounds the operands of products of differences, if a lower precision than float32 is requested.

Before: ``k5 = gemm_kernel(w["conv1d_1"])``
After:  ``k5 = gemm_kernel(w["conv1d_1"], products="bfloat16")``
Needs:  the steps and the request. Sets: no fact; the steps become part of the plan.

A difference is small compared with the value it changes, and only differences are rounded. The
reference, and layers that read whole values, keep float32. The error is therefore relative to the
change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ismc.plan.plan import Apply, Step

PRODUCTS = ("gemm_kernel", "conv2d_gemm", "dense_difference", "dense_stop", "dense_by_position")


def rounding(steps: Sequence[Step], precision: str) -> tuple[Step, ...]:
    """The steps with the type of their products, unless that is float32."""
    if precision == "float32":
        return tuple(steps)
    return tuple(_round(step, precision) for step in steps)


def _round(step: Step, precision: str) -> Step:
    term = step.term
    if not isinstance(term, Apply) or term.fn not in PRODUCTS:
        return step
    return replace(step, term=replace(term, kwargs=(*term.kwargs, ("products", precision))))
