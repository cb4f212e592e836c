"""Convolutions: linear; the schedule chooses how the product of a Conv1D is laid out."""

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
    stop,
    unpadded,
)
from ismc.rules.products import Products, counts


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
    """Convolution over positions."""
    config = node.config
    if node.rank != 3:
        return stop("more than one axis of positions")
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
        outside=unpadded(0.0, window, node.shape[0], node.layer.length),
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
    """Convolution of each channel by itself."""
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
        outside=unpadded(0.0, window, node.shape[0], node.layer.length),
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
    """Convolution over positions and one more axis; over a single column it is a Conv1D."""
    config = node.config
    window, pads = _window(node, 0)
    across, beside = _window(node, 1)
    columns = node.shape[1]
    kwargs: dict[str, Any] = {
        "strides": (window.stride, across.stride),
        "dilations": (window.dilation, across.dilation),
    }
    if config.get("transposed"):
        kwargs["columns_first"] = True
    whole = beside == (0, 0) and across.size == columns and across.dilation == 1
    single = columns == 1 and (beside == (0, 0) or across.dilation == 1)
    change, layout = Expr("conv2d", kwargs=kwargs | {"pads": ((0, 0), beside), "bias": False},
                          weights=True), "flanks"  # fmt: skip
    if (whole or single) and config["groups"] == 1 and window.stride == 1:
        layout = ""
        options = {"dilation": window.dilation} | ({"column": across.pad} if single else {})
        options |= {"columns_first": True} if config.get("transposed") else {}
        change = Expr("conv2d_gemm", kwargs=options, weights=True)
    return Rule(
        Role.LOCAL,
        linear=True,
        window=window,
        reference=Expr("conv2d", kwargs=kwargs | {"pads": (pads, beside)}, weights=True),
        difference=change,
        outside=unpadded(0.0, window, node.shape[0], node.layer.length),
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
    """Transposed convolution: every input is spread over as many outputs as the kernel is long."""
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
        reference=_transposed(node, before),
        difference=Expr("transposed_overlap", kwargs=kwargs, weights=True),
        outside=unpadded(0.0, window, node.shape[0], node.layer.length),
    )


@counts("Conv1D", "Conv2D", "Conv3D")
def convolved(node: Node) -> Products:
    """Every output meets as many inputs as the kernel has weights of its filter."""
    axis, shape, out = _channels(node), node.shape, node.layer.shape
    read = shape[axis] // (node.config.get("groups") or 1)
    whole = prod(out) * _taps(node) * read
    pair = read * out[-1] * (_columns(node) if len(node.config["kernel_size"]) == 2 else 1)
    tap = whole // (out[0] * along(node.config["kernel_size"], 0)) if axis == -1 else 0
    weights = _taps(node) * read * out[axis]
    return Products(whole, pair, tap, weights=weights, speed="whole", local="convolution")


@counts("DepthwiseConv1D", "DepthwiseConv2D")
def by_channel(node: Node) -> Products:
    """Every output meets a kernel's weights of its channel."""
    out, taps = node.layer.shape, _taps(node)
    local = "by channel" if along(node.config["strides"], 0) == 1 else "library by channel"
    return Products(
        prod(out) * taps, out[-1], weights=taps * out[_channels(node)],
        speed="library by channel", local=local,
    )  # fmt: skip


@counts("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
def transposed(node: Node) -> Products:
    """Every input meets all weights of its channel."""
    axis, shape, out = _channels(node), node.shape, node.layer.shape
    weights = _taps(node) * shape[axis] * out[axis]
    whole = prod(shape) * _taps(node) * out[axis]
    return Products(whole, shape[-1] * out[-1], weights=weights, speed="overlap", local="overlap")


@counts("SeparableConv1D", "SeparableConv2D")
def separable(node: Node) -> Products:
    """One kernel for each channel, and a Dense over them."""
    axis, out = _channels(node), node.layer.shape
    channels = node.shape[axis] * node.config["depth_multiplier"]
    each = channels * (_taps(node) + out[axis])
    return Products(prod(out) // out[axis] * each, weights=each, speed="library by channel")


def _channels(node: Node) -> int:
    """The axis of the channels."""
    return 0 if node.config.get("data_format") == CHANNELS_FIRST else -1


def _taps(node: Node) -> int:
    size = node.config["kernel_size"]
    return size if isinstance(size, int) else prod(size)


def _columns(node: Node) -> int:
    """Pairs of an input and an output column, beside the positions."""
    size, stride, dilation = _sizes(node.config, 1)
    count, out = node.shape[1], node.layer.shape[1]
    pad = padding_before(node.config["padding"], count, out, size, stride, dilation)
    reads = [o * stride - pad + j * dilation for o in range(out) for j in range(size)]
    return sum(0 <= column < count for column in reads)


def _transposed(node: Node, before: int) -> Expr:
    _, stride, dilation = _sizes(node.config, 0)
    kwargs = {"strides": stride, "dilation": dilation, "crop": before, "length": node.layer.length}
    return Expr("conv_transpose", kwargs=kwargs, weights=True)


def _sizes(config: Mapping[str, Any], axis: int) -> tuple[int, int, int]:
    """Kernel size, stride and dilation along an axis of the kernel."""
    return tuple(along(config[key], axis) for key in ("kernel_size", "strides", "dilation_rate"))  # pyright: ignore[reportReturnType]


def along(value: int | Sequence[int], axis: int) -> int:
    """A size along one axis, of a size for each axis or for all."""
    return value if isinstance(value, int) else value[axis]


def _window(node: Node, axis: int) -> tuple[Window, tuple[int, int]]:
    """The window along an axis of the kernel, and the zeros before and after."""
    size, stride, dilation = _sizes(node.config, axis)
    length, out = node.shape[axis], node.layer.shape[axis]
    before = padding_before(node.config["padding"], length, out, size, stride, dilation)
    window = Window(size, stride, dilation, before)
    last = (out - 1) * stride - before + window.extent
    return window, (before, max(0, last + 1 - length))


def padding_before(
    padding: str | tuple[int, int], length: int, out: int, size: int, stride: int, dilation: int = 1
) -> int:
    """Positions of padding before the sequence, as TensorFlow's "same" splits them.

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
