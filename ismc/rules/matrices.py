"""The multiply-adds of matrix products: Dense, equations, and products of values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from ismc.ir.graph import Layer, Operand, Shape
from ismc.rules.base import Node
from ismc.rules.products import Products, counts_products, products_of


@counts_products("Dense")
def dense_products(node: Node) -> Products:
    """One multiply-add for each element of the input and each unit."""
    units = node.layer.shape[-1]
    pair, weights = prod(node.shape[1:]) * units, node.shape[-1] * units
    return Products(node.shape[0] * pair, pair, weights=weights)


@counts_products("TimeDistributed")
def time_distributed_products(node: Node) -> Products:
    """The products of the inner layer, once per position."""
    inner, source = node.config["layer"], node.inputs[0]
    kind, config = f"keras.{inner['class_name']}", inner["config"]
    layer = Layer(node.layer.name, kind, node.layer.inputs, node.layer.shape[1:], config=config)
    products = products_of(Node(layer, (replace(source, shape=source.shape[1:]),), node.varies))
    return replace(
        products, full=products.full * source.length, pair=products.full, tap=products.full
    )


@counts_products("EinsumDense")
def einsum_dense_products(node: Node) -> Products:
    """One multiply-add for each combination of the equation's indices."""
    terms, result = node.config["equation"].split("->")
    value, kernel = terms.split(",")
    sizes = _index_sizes([result, value], [node.layer.shape, node.shape])
    weights = prod(sizes.get(index, 1) for index in kernel)
    full = prod(sizes.values())
    return Products(full, full // node.inputs[0].length, weights=weights)


@counts_products("ops.Einsum")
def einsum_products(node: Node) -> Products:
    """One multiply-add for each combination of the indices, with all values multiplied at once."""
    terms, _, result = node.config["subscripts"].replace(" ", "").partition("->")
    values, operands = [*node.config["args"], *node.config["kwargs"].values()], terms.split(",")
    shapes = [
        node.inputs[value.index].shape if isinstance(value, Operand) else tuple(value.shape)
        for value in values
    ]
    sizes = _index_sizes([result, *operands], [node.layer.shape, *shapes])
    return Products(prod(sizes.values()) if len(operands) > 1 else 0)


def _index_sizes(terms: Sequence[str], shapes: Sequence[Shape]) -> dict[str, int]:
    """The size of each index and of ``...``, without the batch."""
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        before, dots, after = term.partition("...")
        sizes |= dict(zip(after[::-1] if dots else term[::-1], shape[::-1], strict=False))
        if dots:
            count = len(shape) - len(after) - len(before[1:])
            sizes |= dict(zip(before[1:], shape, strict=False))
            sizes["..."] = prod(shape[len(before[1:]) : len(before[1:]) + max(0, count)])
    return sizes


@counts_products("ops.Matmul")
def matmul_products(node: Node) -> Products:
    """One multiply-add for each element of the result and of the first factor's last axis."""
    a, b = [*node.config["args"], *node.config["kwargs"].values()][:2]
    is_value = isinstance(a, Operand)
    size = node.inputs[a.index].shape[-1] if is_value else tuple(a.shape)[-1]
    full = prod(node.layer.shape) * size
    weights = 0 if is_value and isinstance(b, Operand) else prod((b if is_value else a).shape)
    return Products(full, full // max(1, node.shape[0]), weights=weights)
