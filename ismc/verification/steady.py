"""Refuses models whose answers change from call to call, such as with dropout that stays on.

Keras's own layers are deterministic at inference. Every other layer, and every layer called in
training mode, is traced and called twice. The trace shows every function that draws random numbers,
even one that rarely changes the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ismc.errors import UnsupportedModelError
from ismc.execution.inputs import random_inputs
from ismc.frontend.draws import find_random_layer
from ismc.frontend.evaluate import evaluate
from ismc.frontend.model import Model
from ismc.ir.graph import Graph, Layer
from ismc.ism.checking.tolerance import exceeds
from ismc.plan.plan import Signature

SEQUENCES = 2
INFERENCE = (
    "Build the model for inference, without training=True, and load the weights into it. For the "
    "spread of answers train several models and compile each, or average them with ismc.ensemble."
)
OWN_DRAWS = (
    "Draw no random numbers when training is False: return the value without noise, or draw once, "
    "when the layer is built, and store the result as a weight."
)

Values = Sequence[Any]
Found = tuple[Layer, str]
Weights = Mapping[str, Any]


def refuse_unsteady(model: Model, graph: Graph, outputs: Sequence[str], sequence: str) -> None:
    """Raises if two calls of the model on the same sequences may differ.

    Args:
        model: the model that was read.
        graph: its layers, with nested models inlined.
        outputs: the names of the requested outputs.
        sequence: the name of the sequence input.

    Raises:
        UnsupportedModelError: names the layers that draw random numbers or answer differently.
    """
    live = graph.ancestors(outputs)
    doubtful = [n for n in graph if n.name in live and n.call is not None and _may_be_unsteady(n)]
    if not doubtful:
        return
    unsteady = []
    for layer in doubtful:
        inputs = tuple(graph[name] for name in layer.inputs)
        where = find_random_layer(layer, inputs, model.variables.get(layer.owner, {}))
        if where is not None:
            unsteady.append((layer, f"draws random numbers{where}"))
    unsteady = unsteady or _call_twice(model, graph, doubtful, sequence)
    if unsteady:
        reasons = "; ".join(f"{layer.title} {layer.name!r} {reason}" for layer, reason in unsteady)
        training = any(_in_training(layer) for layer, _ in unsteady)
        raise UnsupportedModelError(
            f"The model {graph.name!r} gives no unique answer for a sequence: {reasons}.",
            hint=INFERENCE if training else OWN_DRAWS,
        )


def _call_twice(model: Model, graph: Graph, layers: Sequence[Layer], sequence: str) -> list[Found]:
    """The layers whose answers differ between two calls, and how."""
    tensors = _trial(graph, sequence)
    needed = tuple({name for layer in layers for name in layer.inputs})
    training = [layer for layer in layers if _in_training(layer)]
    variables = [v for n in training for v in model.variables.get(n.owner, {}).values()]
    saved = [(v, tf.identity(v)) for v in variables if isinstance(v, tf.Variable)]
    try:
        values = evaluate(graph, needed, tensors, model.variables)
        unsteady = []
        for layer in layers:
            operands = [values[name] for name in layer.inputs]
            reason = _unsteady_reason(layer, operands, model.variables.get(layer.owner, {}))
            unsteady += [(layer, reason)] if reason else []
        return unsteady or _switched_off(model, training, tensors)
    except Exception:  # noqa: BLE001  (layers may reject random inputs with any error)
        return []
    finally:
        for variable, value in saved:  # layers of tf_keras have changed them
            variable.assign(value)


def _trial(graph: Graph, sequence: str) -> dict[str, Any]:
    """Random inputs in the dtypes of the model's inputs."""
    shapes = tuple((name, graph[name].shape) for name in graph.inputs)
    arrays = random_inputs(Signature(sequence, shapes, 1), SEQUENCES, np.random.default_rng(0))
    return {name: tf.cast(tf.abs(tf.constant(x)), graph[name].dtype) for name, x in arrays.items()}


def _in_training(layer: Layer) -> bool:
    return bool(layer.config.get("training"))


def _may_be_unsteady(layer: Layer) -> bool:
    """Whether a call runs in training mode or runs code that is not Keras's own."""
    if _in_training(layer) or not layer.kind.startswith(("keras.", "ismc.")):
        return True
    if hasattr(layer.source, "layers"):  # a model that is one node of the graph
        return True
    return any(not _of_keras(part) for part in _parts(layer.source))


def _parts(source: Any) -> Iterator[Any]:
    """The classes of a layer and its inner layers, and the functions in their attributes."""
    flatten = getattr(source, "_flatten_layers", None)
    for part in flatten() if flatten else [source]:
        yield part if callable(part) and hasattr(part, "__name__") else type(part)
        yield from (value for value in getattr(part, "__dict__", {}).values() if callable(value))


def _of_keras(part: Any) -> bool:
    module = getattr(part, "__module__", None) or type(part).__module__
    return module.split(".")[0] in ("keras", "tf_keras", "builtins")


def _unsteady_reason(layer: Layer, operands: Values, weights: Weights) -> str:
    """How the layer's answer depends on more than its inputs; empty if it does not."""
    assert layer.call is not None  # noqa: S101  (`refuse_unsteady` selects these)
    first, second = layer.call(operands, weights), layer.call(operands, weights)
    if _differ(first, second):
        return "gives different answers when it is called twice on the same values"
    if _in_training(layer):
        single = layer.call([x[:1] for x in operands], weights)
        if _differ([y[:1] for y in keras.tree.flatten(first)], single):
            return "gives an answer for one sequence that depends on the rest of the batch"
    return ""


def _differ(first: Any, second: Any) -> bool:
    pairs = zip(keras.tree.flatten(first), keras.tree.flatten(second), strict=True)
    return any(exceeds(np.asarray(a), np.asarray(b)) is not None for a, b in pairs)


def _switched_off(model: Model, layers: Sequence[Layer], tensors: Mapping[str, Any]) -> list[Found]:
    """The layers in training mode, if the model answers differently with ``training=False``."""
    if not layers or not hasattr(model.model, "stateless_call"):
        return []
    nest: Any = keras.tree.map_structure(lambda name: tensors[name], model.inputs)
    groups = (model.model.trainable_variables, model.model.non_trainable_variables)
    state = [[variable.value for variable in group] for group in groups]
    first = model.model.stateless_call(*state, nest)[0]
    second = model.model.stateless_call(*state, nest, training=False)[0]
    if not _differ(first, second):
        return []
    return [(layer, "is switched off by training=False, as in model.predict") for layer in layers]
