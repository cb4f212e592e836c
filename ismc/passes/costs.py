"""What each layer of a program costs a mutant, by the strategy that computes it."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from ismc.ir.graph import Layer
from ismc.passes.program import Form, Program
from ismc.plan import cost
from ismc.plan.multiply_adds import in_full, products_of_layer
from ismc.rules import Products
from ismc.strategies import Convolution, costs


def choose_strategy(program: Program, name: str) -> tuple[str, cost.Cost]:
    """The strategy of a layer, and what one mutant costs with it."""
    layer, form, target = program.graph[name], program.forms[name], program.request.target
    inputs = tuple(program.graph[i] for i in layer.inputs)
    if form is Form.REFERENCE:
        return "", cost.Cost(0, 0.0)
    if name == program.request.sequence:
        return "", cost.elements(target, program.spans[name].width * prod(layer.shape[1:]))
    rule = program.rules[name]
    if program.looked_up(name):
        return "looked up", cost.Cost(0, 0.0)
    if form is Form.FULL:
        if rule.stop is not None and rule.stop.fn == "recurrent_stop":
            return "from the change", in_full(target, layer, inputs).half
        if rule.stop is None:
            return "whole", in_full(target, layer, inputs)
        width = program.spans[layer.inputs[0]].width
        if rule.stop.fn == "dense_stop":
            return "rows", cost.dense_cost(target, width, layer, inputs)
        count = width * inputs[0].shape[-1]
        return rule.stop.fn.removesuffix("_stop"), cost.elements(target, count)
    width = value_width(program, name)
    if rule.layout == "conv":
        forms = strategies(program, name)
        strategy = dict(program.request.strategies).get(name, "")
        if strategy not in forms:
            strategy = min(forms, key=lambda key: forms[key].seconds)
        return strategy, forms[strategy]
    if layer.title == "Dense" and len(layer.shape) == 2:
        return "gemm", cost.dense_cost(target, width, layer, inputs)
    products = products_in(program, name)
    if products.pair:
        return "gemm" if layer.title == "Dense" else "", _local(program, layer, products)
    return "", cost.elements(target, 0 if rule.identity else width * prod(layer.shape[1:]))


def _local(program: Program, layer: Layer, products: Products) -> cost.Cost:
    """The cost of products on changed positions, counted per input or per output position."""
    rule, width = program.rules[layer.name], value_width(program, layer.name)
    outputs, size = width, prod(layer.shape[1:])
    flanks = rule.layout == "flanks"
    if flanks:
        products = replace(products, local="convolution")
    by_input = (
        program.forms[layer.name] is Form.DIFFERENCE and rule.window.stride == 1 and not flanks
    )
    if by_input or rule.window.up > 1:
        width = program.spans[layer.inputs[0]].width
    pairs = width * rule.window.size
    count = pairs if products.local in cost.UNFUSED_SPEEDS else outputs
    return cost.local(program.request.target, products, pairs, count * size, flanks)


def strategies(program: Program, name: str) -> dict[str, cost.Cost]:
    """The strategies of a convolution on a difference, with what each costs."""
    return costs(convolution(program, name), program.request.target)


def convolution(program: Program, name: str) -> Convolution:
    """What strategies need to know of a convolution on a difference."""
    layer, window = program.graph[name], program.rules[name].window
    (source,) = layer.inputs
    groups = layer.config.get("groups", 1)
    return Convolution(
        width=program.spans[source].width,
        out=program.spans[name].width,
        size=window.size,
        channels=program.graph[source].shape[-1] // groups,
        filters=layer.shape[-1],
        groups=groups,
        stride=window.stride,
        dilation=window.dilation,
        precision=program.request.precision,
    )


def naive_cost(program: Program, name: str) -> cost.Cost:
    """What the layer costs per mutant in the naive program."""
    layer = program.graph[name]
    if name == program.request.sequence or not layer.inputs:
        return cost.Cost(0, 0.0)
    return layer.config.get("naive") or full_cost(program, name)


def full_cost(program: Program, name: str) -> cost.Cost:
    """What the layer costs per mutant when it is recomputed in full."""
    layer = program.graph[name]
    return in_full(program.request.target, layer, tuple(program.graph[i] for i in layer.inputs))


def products_in(program: Program, name: str) -> Products:
    """The multiply-adds of a layer."""
    layer = program.graph[name]
    return products_of_layer(layer, tuple(program.graph[i] for i in layer.inputs))


def value_width(program: Program, name: str) -> int:
    """How many positions of a value are held."""
    slab = program.forms[name] is Form.SLAB
    return (program.extents if slab else program.spans)[name].width
