"""The multiply-adds of a layer: in full, and by pairs of an input and an output position."""

from __future__ import annotations

import numpy as np

from ismc.ir.graph import Layer
from ismc.ir.window import Window
from ismc.plan import cost
from ismc.plan.target import Target
from ismc.rules import Node, Products, products_of

Array = np.ndarray


def products_of_layer(layer: Layer, inputs: tuple[Layer, ...]) -> Products:
    """The products of a call of the layer, as `ismc.rules` counts them."""
    return products_of(Node(layer, inputs, (True,) * len(inputs)))


def in_full(target: Target, layer: Layer, inputs: tuple[Layer, ...]) -> cost.Cost:
    """The cost of the layer on whole sequences, as the naive program computes it."""
    if layer.title == "States":  # the Recurrent layer counts them
        return cost.Cost(0, 0.0)
    products = products_of_layer(layer, inputs)
    return cost.cost_in_full(target, products, layer.shape, [value.shape for value in inputs])


def pairs(window: Window, changed: tuple[Array, Array], outputs: tuple[Array, Array]) -> Array:
    """The number of pairs of an input and an output that reads it, ``[sites]``.

    Args:
        window: what an output reads; it has a stride or an ``up`` above 1, not both.
        changed: the changed inputs: first positions and one past the last, ``[sites]`` each.
        outputs: the outputs, in the same form.

    >>> one = lambda a, b: (np.array([a]), np.array([b]))
    >>> int(pairs(Window(size=3, pad=1), one(0, 2), one(0, 3))[0])
    5
    """
    (start, stop), (low, high) = changed, outputs
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
