"""Which functions may make huge or infinite numbers of ordinary ones; see `ismc.passes.wild`."""

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
LARGE = 1e4  # a constant beyond it is wild
POWERS = (1, 2, 3, 4)


def is_wild(node: Node) -> bool:
    """Whether a function, or a constant of it, may make huge or infinite numbers."""
    constants = constants_of(node)
    if any(
        np.size(c) and not np.abs(np.asarray(c)).max() <= LARGE for c in map(_number, constants)
    ):
        return True
    if node.layer.title == "Power":
        return not any(np.ndim(c) == 0 and c in POWERS for c in map(_number, constants))
    if "Divide" in node.layer.title:
        return isinstance(node.config["args"][-1], Operand)
    return node.layer.title in (*EXPONENTIAL, *RELATIVE)


def _number(constant: Any) -> Any:
    """The numbers of a constant; nothing where it has none."""
    try:
        found = np.asarray(constant)
    except (TypeError, ValueError):
        return np.zeros(0)
    return found if found.dtype.kind in "biuf" else np.zeros(0)


def constants_of(node: Node) -> list[Any]:
    """The arguments that are no values of the graph."""
    found = [*node.config["args"], *node.config["kwargs"].values()]
    return [a for a in found if not isinstance(a, Operand) and a is not None]


def mark_wild(node: Node, found: Rule) -> Rule:
    """A rule with what the function may make of ordinary numbers."""
    wild = is_wild(node)
    return replace(found, wild=wild, relative=wild and node.layer.title in RELATIVE)
