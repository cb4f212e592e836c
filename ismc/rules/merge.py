"""Merges of several values: sums are linear, products and extremes are not."""

from ismc.rules.base import Example, Expr, Node, Role, Rule, describe, stop

THREE = ((12, 4), (12, 4), (12, 4))
TWO = THREE[:2]


def apart(node: Node) -> Rule | None:
    """A stop when an operand that varies is not laid out like the result."""
    rank = len(node.layer.shape)
    for operand, varies in zip(node.inputs, node.varies, strict=True):
        if varies and (len(operand.shape) != rank or operand.length != node.layer.length):
            return stop(f"{operand.name} is spread over all positions")
        if not varies and (
            len(operand.shape) != rank or operand.length not in (1, node.layer.length)
        ):
            return stop(f"{operand.name} has a shape of its own")
    return None


def merged(node: Node, expr: Expr, difference: Expr | None = None) -> Rule:
    """The rule of a merge of values that are laid out alike."""
    return apart(node) or Rule(
        Role.AGGREGATE, linear=difference is not None, reference=expr, difference=difference
    )


@describe("Add", examples=[Example(shapes=THREE)])
def add(node: Node) -> Rule:
    """The sum."""
    return merged(node, Expr("+"), Expr("+"))


@describe("Subtract", examples=[Example(shapes=TWO)])
def subtract(node: Node) -> Rule:
    """The difference of two values."""
    return merged(node, Expr("-"), Expr("-"))


@describe("Average", examples=[Example(shapes=THREE)])
def average(node: Node) -> Rule:
    """The mean."""
    change = Expr("average_difference", kwargs={"count": len(node.inputs)})
    return merged(node, Expr("average"), change)


@describe("Multiply", "Maximum", "Minimum", examples=[Example(shapes=THREE)])
def extreme(node: Node) -> Rule:
    """The product, the largest, the smallest."""
    return merged(node, Expr(node.layer.title.lower()))


@describe(
    "Concatenate",
    examples=[Example(shapes=((12, 4), (12, 2))), Example({"axis": 1}, ((7, 4), (12, 4), (3, 4)))],
)
def concatenate(node: Node) -> Rule:
    """Channels side by side, or positions one after the other."""
    return concatenated(node, *node.axes(node.config["axis"]))


def concatenated(node: Node, axis: int) -> Rule:
    """The rule of a concatenation along an axis, counted from the batch."""
    expr = Expr("concatenate", kwargs={"axis": axis})
    if axis != 1:
        return apart(node) or Rule(Role.AGGREGATE, linear=True, reference=expr, difference=expr)
    begins, begin = [], 0
    for operand in node.inputs:
        begins.append(begin)
        begin += operand.length
    return Rule(
        Role.AGGREGATE,
        linear=True,
        reference=expr,
        difference=Expr("+"),
        shifts=tuple(begins),
        outside=0.0,
    )
