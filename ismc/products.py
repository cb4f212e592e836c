"""How many multiply-adds a layer's products are, by pairs of positions. Nothing else is counted."""

from __future__ import annotations

from math import prod

import numpy as np

from ismc import cost
from ismc.ir import Layer, Shape
from ismc.rules.conv import along, padding_before
from ismc.window import Window

Array = np.ndarray

RECURRENT = ("Recurrent", "LSTM", "GRU", "SimpleRNN", "Bidirectional")
ATTENTION = ("MultiHeadAttention", "GroupQueryAttention")
CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D")
DEPTHWISE = ("DepthwiseConv1D", "DepthwiseConv2D")
TRANSPOSED = ("Conv1DTranspose", "Conv2DTranspose")


def of_pair(layer: Layer, shape: Shape) -> int:
    """Multiply-adds between one input position and one output position that reads it.

    ``shape`` is that of the first input. Flattened positions are single elements.
    """
    config = layer.config
    filters, groups = (layer.shape or (1,))[-1], config.get("groups") or 1
    if layer.title in ("Dense", "Matmul"):
        return prod(shape[1:]) * filters
    if layer.title in ("Conv1D", *TRANSPOSED):
        return shape[-1] // groups * filters
    if layer.title == "DepthwiseConv1D":
        return filters
    if layer.title == "Conv2D" and len(shape) == 3:
        return _columns(layer, shape) * (shape[-1] // groups) * filters
    if layer.title == "EinsumDense":
        return _summed(config["equation"], shape, layer.shape)
    return 0


def in_full(layer: Layer, inputs: tuple[Layer, ...]) -> int:
    """Multiply-adds of the layer on whole sequences, padding included as in `cost.whole`."""
    if not inputs:
        return 0
    config, shape = layer.config, inputs[0].shape
    if layer.title in (*RECURRENT, *ATTENTION):
        return cost.whole(layer, inputs).operations // 2
    if layer.title not in (*CONVOLUTIONS, *DEPTHWISE, *TRANSPOSED):
        return inputs[0].length * of_pair(layer, shape)
    axis = 0 if config.get("data_format") == "channels_first" else -1
    size = config["kernel_size"]
    taps = size if isinstance(size, int) else prod(size)
    if layer.title in TRANSPOSED:
        return prod(shape) * taps * layer.shape[axis]
    if layer.title in DEPTHWISE:
        return prod(layer.shape) * taps
    return prod(layer.shape) * taps * (shape[axis] // (config.get("groups") or 1))


def of_step(layer: Layer, shape: Shape) -> tuple[int, int]:
    """Multiply-adds of a recurrence: of one step on the state, and of one position it reads."""
    width = (layer.shape or (1,))[-1]
    gates = cost.GATES.get(layer.config.get("cell", layer.title), 4)
    return gates * width * width, gates * width * shape[-1]


def pairs(window: Window, changed: tuple[Array, Array], wanted: tuple[Array, Array]) -> Array:
    """How many pairs of an input and an output that reads it there are: ``[sites]``.

    Args:
        window: what an output reads; either it strides or it stretches its input.
        changed: first and last-but-one positions of the inputs, ``[sites]`` each.
        wanted: those of the outputs.

    >>> one = lambda a, b: (np.array([a]), np.array([b]))
    >>> int(pairs(Window(size=3, pad=1), one(0, 2), one(0, 3))[0])
    5
    """
    (start, stop), (low, high) = changed, wanted
    total = np.zeros(len(start), np.int64)
    for tap in range(window.size):
        shift = tap * window.dilation - window.pad
        if window.up == 1:
            first, last = start - shift, stop - 1 - shift
            first, last = -(-first // window.stride), last // window.stride + 1
            total += np.maximum(0, np.minimum(high, last) - np.maximum(low, first))
        else:
            first, last = -(-(low + shift) // window.up), (high - 1 + shift) // window.up + 1
            total += np.maximum(0, np.minimum(stop, last) - np.maximum(start, first))
    return total


def _columns(layer: Layer, shape: Shape) -> int:
    """Pairs of an input and an output column, beside the positions."""
    config = layer.config
    size, stride, dilation = (
        along(config[key], 1) for key in ("kernel_size", "strides", "dilation_rate")
    )
    count, out = shape[1], layer.shape[1]
    pad = padding_before(config["padding"], count, out, size, stride, dilation)
    reads = [o * stride - pad + j * dilation for o in range(out) for j in range(size)]
    return sum(0 <= column < count for column in reads)


def _summed(equation: str, shape: Shape, out: Shape) -> int:
    """The product of the sizes of all axes but the batch and the positions."""
    given, result = equation.replace("...", "").split("->")
    value, kernel = given.split(",")
    sizes = dict(zip(result[:0:-1], out[::-1], strict=False))
    sizes |= dict(zip(value[:0:-1], shape[::-1], strict=False))
    axes = {*value[2:], *kernel, *result[2:]} - {*value[:2]}
    return prod(sizes.get(axis, 1) for axis in axes)
