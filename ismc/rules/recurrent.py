"""Rules of recurrent layers: stops that start from the reference state before the first change."""

from __future__ import annotations

from typing import Any

from ismc.ir.graph import Layer
from ismc.rules.base import Expr, Node, Rule, describe, stop
from ismc.rules.products import Products, counts_products, products_of

GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}


def _options(node: Node) -> dict[str, Any]:
    config = node.config
    return {
        "cell": config["cell"],
        "functions": (config["activation"], config["recurrent_activation"]),
        "after": config["reset_after"],
        "backwards": config["backwards"],
    }


@describe("ismc.States", examples=[])
def states(node: Node) -> Rule:
    """``ismc.States``: the state after every position; mutants only look up the reference's."""
    reference = Expr("recurrent_states", kwargs=_options(node), weights=True)
    return stop("states of a recurrence", reference=reference, lookup=True)


@describe("ismc.Recurrent", examples=[])
def recurrent(node: Node) -> Rule:
    """``ismc.Recurrent``: the output of a recurrence, computed from the first changed position."""
    backwards, sequences = node.config["backwards"], node.config["sequences"]
    kwargs = {"units": node.config["units"], "backwards": backwards, "sequences": sequences}
    return stop(
        f"each position depends on all {'after' if backwards else 'before'} it",
        reference=Expr("recurrent_output", kwargs=kwargs),
        exact=Expr("recurrent_stop", kwargs=_options(node) | {"sequences": sequences}),
    )


@counts_products("ismc.Recurrent", *GATES)
def recurrent_products(node: Node) -> Products:
    """The products of all gates with the input and with the state, at every position."""
    gates = GATES[node.config.get("cell", node.layer.title.split(" ")[0])]
    units, channels = node.config["units"], node.shape[-1]
    pair, step = gates * units * channels, gates * units**2
    return Products(node.shape[0] * (pair + step), pair, step=step, speed="recurrent")


@counts_products("Bidirectional")
def bidirectional_products(node: Node) -> Products:
    """The products of the forward and the backward recurrence."""
    inner = node.config["layer"]
    if inner["class_name"] not in GATES:
        return Products()
    backward = (node.config.get("backward_layer") or inner)["config"]
    layers = [
        Layer(node.layer.name, f"keras.{inner['class_name']}", (), (), config=config)
        for config in (inner["config"], backward)
    ]
    products = [products_of(Node(layer, node.inputs, node.varies)) for layer in layers]
    return Products(sum(p.full for p in products), speed="recurrent")
