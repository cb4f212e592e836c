"""Functions that may turn ordinary numbers into huge or infinite ones; see `ismc.passes.wild`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ismc.ir.graph import Operand
from ismc.rules.base import Node, Rule

UNBOUNDED = ("Cumprod", "Normalize", "Prod")
EXPONENTIAL = ("Cosh", "Exp", "Exp2", "Expm1", "Sinh")
RELATIVE = (
    "Arccos", "Arccosh", "Arcsin", "Arctanh", "Divide", "Erfinv", "FloorDivide", "Log", "Log10",
    "Log1p", "Log2", "Mod", "Power", "Reciprocal", "Rsqrt", "Sqrt", "Tan", "TrueDivide",
)  # fmt: skip
MAX_CONSTANT = 1e4  # a larger constant makes a function wild
TAME_POWERS = (1, 2, 3, 4)


def is_wild(node: Node) -> bool:
    """Whether a function or one of its constants may produce huge or infinite numbers."""
    constants = constants_of(node)
    if any(
        np.size(c) and not np.abs(np.asarray(c)).max() <= MAX_CONSTANT
        for c in map(_numbers, constants)
    ):
        return True
    if node.layer.title == "Power":
        return not any(np.ndim(c) == 0 and c in TAME_POWERS for c in map(_numbers, constants))
    if "Divide" in node.layer.title:
        return isinstance(node.config["args"][-1], Operand)
    return node.layer.title in (*EXPONENTIAL, *RELATIVE)


def _numbers(constant: Any) -> Any:
    """The numbers in a constant, as an array; empty if it is not numeric."""
    try:
        array = np.asarray(constant)
    except (TypeError, ValueError):
        return np.zeros(0)
    return array if array.dtype.kind in "biuf" else np.zeros(0)


def constants_of(node: Node) -> list[Any]:
    """The arguments of a call that are not values of the graph."""
    arguments = [*node.config["args"], *node.config["kwargs"].values()]
    return [a for a in arguments if not isinstance(a, Operand) and a is not None]


def mark_wild(node: Node, rule: Rule) -> Rule:
    """The rule with ``wild`` and ``relative`` set as the function requires."""
    wild = is_wild(node)
    return replace(rule, wild=wild, relative=wild and node.layer.title in RELATIVE)
