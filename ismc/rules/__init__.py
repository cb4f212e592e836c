"""The rules of layers, one file per family; importing the package registers all of them."""

from ismc.rules import (
    conv,
    functions,
    heads,
    matrices,
    merge,
    noop,
    normalise,
    pointwise,
    pooling,
    recurrent,
    shape,
    stops,
)
from ismc.rules.base import (
    Example,
    Expr,
    Node,
    Role,
    Rule,
    examples,
    kind_of,
    rule,
    rule_of,
)
from ismc.rules.products import Products, products_of

__all__ = [
    "Example",
    "Expr",
    "Node",
    "Products",
    "Role",
    "Rule",
    "conv",
    "examples",
    "functions",
    "heads",
    "kind_of",
    "matrices",
    "merge",
    "noop",
    "normalise",
    "pointwise",
    "pooling",
    "products_of",
    "recurrent",
    "rule",
    "rule_of",
    "shape",
    "stops",
]
