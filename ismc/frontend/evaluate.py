"""Models as functions of their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from ismc.frontend.model import Model
from ismc.ir.graph import Graph

Weights = Mapping[str, Mapping[str, Any]]


def evaluate(
    graph: Graph, outputs: Sequence[str], inputs: Mapping[str, Any], weights: Weights
) -> dict[str, Any]:
    """Every value that the outputs need, by the original layers alone."""
    values = dict(inputs)
    live = graph.ancestors(outputs)
    for layer in graph:
        if not layer.inputs or layer.name not in live:
            continue
        operands = [values[name] for name in layer.inputs]
        if layer.title == "Item":
            values[layer.name] = operands[0][layer.config["index"]]
        elif layer.call is not None:
            values[layer.name] = layer.call(operands, weights.get(layer.owner, {}))
    return values


def answers(
    model: Model, graph: Graph, outputs: Sequence[str], inputs: Mapping[str, Any], weights: Weights
) -> list[Any]:
    """Some of the model's outputs in float32, as it computes them with these weights.

    A Keras 3 model is called as it is; for one of `tf_keras`, which has no such call, the layers
    of its flat ``graph`` are.
    """
    if not hasattr(model.model, "stateless_call"):
        inside = dict(zip(model.graph.outputs, graph.outputs, strict=True))  # of nested models
        names = [inside.get(name, name) for name in outputs]
        found = evaluate(graph, names, inputs, weights)
        return [tf.cast(found[name], tf.float32) for name in names]
    given = {
        id(variable): weights[owner][name]
        for owner, named in model.variables.items()
        for name, variable in named.items()
    }
    split = [
        [given.get(id(variable), variable.value) for variable in group]
        for group in (model.model.trainable_variables, model.model.non_trainable_variables)
    ]
    nest = keras.tree.map_structure(lambda name: inputs[name], model.inputs)
    returned = model.model.stateless_call(*split, nest, training=False)[0]
    flat = dict(
        zip(keras.tree.flatten(model.structure), keras.tree.flatten(returned), strict=False)
    )
    return [tf.cast(flat[name], tf.float32) for name in outputs]
