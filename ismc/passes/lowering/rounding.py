"""Rounds the operands of products of differences, where less than float32 was asked for.

Before: ``k5 = taps(w["conv1d_1"])``
After:  ``k5 = taps(w["conv1d_1"], products="bfloat16")``
Needs:  the steps and the request. Sets: nothing; its steps become the plan.

A difference is small beside the value it changes, and only differences are rounded: the reference,
and layers that see whole values, stay as they are. So the error is one of the change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ismc.plan.plan import Apply, Step

PRODUCTS = ("gemm_kernel", "conv2d_gemm", "dense_difference", "dense_stop", "dense_by_position")


def rounding(steps: Sequence[Step], precision: str) -> tuple[Step, ...]:
    """The steps with the type that their products take, unless that is float32."""
    if precision == "float32":
        return tuple(steps)
    return tuple(_rounded(step, precision) for step in steps)


def _rounded(step: Step, precision: str) -> Step:
    term = step.term
    if not isinstance(term, Apply) or term.fn not in PRODUCTS:
        return step
    return replace(step, term=replace(term, kwargs=(*term.kwargs, ("products", precision))))
