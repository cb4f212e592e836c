"""Masks attached to tensors, as Keras passes them, and layer calls that take or drop them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

import keras
import tensorflow as tf

from ismc.ir.graph import OpaqueCall

Value = Any  # a tensor, or the list of results of a layer that has several


def mask_of(tensor: Any) -> Any:
    """The mask that a tensor carries, or ``None``."""
    return getattr(tensor, "_keras_mask", None)


def with_mask(tensor: Any, mask: Any = None) -> Any:
    """A copy of the tensor that carries this mask, or none."""
    copy = tf.identity(tensor)
    if mask is not None:
        copy._keras_mask = mask  # noqa: SLF001  (the attribute in which Keras passes masks)
    return copy


def without_mask(tensor: Any) -> Any:
    """A copy of the tensor without a mask."""
    return None if tensor is None else with_mask(tensor)


def masks_as_operands(call: OpaqueCall, places: Sequence[int]) -> OpaqueCall:
    """``call`` with masks as further operands; its arguments and results carry no masks.

    Keras layers may replace the mask of a tensor that other layers read later; see
    `keras.layers.MultiHeadAttention`. This call works on copies instead.

    Args:
        call: the call of a layer, which takes only the values.
        places: the indices of the values whose masks follow the values, in order.
    """

    def masked(values: Sequence[Any], weights: Mapping[str, Any]) -> Any:
        count = len(values) - len(places)
        masks = dict(zip(places, values[count:], strict=True))
        copies: dict[tuple[int, int], Any] = {}  # a repeated tensor stays one object
        operands = []
        for i, value in enumerate(values[:count]):
            mask = masks.get(i)
            key = id(value), id(mask)
            if key not in copies:
                copies[key] = None if value is None else with_mask(value, mask)
            operands.append(copies[key])
        return keras.tree.map_structure(without_mask, call(operands, weights))

    return masked


def with_none(call: OpaqueCall, places: Sequence[int], count: int) -> OpaqueCall:
    """``call`` on its operands at ``places``, with ``None`` for the others of ``count``."""

    def padded(values: Sequence[Any], weights: Mapping[str, Any]) -> Any:
        operands = dict(zip(places, values, strict=True))
        return call([operands.get(i) for i in range(count)], weights)

    return padded


def has_mask_argument(layer: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether a call passes a symbolic tensor as the layer's mask."""
    if not hasattr(layer, "compute_mask"):
        return False
    try:
        arguments = signature(layer.call).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):
        arguments = {}
    return any(
        any(hasattr(tensor, "_keras_history") for tensor in keras.tree.flatten(value))
        for name, value in (arguments | dict(kwargs)).items()
        if name == "mask" or name.endswith("_mask")
    )


def run_order(
    model: Any, inputs: Sequence[str], names: Mapping[int, Sequence[str]]
) -> tuple[str, ...]:
    """The names of a functional model's calls in the order in which Keras runs them.

    Args:
        model: a functional model of Keras 3 or `tf_keras`.
        inputs: the names of its inputs.
        names: the names of the calls that were read from each node, by the node's ``id``.
    """
    by_depth = (getattr(model, "_functional", None) or model)._nodes_by_depth  # noqa: SLF001
    nodes = [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]
    return (*inputs, *(name for node in nodes for name in names.get(id(node), ())))
