"""Layers that move positions without arithmetic: crops, padding, Flatten and Reshape."""

from math import prod
from typing import Any

from ismc.ir.window import Span, Window
from ismc.rules.base import (
    IDENTITY,
    THE_LAYER,
    Example,
    Expr,
    Node,
    Role,
    Rule,
    describe,
    stop,
    unpadded,
)


@describe("Cropping1D", examples=[Example({"cropping": [2, 3]}), Example({"cropping": [0, 1]})])
def cropping(node: Node) -> Rule:
    """Positions at the ends are dropped; the others move."""
    return cropped(node, *node.config["cropping"])


def cropped(_: Node, left: int, right: int) -> Rule:
    """The rule of positions that are dropped at the ends."""
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
    return padded(node, *node.config["padding"])


def padded(_: Node, left: int, right: int) -> Rule:
    """The rule of zeros before and after the positions."""
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
    return regrouped(node)


def regrouped(node: Node) -> Rule:
    """The rule of a value whose elements keep their order under another shape."""
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


@describe(
    "ops.GetItem",
    examples=[
        Example(code="x[:, 2:9]", kind="ops.GetItem"),
        Example(code="x[:, 1:-1:3, 1:]", kind="ops.GetItem"),
        Example(code="x[..., 1:3]", kind="ops.GetItem"),
        Example(code="x[:, :, 2]", kind="ops.GetItem"),
        Example(code="x[:, -5:, 0]", kind="ops.GetItem"),
    ],
)
def get_item(node: Node) -> Rule:
    """A slice of positions, of channels, or both."""
    keys = _keys(node.config["args"][1], node.rank)
    if keys is None or keys[0] != slice(None):
        return stop("it is indexed by more than slices and numbers")
    _, positions, *tail = keys
    if isinstance(positions, int):
        there = positions % node.shape[0]
        return stop("one position is taken", needs=Span(there, there + 1))
    start, _, step = positions.indices(node.shape[0])
    if step < 1:
        return stop("positions are reversed")
    if positions.indices(node.shape[0]) == (0, node.shape[0], 1):
        return Rule(Role.SEE_THROUGH, linear=True, difference=THE_LAYER)
    plain = tuple(k if isinstance(k, int) else (k.start, k.stop, k.step) for k in tail)
    change = Expr("pick", (step, plain))
    if step == 1 and all(key == slice(None) for key in tail):
        change = IDENTITY
    return Rule(Role.LOCAL, linear=True, window=Window(stride=step, pad=-start), difference=change)


def _keys(key: Any, rank: int) -> list[Any] | None:
    """One slice or number per axis, or nothing where other things are among them."""
    keys = list(key) if isinstance(key, tuple | list) else [key]
    if any(k is not Ellipsis and not isinstance(k, int | slice) for k in keys):
        return None
    if Ellipsis in keys:
        place = keys.index(Ellipsis)
        keys[place : place + 1] = [slice(None)] * (rank - len(keys) + 1)
    return keys + [slice(None)] * (rank - len(keys))


@describe("UpSampling1D", examples=[Example(), Example({"size": 3})])
def up_sampling(node: Node) -> Rule:
    """Each position several times."""
    return repeated(node, node.config["size"])


def repeated(_: Node, times: int) -> Rule:
    """The rule of positions that are repeated."""
    return Rule(
        Role.LOCAL,
        linear=True,
        window=Window(size=times, pad=times - 1, up=times),
        difference=Expr("repeat", (times,)),
    )


@describe(
    "ZeroPadding2D",
    "Cropping2D",
    examples=[
        Example({"padding": [[2, 1], [0, 0]]}, ((12, 2, 3),), "ZeroPadding2D"),
        Example({"cropping": [[2, 1], [0, 0]]}, ((12, 2, 3),), "Cropping2D"),
    ],
)
def beside_columns(node: Node) -> Rule:
    """ZeroPadding2D and Cropping2D that leave the columns alone."""
    (left, right), columns = node.config.get("padding") or node.config["cropping"]
    if tuple(columns) != (0, 0):
        return stop("it changes the columns as well")
    return padded(node, left, right) if "padding" in node.config else cropped(node, left, right)


@describe("ismc.Take", examples=[])
def take(node: Node) -> Rule:
    """Every so many positions."""
    start, stride = node.config["start"], node.config["stride"]
    kwargs = {"start": start, "stride": stride, "length": node.layer.length}
    return Rule(
        Role.LOCAL,
        linear=True,
        window=Window(stride=stride, pad=-start),
        reference=Expr("take", kwargs=kwargs),
        difference=IDENTITY if stride == 1 else Expr("pick", (stride, ())),
    )


@describe("ismc.Shift", examples=[])
def shift(node: Node) -> Rule:
    """Positions dropped or zeros added at the ends."""
    left, length = node.config["left"], node.layer.length
    window = Window(pad=left)
    return Rule(
        Role.LOCAL,
        linear=True,
        window=window,
        reference=Expr("shift", (left, length - left - node.shape[0])),
        difference=IDENTITY,
        outside=unpadded(0.0, window, node.shape[0], length),
    )
