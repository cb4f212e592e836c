"""Evaluates models as functions of their weights."""

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
    """Every value that the outputs need, by name, computed by the original layers."""
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
    """The named outputs of the model in float32, computed with these weights.

    A Keras 3 model is called itself. A model of `tf_keras` has no stateless call, so the layers of
    its flat ``graph`` are called instead.
    """
    if not hasattr(model.model, "stateless_call"):
        flat_names = dict(zip(model.graph.outputs, graph.outputs, strict=True))
        names = [flat_names.get(name, name) for name in outputs]
        values = evaluate(graph, names, inputs, weights)
        return [tf.cast(values[name], tf.float32) for name in names]
    arrays = {
        id(variable): weights[owner][name]
        for owner, named in model.variables.items()
        for name, variable in named.items()
    }
    split = [
        [arrays.get(id(variable), variable.value) for variable in group]
        for group in (model.model.trainable_variables, model.model.non_trainable_variables)
    ]
    nest = keras.tree.map_structure(lambda name: inputs[name], model.inputs)
    returned = model.model.stateless_call(*split, nest, training=False)[0]
    flat = dict(
        zip(keras.tree.flatten(model.structure), keras.tree.flatten(returned), strict=False)
    )
    return [tf.cast(flat[name], tf.float32) for name in outputs]
