"""Rules of convolutions: all linear; the schedule chooses how Conv1D lays out its product."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from ismc.ir.window import Window
from ismc.rules.base import (
    CHANNELS_FIRST,
    Example,
    Expr,
    Node,
    Role,
    Rule,
    describe,
    outside_value,
    stop,
)
from ismc.rules.products import Products, counts_products


@describe(
    "Conv1D",
    examples=[
        Example({"filters": 3, "kernel_size": 4}),
        Example({"filters": 3, "kernel_size": 4, "padding": "same"}),
        Example({"filters": 3, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}),
        Example({"filters": 3, "kernel_size": 5, "padding": "same", "dilation_rate": 3}),
        Example({"filters": 3, "kernel_size": 3, "strides": 2}),
        Example({"filters": 3, "kernel_size": 4, "strides": 3, "padding": "same"}),
        Example({"filters": 4, "kernel_size": 3, "groups": 2, "use_bias": False}),
        Example({"filters": 4, "kernel_size": 2, "strides": 3, "padding": "same", "groups": 2}),
    ],
)
def conv1d(node: Node) -> Rule:
    """Conv1D: a convolution over positions."""
    config = node.config
    if node.rank != 3:
        return stop("its input has more than one axis of positions")
    (size,), (stride,), (dilation,) = (
        config["kernel_size"],
        config["strides"],
        config["dilation_rate"],
    )
    pad = padding_before(
        config["padding"], node.shape[0], node.layer.length, size, stride, dilation
    )
    window = Window(size, stride, dilation, pad)
    options = {"strides": stride, "padding": config["padding"], "dilation": dilation}
    defaults = {"strides": 1, "padding": "valid", "dilation": 1}
    kwargs = {key: value for key, value in options.items() if value != defaults[key]}
    return Rule(
        Role.LOCAL,
        linear=True,
        window=window,
        reference=Expr("conv1d", kwargs=kwargs, weights=True),
        difference=Expr("conv1d_gemm", weights=True),
        outside=outside_value(0.0, window, node.shape[0], node.layer.length),
        layout="conv",
    )


@describe(
    "DepthwiseConv1D",
    examples=[
        Example({"kernel_size": 3}),
        Example({"kernel_size": 4, "padding": "same", "depth_multiplier": 2, "use_bias": False}),
        Example({"kernel_size": 3, "padding": "same", "strides": 2}, ((13, 4),)),
        Example({"kernel_size": 3, "padding": "valid", "dilation_rate": 3}),
    ],
)
def depthwise_conv1d(node: Node) -> Rule:
    """DepthwiseConv1D: a convolution of each channel on its own."""
    window, pads = _window(node, 0)
    kwargs = {"strides": window.stride, "dilation": window.dilation}
    if window.stride == 1:
        change = Expr("depthwise_overlap", kwargs={"dilation": window.dilation}, weights=True)
    else:
        change = Expr("depthwise_conv1d", kwargs=kwargs | {"bias": False}, weights=True)
    return Rule(
        Role.LOCAL,
        linear=True,
        window=window,
        reference=Expr("depthwise_conv1d", kwargs=kwargs | {"pads": pads}, weights=True),
        difference=change,
        outside=outside_value(0.0, window, node.shape[0], node.layer.length),
    )


@describe(
    "Conv2D",
    examples=[
        Example({"filters": 3, "kernel_size": [4, 1]}, ((12, 1, 4),)),
        Example({"filters": 3, "kernel_size": [4, 3], "padding": "same"}, ((12, 1, 4),)),
        Example({"filters": 3, "kernel_size": [3, 4]}, ((12, 4, 1),)),
        Example({"filters": 3, "kernel_size": [3, 2], "strides": [2, 1]}, ((12, 4, 2),)),
        Example({"filters": 4, "kernel_size": 3, "padding": "same", "groups": 2}, ((12, 3, 4),)),
        Example({"filters": 2, "kernel_size": 2, "dilation_rate": [3, 1]}, ((12, 3, 4),)),
    ],
)
def conv2d(node: Node) -> Rule:
    """Conv2D: a convolution over positions and columns; with a single column it is a Conv1D."""
    config = node.config
    window, pads = _window(node, 0)
    across, column_pads = _window(node, 1)
    columns = node.shape[1]
    kwargs: dict[str, Any] = {
        "strides": (window.stride, across.stride),
        "dilations": (window.dilation, across.dilation),
    }
    if config.get("transposed"):
        kwargs["columns_first"] = True
    spans_columns = column_pads == (0, 0) and across.size == columns and across.dilation == 1
    single = columns == 1 and (column_pads == (0, 0) or across.dilation == 1)
    change, layout = Expr("conv2d", kwargs=kwargs | {"pads": ((0, 0), column_pads), "bias": False},
                          weights=True), "flanks"  # fmt: skip
    if (spans_columns or single) and config["groups"] == 1 and window.stride == 1:
        layout = ""
        options = {"dilation": window.dilation} | ({"column": across.pad} if single else {})
        options |= {"columns_first": True} if config.get("transposed") else {}
        change = Expr("conv2d_gemm", kwargs=options, weights=True)
    return Rule(
        Role.LOCAL,
        linear=True,
        window=window,
        reference=Expr("conv2d", kwargs=kwargs | {"pads": (pads, column_pads)}, weights=True),
        difference=change,
        outside=outside_value(0.0, window, node.shape[0], node.layer.length),
        layout=layout,
    )


@describe(
    "Conv1DTranspose",
    "Conv2DTranspose",
    examples=[
        Example({"filters": 3, "kernel_size": 4}, kind="Conv1DTranspose"),
        Example({"filters": 3, "kernel_size": 4, "padding": "same"}, kind="Conv1DTranspose"),
        Example({"filters": 3, "kernel_size": 5, "strides": 2}, kind="Conv1DTranspose"),
        Example({"filters": 3, "kernel_size": 2, "strides": 3}, kind="Conv1DTranspose"),
        Example(
            {"filters": 3, "kernel_size": 4, "strides": 3, "padding": "same"},
            kind="Conv1DTranspose",
        ),
        Example(
            {"filters": 2, "kernel_size": 3, "padding": "same", "dilation_rate": 2},
            kind="Conv1DTranspose",
        ),
        Example(
            {"filters": 2, "kernel_size": [5, 1], "padding": "same"},
            ((12, 1, 4),),
            "Conv2DTranspose",
        ),
        Example(
            {"filters": 2, "kernel_size": [3, 1], "strides": [2, 1]},
            ((12, 1, 4),),
            "Conv2DTranspose",
        ),
    ],
)
def conv_transpose(node: Node) -> Rule:
    """Transposed convolutions: each input adds to as many outputs as the kernel has taps."""
    config = node.config
    if any(s != 1 for s in (*node.shape[1:-1], *config["kernel_size"][1:], *config["strides"][1:])):
        return stop("it mixes columns")
    before = padding_before(config["padding"], node.layer.length, node.shape[0], *_sizes(config, 0))
    size, stride, dilation = _sizes(config, 0)
    window = Window(size, 1, dilation, (size - 1) * dilation - before, stride)
    kwargs = {"strides": stride, "dilation": dilation}
    return Rule(
        Role.LOCAL,
        linear=True,
        window=window,
        reference=_transposed_reference(node, before),
        difference=Expr("transposed_overlap", kwargs=kwargs, weights=True),
        outside=outside_value(0.0, window, node.shape[0], node.layer.length),
    )


@counts_products("Conv1D", "Conv2D", "Conv3D")
def convolution_products(node: Node) -> Products:
    """One multiply-add for each output and each weight of its filter."""
    axis, shape, out = _channel_axis(node), node.shape, node.layer.shape
    channels = shape[axis] // (node.config.get("groups") or 1)
    full = prod(out) * _taps(node) * channels
    pair = channels * out[-1] * (_column_pairs(node) if len(node.config["kernel_size"]) == 2 else 1)
    tap = full // (out[0] * along(node.config["kernel_size"], 0)) if axis == -1 else 0
    weights = _taps(node) * channels * out[axis]
    return Products(full, pair, tap, weights=weights, speed="whole", local="convolution")


@counts_products("DepthwiseConv1D", "DepthwiseConv2D")
def depthwise_products(node: Node) -> Products:
    """One multiply-add for each output and each tap of its channel's kernel."""
    out, taps = node.layer.shape, _taps(node)
    local = "by channel" if along(node.config["strides"], 0) == 1 else "library by channel"
    return Products(
        prod(out) * taps, out[-1], weights=taps * out[_channel_axis(node)],
        speed="library by channel", local=local,
    )  # fmt: skip


@counts_products("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
def transposed_products(node: Node) -> Products:
    """One multiply-add for each input and each weight of its channel."""
    axis, shape, out = _channel_axis(node), node.shape, node.layer.shape
    weights = _taps(node) * shape[axis] * out[axis]
    full = prod(shape) * _taps(node) * out[axis]
    return Products(full, shape[-1] * out[-1], weights=weights, speed="overlap", local="overlap")


@counts_products("SeparableConv1D", "SeparableConv2D")
def separable_products(node: Node) -> Products:
    """The products of a depthwise convolution and of a Dense layer over its channels."""
    axis, out = _channel_axis(node), node.layer.shape
    channels = node.shape[axis] * node.config["depth_multiplier"]
    weights = channels * (_taps(node) + out[axis])
    return Products(prod(out) // out[axis] * weights, weights=weights, speed="library by channel")


def _channel_axis(node: Node) -> int:
    """The axis of the channels in a shape without the batch axis."""
    return 0 if node.config.get("data_format") == CHANNELS_FIRST else -1


def _taps(node: Node) -> int:
    size = node.config["kernel_size"]
    return size if isinstance(size, int) else prod(size)


def _column_pairs(node: Node) -> int:
    """The number of pairs of an output column and an input column that it reads."""
    size, stride, dilation = _sizes(node.config, 1)
    count, out = node.shape[1], node.layer.shape[1]
    pad = padding_before(node.config["padding"], count, out, size, stride, dilation)
    reads = [o * stride - pad + j * dilation for o in range(out) for j in range(size)]
    return sum(0 <= column < count for column in reads)


def _transposed_reference(node: Node, before: int) -> Expr:
    _, stride, dilation = _sizes(node.config, 0)
    kwargs = {"strides": stride, "dilation": dilation, "crop": before, "length": node.layer.length}
    return Expr("conv_transpose", kwargs=kwargs, weights=True)


def _sizes(config: Mapping[str, Any], axis: int) -> tuple[int, int, int]:
    """The kernel size, stride and dilation along an axis of the kernel."""
    return tuple(along(config[key], axis) for key in ("kernel_size", "strides", "dilation_rate"))  # pyright: ignore[reportReturnType]


def along(value: int | Sequence[int], axis: int) -> int:
    """The entry of a setting for an axis; an integer applies to all axes."""
    return value if isinstance(value, int) else value[axis]


def _window(node: Node, axis: int) -> tuple[Window, tuple[int, int]]:
    """The window along an axis of the kernel, and the numbers of zeros before and after."""
    size, stride, dilation = _sizes(node.config, axis)
    length, out = node.shape[axis], node.layer.shape[axis]
    before = padding_before(node.config["padding"], length, out, size, stride, dilation)
    window = Window(size, stride, dilation, before)
    last = (out - 1) * stride - before + window.extent
    return window, (before, max(0, last + 1 - length))


def padding_before(
    padding: str | tuple[int, int], length: int, out: int, size: int, stride: int, dilation: int = 1
) -> int:
    """The number of padded positions before the sequence, split as TensorFlow's "same" does.

    >>> padding_before("same", 10, 5, size=3, stride=2)
    0
    """
    extent = (size - 1) * dilation
    if not isinstance(padding, str):
        return padding[0]
    if padding == "causal":
        return extent
    if padding == "same":
        return max(0, (out - 1) * stride + extent + 1 - length) // 2
    return 0
