"""Rules of layers that move positions without arithmetic: crops, padding, Flatten, Reshape."""

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
    outside_value,
    stop,
)


@describe("Cropping1D", examples=[Example({"cropping": [2, 3]}), Example({"cropping": [0, 1]})])
def cropping(node: Node) -> Rule:
    """Cropping1D: drops positions at the ends, which shifts the others."""
    return cropping_rule(node, *node.config["cropping"])


def cropping_rule(_: Node, before: int, after: int) -> Rule:
    """The rule of a layer that drops positions at the ends."""
    return Rule(
        Role.LOCAL,
        linear=True,
        window=Window(pad=-before),
        reference=Expr("crop", (before, after)),
        slab=IDENTITY,
        difference=IDENTITY,
    )


@describe("ZeroPadding1D", examples=[Example({"padding": [2, 3]}), Example({"padding": [0, 1]})])
def zero_padding(node: Node) -> Rule:
    """ZeroPadding1D: adds zeros at the ends, which shifts the positions."""
    return padding_rule(node, *node.config["padding"])


def padding_rule(_: Node, before: int, after: int) -> Rule:
    """The rule of a layer that adds zeros before and after the positions."""
    return Rule(
        Role.LOCAL,
        linear=True,
        window=Window(pad=before),
        reference=Expr("zero_pad", (before, after)),
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
    """Flatten and Reshape: split positions into several, or join several into one."""
    return reshape_rule(node)


def reshape_rule(node: Node) -> Rule:
    """The rule of a layer that keeps the order of the elements under another shape.

    It is a stop unless the number of elements per position is a multiple or a divisor of the old.
    """
    tail = node.layer.shape[1:]
    before, after = prod(node.shape[1:]), prod(tail)
    if before % after == 0:
        times = before // after
        window = Window(size=times, pad=times - 1, up=times)
    elif after % before == 0:
        window = Window(size=after // before, stride=after // before)
    else:
        return stop("its new positions hold parts of old ones")
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
    """Slices of positions, of channels, or of both."""
    keys = _keys(node.config["args"][1], node.rank)
    if keys is None or keys[0] != slice(None):
        return stop("its index selects sequences, or has more than slices and integers")
    _, positions, *tail = keys
    if isinstance(positions, int):
        index = positions % node.shape[0]
        return stop("it takes one position", needs=Span(index, index + 1))
    start, _, step = positions.indices(node.shape[0])
    if step < 1:
        return stop("it reverses the positions")
    if positions.indices(node.shape[0]) == (0, node.shape[0], 1):
        return Rule(Role.SEE_THROUGH, linear=True, difference=THE_LAYER)
    plain = tuple(k if isinstance(k, int) else (k.start, k.stop, k.step) for k in tail)
    change = Expr("pick", (step, plain))
    if step == 1 and all(key == slice(None) for key in tail):
        change = IDENTITY
    return Rule(Role.LOCAL, linear=True, window=Window(stride=step, pad=-start), difference=change)


def _keys(key: Any, rank: int) -> list[Any] | None:
    """One slice or integer per axis, or ``None`` if the index has anything else."""
    keys = list(key) if isinstance(key, tuple | list) else [key]
    if any(k is not Ellipsis and not isinstance(k, int | slice) for k in keys):
        return None
    if Ellipsis in keys:
        place = keys.index(Ellipsis)
        keys[place : place + 1] = [slice(None)] * (rank - len(keys) + 1)
    return keys + [slice(None)] * (rank - len(keys))


@describe("UpSampling1D", examples=[Example(), Example({"size": 3})])
def up_sampling(node: Node) -> Rule:
    """UpSampling1D: repeats each position."""
    return repeat_rule(node, node.config["size"])


def repeat_rule(_: Node, times: int) -> Rule:
    """The rule of a layer that repeats each position ``times`` times."""
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
def pad_or_crop_2d(node: Node) -> Rule:
    """ZeroPadding2D and Cropping2D: stops if they change the columns."""
    (before, after), columns = node.config.get("padding") or node.config["cropping"]
    if tuple(columns) != (0, 0):
        return stop("it also changes the columns")
    return (
        padding_rule(node, before, after)
        if "padding" in node.config
        else cropping_rule(node, before, after)
    )


@describe("ismc.Take", examples=[])
def take(node: Node) -> Rule:
    """``ismc.Take``: every ``stride``-th position, starting at ``start``."""
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
    """``ismc.Shift``: drops positions or adds zeros at each end."""
    before, length = node.config["left"], node.layer.length
    window = Window(pad=before)
    return Rule(
        Role.LOCAL,
        linear=True,
        window=window,
        reference=Expr("shift", (before, length - before - node.shape[0])),
        difference=IDENTITY,
        outside=outside_value(0.0, window, node.shape[0], length),
    )
