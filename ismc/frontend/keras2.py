"""Reads models of `tf_keras` (Keras 2) into the graph that Keras 3 gives for the same layers.

A TensorFlow function becomes the equivalent function of `keras.ops`, which is called on symbolic
tensors of Keras 3. A function without an equivalent stays unknown, which is exact but slower.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf_keras

from ismc.errors import UnsupportedModelError
from ismc.frontend import keras3
from ismc.frontend.calls import ActivationCall, LayerCall, WithoutActivation
from ismc.frontend.keras3 import FUSED, _history, _plain_call, _shape, _unique
from ismc.frontend.masking import has_mask_argument, run_order
from ismc.frontend.model import Model
from ismc.frontend.own import configuration, is_own, kind_as_shipped
from ismc.frontend.tensorflow_functions import apply_in_keras
from ismc.ir.graph import WITH_A_MASK, Graph, Layer
from ismc.rules import kind_of

ACTIVATIONS = {"swish": "silu", "hard_sigmoid": "user's hard_sigmoid"}
"""Keras 2 names that Keras 3 does not have, or gives to another function."""
DEPTHWISE = (tf_keras.layers.DepthwiseConv1D, tf_keras.layers.DepthwiseConv2D)


def read(model: Any) -> Model:
    """Reads a model of `tf_keras`.

    Raises:
        UnsupportedModelError: when the object is not a Keras model, or was never built.
    """
    reader, functional = _Reader(), _functional(model)
    graph = reader.graph(functional, model.name)
    inputs = keras.tree.map_structure(lambda t: reader.names[id(t)], functional.input)
    structure = keras.tree.map_structure(lambda t: reader.names[id(t)], functional.output)
    return Model(graph, inputs, structure, reader.variables, model)


def _functional(model: Any) -> Any:
    """The model itself if it is a graph; a subclassed model becomes one call."""
    if _is_graph(model):
        return model
    spec = model.save_spec() if isinstance(model, tf_keras.Model) else None
    shape: Any = getattr(model, "_build_input_shape", None)
    if not isinstance(model, tf_keras.Model) or (spec is None and shape is None):
        raise UnsupportedModelError(
            f"The model is a {kind_of(type(model))}, expected a tf_keras.Model that was built.",
            hint="Call the model once on data, or give it an Input, so that its shapes are known.",
        )
    nest: Any = tf.TensorSpec(shape) if spec is None else spec[0][0]
    names = (f"input_layer_{i}" if i else "input_layer" for i in count())
    inputs = tf.nest.map_structure(
        lambda s: tf_keras.Input(s.shape[1:], name=next(names), dtype=s.dtype), nest
    )
    return tf_keras.Model(inputs, model(inputs), name=model.name)


def _is_graph(layer: Any) -> bool:
    return isinstance(layer, tf_keras.Model) and bool(getattr(layer, "_is_graph_network", False))


@dataclass(frozen=True)
class _Call:
    """One call of a layer: its arguments, the symbolic tensors among them, and its results."""

    node: Any
    layer: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    tensors: Sequence[Any]
    results: Sequence[Any]


def _call_of(tensor: Any) -> _Call:
    """The call that returned a tensor."""
    layer, index, _ = _history(tensor)
    node = layer._inbound_nodes[index]  # noqa: SLF001  (the only record of a call)
    args, kwargs = tuple(node.call_args), dict(node.call_kwargs)
    tensors = [t for t in keras.tree.flatten((args, kwargs)) if hasattr(t, "_keras_history")]
    return _Call(node, layer, args, kwargs, tensors, keras.tree.flatten(node.outputs))


@dataclass
class _Reader:
    names: dict[int, str] = field(default_factory=dict)
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    owners: dict[int, str] = field(default_factory=dict)

    def graph(self, model: Any, name: str) -> Graph:
        """The graph of a functional model, with unique names."""
        layers: dict[str, Layer] = {}
        for tensor in keras.tree.flatten(model.input):
            label, dtype = _unique(_history(tensor)[0].name, layers), tensor.dtype.name
            layers[label] = Layer(label, "keras.InputLayer", (), _shape(tensor, label), dtype)
            self.names[id(tensor)] = label
        inputs, results = tuple(layers), keras.tree.flatten(model.output)
        calls: dict[int, tuple[str, ...]] = {}
        stack = results[::-1]
        while stack:
            if id(stack[-1]) in self.names:
                stack.pop()
                continue
            call = _call_of(stack[-1])
            waiting = [t for t in call.tensors if id(t) not in self.names]
            if waiting:
                stack.extend(reversed(waiting))
            else:
                before = len(layers)
                self._add(call, layers)
                calls[id(call.node)] = tuple(layers)[before:]
        outputs = tuple(self.names[id(t)] for t in results)
        return Graph(name, tuple(layers.values()), inputs, outputs, run_order(model, inputs, calls))

    def _add(self, call: _Call, layers: dict[str, Layer]) -> None:
        """Adds the nodes of one call: the layer, its activation, and its results if several."""
        layer, results = call.layer, call.results
        kind, name, config, tensors = _describe(call)
        label, body = _unique(name, layers), None
        if _is_inlined(call):
            inner = _Reader(variables=self.variables, owners=self.owners)
            body = inner.graph(layer, layer.name)
            kind, tensors = "ismc.Model", _tensors_in_order(call)
        owner, weights = self._weights(layer) if body is None else ("", {})
        if call.kwargs.get("training") is True:
            kind, config["training"] = f"{kind} in training mode", True
        if has_mask_argument(layer, call.args, call.kwargs):
            kind += WITH_A_MASK
        inputs = tuple(self.names[id(t)] for t in tensors)
        shape = _shape(results[0], label) if len(results) == 1 else ()
        run = None if body else _caller(call, tensors, weights)
        layers[label] = Layer(
            label, kind, inputs, shape, results[0].dtype.name, config,
            weights=tuple(weights), owner=owner, call=run, source=layer, body=body,
        )  # fmt: skip
        activation = getattr(layer, "activation", None)
        if kind in FUSED and activation not in (None, tf_keras.activations.linear):
            _split(layers[label], activation, layers)
        last = next(reversed(layers))
        self.names[id(results[0])] = last
        for i, result in enumerate(results if len(results) > 1 else ()):
            item, dtype = f"{label}:{i}", result.dtype.name
            shape, config = _shape(result, item), {"index": i}
            layers[item] = Layer(item, "keras.Item", (last,), shape, dtype, config)
            self.names[id(result)] = item

    def _weights(self, layer: Any) -> tuple[str, dict[str, Any]]:
        """The key of the layer's weights and the weights by name; all its calls share both."""
        if not layer.variables:
            return "", {}
        if id(layer) not in self.owners:
            owner = self.owners[id(layer)] = _unique(layer.name, self.variables)
            named = self.variables[owner] = {}
            for variable in layer.variables:
                name = variable.name.split("/")[-1].split(":")[0]
                name = "kernel" if isinstance(layer, DEPTHWISE) and "kernel" in name else name
                named[_unique(name, named)] = variable
        return self.owners[id(layer)], self.variables[self.owners[id(layer)]]


def _split(layer: Layer, function: Callable[[Any], Any], layers: dict[str, Layer]) -> None:
    """Adds two nodes for a layer with a fused activation: the layer without it, and it."""
    assert isinstance(layer.call, LayerCall)  # noqa: S101  (as the reader made it)
    plain = WithoutActivation(layer.source, layer.call, tf_keras.activations.linear)
    layers[layer.name] = replace(layer, call=plain)
    name = _unique(f"{layer.name}.activation", layers)
    layers[name] = Layer(
        name, "keras.Activation", (layer.name,), layer.shape, layer.dtype,
        _activation(function, layer.shape), call=ActivationCall(function), source=function,
    )  # fmt: skip


def _activation(function: Callable[[Any], Any], shape: Sequence[int]) -> dict[str, Any]:
    """The Keras 3 name of a Keras activation; for a user's also whether it is pointwise."""
    name = getattr(function, "__name__", "")
    known = name != "hard_sigmoid" and function is getattr(tf_keras.activations, name, None)
    return {"activation": _plain(name, {})} if known else keras3._activation(function, shape)  # noqa: SLF001


def _is_inlined(call: _Call) -> bool:
    """Whether the layer is a functional model that is called only on tensors."""
    node, layer = SimpleNamespace(arguments=call), call.layer
    return is_own(layer) and _is_graph(layer) and _plain_call(node, layer)


def _tensors_in_order(call: _Call) -> Sequence[Any]:
    """The tensors that a nested model is called on, in the order of its inputs."""
    argument, expected = call.args[0], call.layer.input
    if isinstance(argument, dict) and isinstance(expected, dict):
        return keras.tree.flatten({key: argument[key] for key in expected})
    if isinstance(argument, dict):
        return [argument[_history(t)[0].name] for t in keras.tree.flatten(expected)]
    return call.tensors


def _describe(call: _Call) -> tuple[str, str, dict[str, Any], Sequence[Any]]:
    """The kind of a call, its name, its configuration, and its operands in order."""
    layer, title = call.layer, type(call.layer).__name__
    if title in ("TFOpLambda", "SlicingOpLambda"):
        symbol = layer.symbol or layer.function.__name__
        unknown = f"tf.{symbol}", layer.name, {"compute_dtype": "float32"}, call.tensors
        return _as_keras_function(call, symbol) or unknown
    recorded = configuration(layer)
    kind = kind_as_shipped(layer, recorded)
    if getattr(getattr(layer, "forward_layer", layer), "time_major", False):
        kind = f"{kind} with the time first"
    return kind, layer.name, _config(call, recorded or {}), call.tensors


def _config(call: _Call, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as plain data, with the names of Keras 3."""
    layer, layers = call.layer, tf_keras.layers
    config: dict[str, Any] = _plain(recorded, {})
    if isinstance(layer, layers.LeakyReLU):
        config["negative_slope"] = _plain(np.float32(config.pop("alpha")), {})
    if isinstance(layer, layers.BatchNormalization | layers.LayerNormalization):
        last = call.tensors[0].shape.rank - 1
        axes = [-1 if axis == last else axis for axis in keras.tree.flatten(config["axis"])]
        config["axis"] = axes if isinstance(layer, layers.LayerNormalization) else axes[0]
    if isinstance(layer, layers.Activation):
        config |= _activation(layer.activation, tuple(call.results[0].shape[1:]))
    return config | {"compute_dtype": layer.compute_dtype or "float32"}


def _plain(value: Any, replacements: Mapping[int, Any]) -> Any:
    """A value that Keras 2 records, as plain data; tensors are replaced, by their ``id``."""
    if id(value) in replacements or isinstance(value, str):
        return ACTIVATIONS.get(value, value) if isinstance(value, str) else replacements[id(value)]
    if isinstance(value, Mapping):
        plain = {key: _plain(v, replacements) for key, v in value.items()}
        return slice(*plain.values()) if list(plain) == ["start", "stop", "step"] else plain
    if isinstance(value, list | tuple | tf.TensorShape):
        return (list if isinstance(value, list) else tuple)(_plain(v, replacements) for v in value)
    value = value.numpy() if isinstance(value, tf.Tensor) and hasattr(value, "numpy") else value
    if isinstance(value, np.ndarray | np.generic) and value.ndim == 0:
        return float(str(value)) if value.dtype.kind == "f" else value.item()
    return value


def _as_keras_function(
    call: _Call, symbol: str
) -> tuple[str, str, dict[str, Any], Sequence[Any]] | None:
    """A TensorFlow function as the equivalent ``keras.ops`` function; ``None`` without one."""
    symbolic = {id(t): keras.KerasTensor(tuple(t.shape), t.dtype.name) for t in call.tensors}
    originals = {id(symbolic[id(t)]): t for t in call.tensors}
    try:
        results = keras.tree.flatten(
            apply_in_keras(symbol, *_plain([call.args, call.kwargs], symbolic))
        )
        operation, index, _ = _history(results[0])
        node = operation._inbound_nodes[index]  # noqa: SLF001
        tensors = [originals[id(t)] for t in node.arguments.keras_tensors]
    except Exception:  # noqa: BLE001  (a function that Keras 3 refuses stays a TensorFlow function)
        return None
    shapes = [tuple(r.shape) for r in results]
    if shapes != [tuple(r.shape) for r in call.results] or len(tensors) != len(call.tensors):
        return None
    number = re.search(r"_\d+$", call.layer.name)
    name = re.sub(r"_\d+$", "", operation.name) + (number.group() if number else "")
    config = keras3._config(operation, node, configuration(operation) or {}) | {"name": name}  # noqa: SLF001
    return kind_of(type(operation)), name, config, tensors


def _caller(call: _Call, tensors: Sequence[Any], weights: Mapping[str, Any]) -> LayerCall:
    """The layer's call, to be repeated on other tensors with the layer's own weights."""
    kwargs = dict(call.kwargs)
    if call.layer._call_spec.expects_training_arg and kwargs.get("training") is None:  # noqa: SLF001
        kwargs["training"] = False

    def run(args: tuple[Any, ...], named: dict[str, Any], w: Mapping[str, Any]) -> Any:
        if tf.executing_eagerly() and any(w[k] is not v for k, v in weights.items()):
            raise ValueError(f"{call.layer.name} of tf_keras runs only with its own weights.")
        return keras3._leaves(call.layer(*args, **named))  # noqa: SLF001

    return LayerCall(run, call.args, kwargs, {id(t): i for i, t in enumerate(tensors)})
