"""A mask as the value of a layer: the layer that makes the mask, called only for it."""

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
    mask_names: Sequence[str],
    needed: Collection[str],
) -> Layer:
    """The layer whose value is the mask of one result of another layer.

    It takes only the values and masks that the mask depends on. Most masks depend only on masks.

    Args:
        name: the name of the mask.
        kind: the shape and dtype of the mask.
        layer: the layer that makes the mask.
        index: the index of the result that carries the mask.
        operands: the kinds of the layer's operands.
        masks: the kinds of the operands' masks.
        mask_names: the names of the operands' masks.
        needed: the values and masks that the mask depends on, as `ismc.frontend.traced` names them.
    """
    values = [i for i in range(len(operands)) if f"value_{i}" in needed]
    carried = [i for i, mask in enumerate(masks) if mask and f"mask_{i}" in needed]
    if not values and not carried:
        values = [0]
    inputs = (*(layer.inputs[i] for i in values), *(mask_names[i] for i in carried))
    assert layer.call is not None  # noqa: S101  (it was called)
    call = _with_zeros(layer.call, values, carried, operands, masks)
    return Layer(
        name, "ismc.Mask", inputs, kind.shape, kind.dtype, weights=layer.weights,
        owner=layer.owner, call=_mask_only(call, index),
    )  # fmt: skip


def _with_zeros(
    call: OpaqueCall,
    values: Sequence[int],
    carried: Sequence[int],
    operands: Sequence[Kind],
    masks: Sequence[Kind | None],
) -> OpaqueCall:
    """``call`` on some of its operands and their masks, with zeros in place of the others.

    Args:
        call: the call of a layer.
        values: the indices of the operands that are passed.
        carried: the indices of the masks that are passed, after the operands.
        operands: the kinds of all operands.
        masks: the kinds of all masks.
    """

    def filled(arguments: Sequence[Any], weights: Mapping[str, Any]) -> Any:
        count = arguments[0].shape[0] or tf.shape(arguments[0])[0]
        value_at = dict(zip(values, arguments[: len(values)], strict=True))
        mask_at = dict(zip(carried, arguments[len(values) :], strict=True))
        tensors = []
        for i, (operand, kind) in enumerate(zip(operands, masks, strict=True)):
            value = value_at[i] if i in value_at else _zeros(count, operand)
            mask = mask_at[i] if i in mask_at else kind and _zeros(count, kind)
            tensors.append(with_mask(value, mask))
        return call(tensors, weights)

    return filled


def _mask_only(call: OpaqueCall, index: int) -> OpaqueCall:
    """A call that returns the mask of one result of ``call``."""

    def mask_call(arguments: Sequence[Any], weights: Mapping[str, Any]) -> Any:
        mask = mask_of(keras.tree.flatten(call(arguments, weights))[index])
        count = arguments[0].shape[0] or tf.shape(arguments[0])[0]
        return tf.broadcast_to(mask, [count, *mask.shape[1:]])

    return mask_call


def _zeros(count: Any, kind: Kind) -> Any:
    return tf.zeros([count, *kind.shape], kind.dtype)
