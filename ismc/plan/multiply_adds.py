"""A layer's products: how many multiply-adds, by pairs of positions, and what they cost in full."""

from __future__ import annotations

import numpy as np

from ismc.ir.graph import Layer
from ismc.ir.window import Window
from ismc.plan import cost
from ismc.rules import Node, Products, products_of

Array = np.ndarray


def products_of_layer(layer: Layer, inputs: tuple[Layer, ...]) -> Products:
    """What the rules' families count of a call."""
    return products_of(Node(layer, inputs, (True,) * len(inputs)))


def in_full(layer: Layer, inputs: tuple[Layer, ...]) -> cost.Cost:
    """The layer on whole sequences, as the naive program computes it."""
    if layer.title == "States":  # counted by the layer that takes them
        return cost.Cost(0, 0.0)
    found = products_of_layer(layer, inputs)
    return cost.cost_in_full(found, layer.shape, [value.shape for value in inputs])


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
