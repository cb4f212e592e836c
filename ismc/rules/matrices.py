"""Matrix products: how many multiply-adds Dense, equations and products of values are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from ismc.ir.graph import Layer, Operand, Shape
from ismc.rules.base import Node
from ismc.rules.products import Products, counts, products_of


@counts("Dense")
def full(node: Node) -> Products:
    """Every element of a position meets every unit."""
    units = node.layer.shape[-1]
    pair, weights = prod(node.shape[1:]) * units, node.shape[-1] * units
    return Products(node.shape[0] * pair, pair, weights=weights)


@counts("TimeDistributed")
def at_each(node: Node) -> Products:
    """The products of the layer inside, at each position."""
    inner, source = node.config["layer"], node.inputs[0]
    kind, config = f"keras.{inner['class_name']}", inner["config"]
    layer = Layer(node.layer.name, kind, node.layer.inputs, node.layer.shape[1:], config=config)
    found = products_of(Node(layer, (replace(source, shape=source.shape[1:]),), node.varies))
    return replace(found, full=found.full * source.length, pair=found.full, tap=found.full)


@counts("EinsumDense")
def summed(node: Node) -> Products:
    """One multiply-add for each combination of what the letters of the equation count."""
    given, result = node.config["equation"].split("->")
    value, kernel = given.split(",")
    sizes = _sizes([result, value], [node.layer.shape, node.shape])
    weights = prod(sizes.get(letter, 1) for letter in kernel)
    whole = prod(sizes.values())
    return Products(whole, whole // node.inputs[0].length, weights=weights)


@counts("ops.Einsum")
def combined(node: Node) -> Products:
    """The same of several values, all at once as the equation says it."""
    given, _, result = node.config["subscripts"].replace(" ", "").partition("->")
    values, terms = [*node.config["args"], *node.config["kwargs"].values()], given.split(",")
    shapes = [
        node.inputs[value.index].shape if isinstance(value, Operand) else tuple(value.shape)
        for value in values
    ]
    sizes = _sizes([result, *terms], [node.layer.shape, *shapes])
    return Products(prod(sizes.values()) if len(terms) > 1 else 0)


def _sizes(terms: Sequence[str], shapes: Sequence[Shape]) -> dict[str, int]:
    """What each letter counts, and ``...`` what it stands for; the batch counts nothing."""
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        before, dots, after = term.partition("...")
        sizes |= dict(zip(after[::-1] if dots else term[::-1], shape[::-1], strict=False))
        if dots:
            count = len(shape) - len(after) - len(before[1:])
            sizes |= dict(zip(before[1:], shape, strict=False))
            sizes["..."] = prod(shape[len(before[1:]) : len(before[1:]) + max(0, count)])
    return sizes


@counts("ops.Matmul")
def multiplied(node: Node) -> Products:
    """Every element of the result sums over the last axis of what stands on the left."""
    left, right = [*node.config["args"], *node.config["kwargs"].values()][:2]
    first = isinstance(left, Operand)
    summed = node.inputs[left.index].shape[-1] if first else tuple(left.shape)[-1]
    whole = prod(node.layer.shape) * summed
    weights = 0 if first and isinstance(right, Operand) else prod((right if first else left).shape)
    return Products(whole, whole // max(1, node.shape[0]), weights=weights)
