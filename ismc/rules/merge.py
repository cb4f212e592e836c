"""Rules of layers that merge values: sums are linear, products, maxima and minima are not."""

from ismc.rules.base import Example, Expr, Node, Role, Rule, describe, stop

THREE_SHAPES = ((12, 4), (12, 4), (12, 4))
TWO_SHAPES = THREE_SHAPES[:2]


def layout_mismatch(node: Node) -> Rule | None:
    """A stop if the positions of an operand do not match those of the result, else ``None``."""
    rank = len(node.layer.shape)
    for operand, varies in zip(node.inputs, node.varies, strict=True):
        if varies and (len(operand.shape) != rank or operand.length != node.layer.length):
            return stop(f"{operand.name} is broadcast over all positions")
        if not varies and (
            len(operand.shape) != rank or operand.length not in (1, node.layer.length)
        ):
            return stop(f"{operand.name} does not have the positions of the result")
    return None


def merge_rule(node: Node, expr: Expr, difference: Expr | None = None) -> Rule:
    """The rule of a merge of values with the same positions; linear if it has a difference."""
    return layout_mismatch(node) or Rule(
        Role.AGGREGATE, linear=difference is not None, reference=expr, difference=difference
    )


@describe("Add", examples=[Example(shapes=THREE_SHAPES)])
def add(node: Node) -> Rule:
    """The sum of values."""
    return merge_rule(node, Expr("+"), Expr("+"))


@describe("Subtract", examples=[Example(shapes=TWO_SHAPES)])
def subtract(node: Node) -> Rule:
    """The difference of two values."""
    return merge_rule(node, Expr("-"), Expr("-"))


@describe("Average", examples=[Example(shapes=THREE_SHAPES)])
def average(node: Node) -> Rule:
    """The mean of values."""
    change = Expr("average_difference", kwargs={"count": len(node.inputs)})
    return merge_rule(node, Expr("average"), change)


@describe("Multiply", "Maximum", "Minimum", examples=[Example(shapes=THREE_SHAPES)])
def extreme(node: Node) -> Rule:
    """The product, the maximum or the minimum of values."""
    return merge_rule(node, Expr(node.layer.title.lower()))


@describe(
    "Concatenate",
    examples=[Example(shapes=((12, 4), (12, 2))), Example({"axis": 1}, ((7, 4), (12, 4), (3, 4)))],
)
def concatenate(node: Node) -> Rule:
    """The concatenation of channels or of positions."""
    return concatenate_rule(node, *node.axes(node.config["axis"]))


def concatenate_rule(node: Node, axis: int) -> Rule:
    """The rule of a concatenation along an axis; axis 0 is the batch."""
    expr = Expr("concatenate", kwargs={"axis": axis})
    if axis != 1:
        return layout_mismatch(node) or Rule(
            Role.AGGREGATE, linear=True, reference=expr, difference=expr
        )
    starts, start = [], 0
    for operand in node.inputs:
        starts.append(start)
        start += operand.length
    return Rule(
        Role.AGGREGATE,
        linear=True,
        reference=expr,
        difference=Expr("+"),
        shifts=tuple(starts),
        outside=0.0,
    )
