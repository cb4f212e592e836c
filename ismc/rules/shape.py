"""Layers that move positions without arithmetic: crops, padding, Flatten and Reshape."""

from math import prod

from ismc.rules.base import IDENTITY, Example, Expr, Node, Role, Rule, describe, stop
from ismc.window import Window


@describe("Cropping1D", examples=[Example({"cropping": [2, 3]}), Example({"cropping": [0, 1]})])
def cropping(node: Node) -> Rule:
    """Positions at the ends are dropped; the others move."""
    left, right = node.config["cropping"]
    return Rule(
        Role.LOCAL,
        linear=True,
        window=Window(pad=-left),
        reference=Expr("crop", (left, right)),
        slab=IDENTITY,
        difference=IDENTITY,
    )


@describe("ZeroPadding1D", examples=[Example({"padding": [2, 3]}), Example({"padding": [0, 1]})])
def zero_padding(node: Node) -> Rule:
    """Zeros are put before and after; the positions move."""
    left, right = node.config["padding"]
    if node.config.get("data_format") == "channels_first":
        return stop("channels come first, positions are axis 2")
    return Rule(
        Role.LOCAL,
        linear=True,
        window=Window(pad=left),
        reference=Expr("zero_pad", (left, right)),
        difference=IDENTITY,
        outside=0.0,
    )


@describe(
    "Flatten",
    "Reshape",
    examples=[
        Example(kind="Flatten"),
        Example({"target_shape": [12, 2, 2]}, kind="Reshape"),
        Example({"target_shape": [48]}, kind="Reshape"),
        Example({"target_shape": [24, 2]}, kind="Reshape"),
        Example({"target_shape": [6, 8]}, kind="Reshape"),
        Example({"target_shape": [6, 1, 8]}, kind="Reshape"),
    ],
)
def reshape(node: Node) -> Rule:
    """Positions are split into several or joined; what one holds must divide the other."""
    if node.config.get("data_format") == "channels_first":
        return stop("channels come first, positions are axis 2")
    tail = node.layer.shape[1:]
    before, after = prod(node.shape[1:]), prod(tail)
    if before % after == 0:
        times = before // after
        window = Window(size=times, pad=times - 1, up=times)
    elif after % before == 0:
        window = Window(size=after // before, stride=after // before)
    else:
        return stop("positions are cut across")
    return Rule(
        Role.LOCAL,
        linear=True,
        window=window,
        reference=Expr("reshape", (tail,)),
        slab=Expr("reshape", (tail,)),
        difference=Expr("reshape", (tail,)),
    )
