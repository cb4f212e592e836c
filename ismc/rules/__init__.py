"""Rules: one file per family of layers. Importing the package registers them all."""

from ismc.rules import (
    conv,
    functions,
    heads,
    merge,
    noop,
    normalise,
    pointwise,
    pooling,
    recurrent,
    shape,
    stops,
)
from ismc.rules.base import Example, Expr, Node, Role, Rule, examples, kind_of, rule, rule_of

__all__ = [
    "Example",
    "Expr",
    "Node",
    "Role",
    "Rule",
    "conv",
    "examples",
    "functions",
    "heads",
    "kind_of",
    "merge",
    "noop",
    "normalise",
    "pointwise",
    "pooling",
    "recurrent",
    "rule",
    "rule_of",
    "shape",
    "stops",
]
