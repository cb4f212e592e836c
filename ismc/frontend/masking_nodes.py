"""A mask as the value of a layer: the layer that makes it, called for its mask alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from ismc.frontend.masking import mask_of, with_mask
from ismc.frontend.traced import Kind
from ismc.ir.graph import Layer, OpaqueCall


def mask_layer(
    name: str,
    kind: Kind,
    layer: Layer,
    index: int,
    operands: Sequence[Kind],
    masks: Sequence[Kind | None],
    named: Sequence[str],
    needed: Collection[str],
) -> Layer:
    """The layer ``name`` that gives the mask of one result of another.

    It takes only what the mask depends on: most masks depend on other masks, not on values.

    Args:
        name: of the mask.
        kind: of the mask.
        layer: makes the mask.
        index: which of its results carries it.
        operands: the kinds of its operands.
        masks: the kinds of the masks that they carry.
        named: the names of those masks.
        needed: what the mask depends on, as `ismc.frontend.traced` names it.
    """
    values = [i for i in range(len(operands)) if f"value_{i}" in needed]
    carried = [i for i, mask in enumerate(masks) if mask and f"mask_{i}" in needed]
    if not values and not carried:
        values = [0]
    inputs = (*(layer.inputs[i] for i in values), *(named[i] for i in carried))
    assert layer.call is not None  # noqa: S101  (it was called)
    call = _filled(layer.call, values, carried, operands, masks)
    return Layer(
        name, "ismc.Mask", inputs, kind.shape, kind.dtype, weights=layer.weights,
        owner=layer.owner, call=_mask_only(call, index),
    )  # fmt: skip


def _filled(
    call: OpaqueCall,
    values: Sequence[int],
    carried: Sequence[int],
    operands: Sequence[Kind],
    masks: Sequence[Kind | None],
) -> OpaqueCall:
    """``call`` on some of its operands and of their masks, with zeros in place of the others.

    Args:
        call: a layer's.
        values: the places of the operands that are given.
        carried: those of the masks that are given, behind the operands.
        operands: the kinds of all operands.
        masks: the kinds of all masks.
    """

    def some(given: Sequence[Any], weights: Mapping[str, Any]) -> Any:
        count = given[0].shape[0] or tf.shape(given[0])[0]
        known = dict(zip(values, given[: len(values)], strict=True))
        shown = dict(zip(carried, given[len(values) :], strict=True))
        taken = []
        for i, (operand, kind) in enumerate(zip(operands, masks, strict=True)):
            value = known[i] if i in known else _zeros(count, operand)
            own = shown[i] if i in shown else kind and _zeros(count, kind)
            taken.append(with_mask(value, own))
        return call(taken, weights)

    return some


def _mask_only(call: OpaqueCall, index: int) -> OpaqueCall:
    """The mask of one of the results of ``call``."""

    def mask(given: Sequence[Any], weights: Mapping[str, Any]) -> Any:
        found = mask_of(keras.tree.flatten(call(given, weights))[index])
        count = given[0].shape[0] or tf.shape(given[0])[0]
        return tf.broadcast_to(found, [count, *found.shape[1:]])

    return mask


def _zeros(count: Any, kind: Kind) -> Any:
    return tf.zeros([count, *kind.shape], kind.dtype)
