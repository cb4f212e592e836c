"""The shapes of layers of Keras, from their settings and their inputs; without the batch axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

Shape = tuple[int, ...]
Config = Mapping[str, Any]
ShapeRule = Callable[[Config, Sequence[Shape]], Shape | None]


def count_windows(length: int, size: int, stride: int, dilation: int, padding: Any) -> int:
    """How many windows of ``size`` taps fit into ``length`` positions.

    >>> count_windows(10, size=3, stride=2, dilation=1, padding="valid")
    4
    """
    if padding == "same":
        return -(-length // stride)
    extent = (size - 1) * dilation
    before, after = padding if isinstance(padding, tuple | list) else (0, 0)
    before = extent if padding == "causal" else before
    return (length + before + after - extent - 1) // stride + 1


def windowed(size: str, channels: Callable[[Config, int], int]) -> ShapeRule:
    """The shape of a layer over windows; ``channels`` maps the last axis of the input."""

    def shape(config: Config, inputs: Sequence[Shape]) -> Shape:
        *lengths, features = inputs[0]
        padding, out = config["padding"], []
        for axis, length in enumerate(lengths):
            taps, stride = _along(config, size, axis), _along(config, "strides", axis)
            dilation = _along(config, "dilation_rate", axis)
            each = padding[axis] if len(lengths) > 1 and not isinstance(padding, str) else padding
            out.append(count_windows(length, taps, stride, dilation, each))
        return (*out, channels(config, features))

    return shape


def _along(config: Config, key: str, axis: int) -> int:
    value = config.get(key) or 1
    return value if isinstance(value, int) else value[axis]


def transposed(config: Config, inputs: Sequence[Shape]) -> Shape:
    """The shape of a transposed convolution."""
    *lengths, _ = inputs[0]
    out = []
    for axis, length in enumerate(lengths):
        stride, size = _along(config, "strides", axis), _along(config, "kernel_size", axis)
        extent, more = (size - 1) * _along(config, "dilation_rate", axis) + 1, 0
        if config["padding"] == "same":
            extent = stride if config["output_padding"] is None else extent % 2
        if config["output_padding"] is None:
            extent = max(extent, stride)
        else:
            more = config["output_padding"][axis]
        out.append((length - 1) * stride + extent + more)
    return (*out, config["filters"])


def unchanged(_: Config, inputs: Sequence[Shape]) -> Shape:
    """The shape of the input."""
    return inputs[0]


def broadcast(_: Config, inputs: Sequence[Shape]) -> Shape | None:
    """The common shape of operands of one rank, whose sizes are equal or one."""
    if len({len(shape) for shape in inputs}) > 1:
        return None
    out = tuple(max(sizes) for sizes in zip(*inputs, strict=True))
    if any(n not in (1, m) for shape in inputs for n, m in zip(shape, out, strict=True)):
        raise ValueError("its operands have different shapes")
    return out


def concatenated(config: Config, inputs: Sequence[Shape]) -> Shape:
    """The shape of operands one after the other along an axis, which counts the batch axis."""
    axis = config["axis"] - 1 if config["axis"] > 0 else config["axis"] + len(inputs[0])
    total = sum(shape[axis] for shape in inputs)
    return (*inputs[0][:axis], total, *inputs[0][axis + 1 :])


def flattened(_: Config, inputs: Sequence[Shape]) -> Shape:
    """All axes as one."""
    return (prod(inputs[0]),)


def reshaped(config: Config, inputs: Sequence[Shape]) -> Shape:
    """The target shape, with the size that is -1 filled in."""
    target = tuple(config["target_shape"])
    known = prod(n for n in target if n != -1)
    return tuple(prod(inputs[0]) // known if n == -1 else n for n in target)


def last_axis(config: Config, inputs: Sequence[Shape]) -> Shape:
    """The channels of a value that is pooled over all positions."""
    *lengths, channels = inputs[0]
    return (*(1 for _ in lengths), channels) if config["keepdims"] else (channels,)


def lengthened(key: str, sign: int) -> ShapeRule:
    """The shape of a layer that adds positions at both ends, or removes them."""

    def shape(config: Config, inputs: Sequence[Shape]) -> Shape:
        (length, channels), (before, after) = inputs[0], config[key]
        return (length + sign * (before + after), channels)

    return shape


def repeated(config: Config, inputs: Sequence[Shape]) -> Shape:
    """The shape of a layer that repeats each position."""
    length, channels = inputs[0]
    return (length * config["size"], channels)


def over_positions(config: Config, inputs: Sequence[Shape]) -> Shape | None:
    """The shape of a recurrent layer with one result."""
    if config.get("return_state"):
        return None
    positions = inputs[0][:1] if config["return_sequences"] else ()
    return (*positions, config["units"])
