"""Models that answer differently from call to call are refused, for no number of them is right.

Dropout that stays on, noise, and random functions in layers of a user's own. Keras's own layers
are known to be steady at inference; every other layer, and every one that is called in training
mode, is traced, where a function that draws random numbers is seen however seldom it shows, and
called twice.
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
    "Build the model without training=True, as it is meant at inference, and load the weights "
    "into it. For a spread of answers train several models and compile each, or average over them "
    "with ismc.ensemble."
)
OWN_DRAWS = (
    "Draw nothing where training is False: let the layer return its value without noise, or draw "
    "once, when it is built, and keep that as a weight."
)

Values = Sequence[Any]
Found = tuple[Layer, str]
Weights = Mapping[str, Any]


def refuse_unsteady(model: Model, graph: Graph, outputs: Sequence[str], sequence: str) -> None:
    """Makes sure that two calls of the model on the same sequence agree.

    Args:
        model: as it was lowered.
        graph: its layers, models inside of it laid open.
        outputs: the values that are asked for.
        sequence: the input that holds the sequence.

    Raises:
        UnsupportedModelError: names the layers that draw random numbers or answer differently.
    """
    live = graph.ancestors(outputs)
    doubtful = [n for n in graph if n.name in live and n.call is not None and _doubtful(n)]
    if not doubtful:
        return
    found = []
    for layer in doubtful:
        inputs = tuple(graph[name] for name in layer.inputs)
        where = find_random_layer(layer, inputs, model.variables.get(layer.owner, {}))
        if where is not None:
            found.append((layer, f"draws random numbers{where}"))
    found = found or _called(model, graph, doubtful, sequence)
    if found:
        said = "; ".join(f"{layer.title} {layer.name!r} {reason}" for layer, reason in found)
        training = any(_in_training(layer) for layer, _ in found)
        raise UnsupportedModelError(
            f"The model {graph.name!r} has no one answer for a sequence: {said}.",
            hint=INFERENCE if training else OWN_DRAWS,
        )


def _called(model: Model, graph: Graph, layers: Sequence[Layer], sequence: str) -> list[Found]:
    """The layers whose answers differ when they are called again, and how."""
    tensors = _trial(graph, sequence)
    needed = tuple({name for layer in layers for name in layer.inputs})
    training = [layer for layer in layers if _in_training(layer)]
    owned = [v for n in training for v in model.variables.get(n.owner, {}).values()]
    kept = [(v, tf.identity(v)) for v in owned if isinstance(v, tf.Variable)]
    try:
        values = evaluate(graph, needed, tensors, model.variables)
        found = []
        for layer in layers:
            operands = [values[name] for name in layer.inputs]
            reason = _unsteady(layer, operands, model.variables.get(layer.owner, {}))
            found += [(layer, reason)] if reason else []
        return found or _switched(model, training, tensors)
    except Exception:  # noqa: BLE001  (layers may refuse random numbers, by whatever they raise)
        return []
    finally:
        for variable, value in kept:  # layers of tf_keras have changed them
            variable.assign(value)


def _trial(graph: Graph, sequence: str) -> dict[str, Any]:
    """Random inputs in the dtypes that the model takes."""
    shapes = tuple((name, graph[name].shape) for name in graph.inputs)
    arrays = random_inputs(Signature(sequence, shapes, 1), SEQUENCES, np.random.default_rng(0))
    return {name: tf.cast(tf.abs(tf.constant(x)), graph[name].dtype) for name, x in arrays.items()}


def _in_training(layer: Layer) -> bool:
    return bool(layer.config.get("training"))


def _doubtful(layer: Layer) -> bool:
    """Whether anything but Keras's own code at inference takes part in a call."""
    if _in_training(layer) or not layer.kind.startswith(("keras.", "ismc.")):
        return True
    if hasattr(layer.source, "layers"):  # a model that is called as a whole
        return True
    return any(not _of_keras(part) for part in _parts(layer.source))


def _parts(source: Any) -> Iterator[Any]:
    """The classes of a layer and of those inside of it, and the functions that these hold."""
    inside = getattr(source, "_flatten_layers", None)
    for part in inside() if inside else [source]:
        yield part if callable(part) and hasattr(part, "__name__") else type(part)
        yield from (value for value in getattr(part, "__dict__", {}).values() if callable(value))


def _of_keras(part: Any) -> bool:
    module = getattr(part, "__module__", None) or type(part).__module__
    return module.split(".")[0] in ("keras", "tf_keras", "builtins")


def _unsteady(layer: Layer, operands: Values, weights: Weights) -> str:
    """How the layer's answer depends on more than its inputs; nothing if it does not."""
    assert layer.call is not None  # noqa: S101  (`refuse_unsteady` has seen to it)
    first, again = layer.call(operands, weights), layer.call(operands, weights)
    if _differ(first, again):
        return "answers differently when it is called twice on the same values"
    if _in_training(layer):
        alone = layer.call([x[:1] for x in operands], weights)
        if _differ([y[:1] for y in keras.tree.flatten(first)], alone):
            return "answers for one sequence by what else is in the batch"
    return ""


def _differ(first: Any, second: Any) -> bool:
    pairs = zip(keras.tree.flatten(first), keras.tree.flatten(second), strict=True)
    return any(exceeds(np.asarray(a), np.asarray(b)) is not None for a, b in pairs)


def _switched(model: Model, layers: Sequence[Layer], tensors: Mapping[str, Any]) -> list[Found]:
    """The layers in training mode where Keras 3 answers otherwise with ``training=False``."""
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
