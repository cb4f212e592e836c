"""How Keras's masks travel with tensors, and what calls of layers have to do with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any

import keras
import tensorflow as tf

from ismc.ir.graph import OpaqueCall

Value = Any  # a tensor, or the list of a layer with several results


def mask_of(tensor: Any) -> Any:
    """The mask that a tensor carries, or ``None``."""
    return getattr(tensor, "_keras_mask", None)


def with_mask(tensor: Any, mask: Any = None) -> Any:
    """The tensor as another object, which carries that mask alone."""
    copy = tf.identity(tensor)
    if mask is not None:
        copy._keras_mask = mask  # noqa: SLF001  (how Keras hands masks on)
    return copy


def bare(tensor: Any) -> Any:
    """The tensor as another object without a mask."""
    return None if tensor is None else with_mask(tensor)


def activated(function: Callable[[Any], Any]) -> OpaqueCall:
    """The call of a layer's own activation: it does not see the layer's mask, and hands it on."""

    def call(values: Sequence[Any], _: Mapping[str, Any]) -> Any:
        mask = mask_of(values[0])
        if mask is None:
            return function(values[0])
        result = function(with_mask(values[0]))
        return result if mask_of(result) is not None else with_mask(result, mask)

    return call


def carrying(call: OpaqueCall, places: Sequence[int]) -> OpaqueCall:
    """``call`` with masks as values; no tensor carries one outside of it.

    Keras takes masks off tensors and puts others on, for all who read them later: see
    `keras.layers.MultiHeadAttention`. Here that is done to copies.

    Args:
        call: a layer's; it takes the values alone.
        places: which of them carry the masks that come behind them, in order.
    """

    def carried(values: Sequence[Any], weights: Mapping[str, Any]) -> Any:
        count = len(values) - len(places)
        masks = dict(zip(places, values[count:], strict=True))
        copies: dict[tuple[int, int], Any] = {}  # a tensor that stands twice is one object
        given = []
        for i, value in enumerate(values[:count]):
            mask = masks.get(i)
            key = id(value), id(mask)
            if key not in copies:
                copies[key] = None if value is None else with_mask(value, mask)
            given.append(copies[key])
        return keras.tree.map_structure(bare, call(given, weights))

    return carried


def without(call: OpaqueCall, there: Sequence[int], count: int) -> OpaqueCall:
    """``call``, which takes ``count`` operands, on those that are ``there`` and ``None``."""

    def called(values: Sequence[Any], weights: Mapping[str, Any]) -> Any:
        known = dict(zip(there, values, strict=True))
        return call([known.get(i) for i in range(count)], weights)

    return called


def given_a_mask(layer: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether a layer is called with a symbolic tensor as its mask."""
    if not hasattr(layer, "compute_mask"):
        return False
    try:
        given = signature(layer.call).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):
        given = {}
    return any(
        any(hasattr(tensor, "_keras_history") for tensor in keras.tree.flatten(value))
        for name, value in (given | dict(kwargs)).items()
        if name == "mask" or name.endswith("_mask")
    )


def run_of(model: Any, inputs: Sequence[str], made: Mapping[int, Sequence[str]]) -> tuple[str, ...]:
    """The names of a functional model's calls in the order in which Keras runs them.

    Args:
        model: of Keras 3 or `tf_keras`.
        inputs: the names of its inputs.
        made: the names that each of its nodes has given, by the node's ``id``.
    """
    found = (getattr(model, "_functional", None) or model)._nodes_by_depth  # noqa: SLF001
    nodes = [node for depth in sorted(found, reverse=True) for node in found[depth]]
    return (*inputs, *(name for node in nodes for name in made.get(id(node), ())))
