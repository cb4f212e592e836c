"""Rules of pooling over positions: the average is linear, the maximum is not."""

from math import inf
from typing import Any

from ismc.ir.window import Window
from ismc.rules.base import Example, Expr, Node, Role, Rule, describe, outside_value, stop
from ismc.rules.conv import along, padding_before

EXAMPLES = [
    Example({"pool_size": 2}),
    Example({"pool_size": 3, "strides": 2}, ((13, 4),)),
    Example({"pool_size": 3, "strides": 1, "padding": "same"}),
    Example({"pool_size": 2, "strides": 1, "padding": "same"}),
    Example({"pool_size": 4, "strides": 3, "padding": "same"}, ((11, 4),)),
    Example({"pool_size": 2, "strides": 3}, ((13, 4),)),
]


def _window(node: Node) -> Window:
    size, stride = along(node.config["pool_size"], 0), along(_strides(node), 0)
    padding = node.config["padding"]
    pad = padding_before(padding, node.shape[0], node.layer.length, size, stride)
    return Window(size, stride, 1, pad)


def _column_stop(node: Node) -> Rule | None:
    """A stop for a function of ``keras.ops`` that also pools columns, else ``None``."""
    if node.rank != 3 and node.layer.title in ("MaxPool", "AveragePool"):
        return stop("it also pools columns")
    return None


def _strides(node: Node) -> Any:
    return node.config["strides"] or node.config["pool_size"]


@describe(
    "MaxPooling2D",
    "AveragePooling2D",
    examples=[
        Example({"pool_size": [2, 1]}, ((12, 3, 2),)),
        Example({"pool_size": [3, 2], "strides": [2, 2]}, ((13, 4, 2),)),
        Example({"pool_size": [3, 2], "padding": "same"}, ((12, 3, 2),)),
    ],
)
def pooling2d(node: Node) -> Rule:
    """MaxPooling2D and AveragePooling2D: stops if they pad positions."""
    window = _window(node)
    disjoint = window.size == window.stride
    if outside_value(-inf, window, node.shape[0], node.layer.length) is not None or (
        node.config["padding"] == "same" and not disjoint
    ):
        return stop("it pads positions and pools columns")
    sizes, steps = (
        [along(value, 0), along(value, 1)] for value in (node.config["pool_size"], _strides(node))
    )
    name = "max_pool2d" if node.layer.title == "MaxPooling2D" else "average_pool2d"
    reference = Expr(name, (sizes, steps, node.config["padding"]))
    return _column_stop(node) or Rule(Role.POOLING, window=window, reference=reference)


@describe("MaxPooling1D", "ops.MaxPool", examples=[
    *(Example(e.config, e.shapes, "MaxPooling1D") for e in EXAMPLES),
    Example(code="ops.max_pool(x, 3, 2, 'same')", kind="ops.MaxPool"),
])  # fmt: skip
def max_pooling(node: Node) -> Rule:
    """Max pooling: the maximum of each window; padding counts as -infinity."""
    window = _window(node)
    args = (window.size, window.stride)
    outside = outside_value(-inf, window, node.shape[0], node.layer.length)
    return _column_stop(node) or Rule(
        Role.POOLING,
        window=window,
        reference=Expr("max_pool1d", (*args, node.config["padding"])),
        slab=Expr("max_pool1d", args),
        outside=outside,
    )


@describe("AveragePooling1D", "ops.AveragePool", examples=[
    *(Example(e.config, e.shapes, "AveragePooling1D") for e in EXAMPLES),
    Example(code="ops.average_pool(x, 3, 2, 'same')", kind="ops.AveragePool"),
])  # fmt: skip
def average_pooling(node: Node) -> Rule:
    """Average pooling: the mean of each window, without the padding."""
    window = _window(node)
    args = (window.size, window.stride)
    outside = outside_value(0.0, window, node.shape[0], node.layer.length)
    kwargs = {"size": window.size, "strides": window.stride}
    if outside is not None:
        kwargs |= {"pad": window.pad, "length": node.shape[0]}
    return _column_stop(node) or Rule(
        Role.POOLING,
        linear=True,
        window=window,
        reference=Expr("average_pool1d", (*args, node.config["padding"])),
        difference=Expr("average_pool_difference", kwargs=kwargs),
        outside=outside,
        layout="pool",
    )
