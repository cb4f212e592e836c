"""Reads Keras 3 models: one node per call of a layer, with fused activations split off."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras

from ismc.errors import UnsupportedModelError
from ismc.frontend.calls import ActivationCall, LayerCall, WithoutActivation
from ismc.frontend.lengths import at_shapes, is_open
from ismc.frontend.masking import has_mask_argument, run_order
from ismc.frontend.model import Model
from ismc.frontend.own import configuration, is_own, kind_as_shipped
from ismc.frontend.probe import is_pointwise
from ismc.frontend.squeezed import squeeze
from ismc.ir.graph import WITH_A_MASK, Graph, Layer, Operand
from ismc.rules import kind_of

FUSED = tuple(
    f"keras.{title}"
    for title in (
        "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Dense", "DepthwiseConv1D",
        "EinsumDense", "SeparableConv1D",
    )
)  # fmt: skip


def read(model: keras.Model) -> Model:
    """Reads a Keras 3 model.

    Raises:
        UnsupportedModelError: when the object is not a Keras model, or was never built.
    """
    if not isinstance(model, keras.Model):
        raise UnsupportedModelError(
            f"The model is a {kind_of(type(model))}, expected a keras.Model.",
            hint="Load the file with keras.saving.load_model first.",
        )
    model, shapes = squeeze(model)
    functional, outputs = _functional(model)
    reader = _Reader()
    graph = reader.graph(functional, functional.name)
    inputs = keras.tree.map_structure(lambda t: reader.names[id(t)], _input_nest(functional))
    if isinstance(outputs, list | tuple) and len(outputs) == 1:
        (outputs,) = outputs  # a call of the model returns it without the list
    structure = keras.tree.map_structure(lambda t: reader.names[id(t)], outputs)
    folded = tuple(zip(graph.inputs, shapes, strict=False))
    return Model(graph, inputs, structure, reader.variables, model, folded)


def _functional(model: keras.Model) -> tuple[Any, Any]:
    """The model and the nest of its symbolic outputs; a subclassed model becomes one call."""
    try:
        symbolic = list(model.inputs)
    except (AttributeError, ValueError, TypeError):
        symbolic = None
    if not symbolic:
        if not getattr(model, "built", False) or getattr(model, "input_shape", None) is None:
            raise UnsupportedModelError(
                f"The model {model.name!r} was never built, so its input shape is unknown.",
                hint="Call it once on data, or give it a keras.Input.",
            )
        shape: Any = model.input_shape
        x = keras.Input(shape[1:])
        model = keras.Model(x, model(x), name=model.name)
    outputs: Any = model.outputs
    nest = getattr(model, "_outputs_struct", None)
    return model, nest if nest is not None else outputs[0]


def _input_nest(model: Any) -> Any:
    nest = getattr(model, "_inputs_struct", None)
    return nest if nest is not None else model.inputs[0]


@dataclass
class _Reader:
    names: dict[int, str] = field(default_factory=dict)
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    owners: dict[int, str] = field(default_factory=dict)
    alive: list[Any] = field(default_factory=list)

    def graph(self, model: Any, name: str) -> Graph:
        """The graph of a functional model, with unique names."""
        layers: dict[str, Layer] = {}
        for tensor in model.inputs:
            label = _unique(getattr(_history(tensor)[0], "name", "input"), layers)
            layers[label] = _input(label, tensor)
            self.names[id(tensor)] = label
        inputs = tuple(layers)
        calls: dict[int, tuple[str, ...]] = {}
        stack = list(model.outputs)[::-1]
        while stack:
            tensor = stack[-1]
            if id(tensor) in self.names:
                stack.pop()
                continue
            operation, index, _ = _history(tensor)
            node = operation._inbound_nodes[index]  # noqa: SLF001  (the only record of a call)
            waiting = [t for t in node.arguments.keras_tensors if id(t) not in self.names]
            if waiting:
                stack.extend(reversed(waiting))
            else:
                before = len(layers)
                self._call(operation, node, layers)
                calls[id(node)] = tuple(layers)[before:]
        outputs = tuple(self.names[id(t)] for t in model.outputs)
        return Graph(name, tuple(layers.values()), inputs, outputs, run_order(model, inputs, calls))

    def _call(self, operation: Any, node: Any, layers: dict[str, Layer]) -> None:
        """Adds the nodes of one call: the layer, its activation, and its results if several."""
        tensors, results = list(node.arguments.keras_tensors), list(node.outputs)
        self.alive += results
        label = _unique(operation.name, layers)
        body = None
        if _is_graph(operation) and _plain_call(node, operation) and is_own(operation):
            inner = _Reader(variables=self.variables, owners=self.owners, alive=self.alive)
            tensors = _tensors_in_order(operation, node)
            fixed = operation
            if is_open(operation):
                fixed = at_shapes(operation, [tensor.shape[1:] for tensor in tensors])
                self.alive.append(fixed)
            body = inner.graph(fixed, operation.name)
        owner, weights = self._weights(operation) if body is None else ("", {})
        config = configuration(operation)
        layer = Layer(
            name=label,
            kind=kind_as_shipped(operation, config) if body is None else "ismc.Model",
            inputs=tuple(self.names[id(t)] for t in tensors),
            shape=_shape(results[0], label) if len(results) == 1 else (),
            dtype=str(results[0].dtype),
            config=_config(operation, node, config or {}),
            weights=tuple(weights),
            owner=owner,
            call=None if body else _caller(operation, node, tensors, weights),
            source=operation,
            body=body,
        )
        if layer.config.get("training") is True:
            layer = replace(layer, kind=f"{layer.kind} in training mode")
        if has_mask_argument(operation, node.arguments.args, node.arguments.kwargs):
            layer = replace(layer, kind=layer.kind + WITH_A_MASK)
        activation = getattr(operation, "activation", None)
        if layer.kind in FUSED and activation not in (None, keras.activations.linear):
            self._split(layer, activation, layers)
        else:
            layers[label] = layer
        last = next(reversed(layers))
        if len(results) == 1:
            self.names[id(results[0])] = last
            return
        for i, result in enumerate(results):
            item = f"{label}:{i}"
            layers[item] = Layer(
                item, "keras.Item", (last,), _shape(result, item), str(result.dtype), {"index": i}
            )
            self.names[id(result)] = item

    def _split(self, layer: Layer, activation: Any, layers: dict[str, Layer]) -> None:
        """Adds two nodes for a layer with a fused activation: the layer without it, and it."""
        operation = layer.source
        assert isinstance(layer.call, LayerCall)  # noqa: S101  (as `_call` made it)
        plain = WithoutActivation(operation, layer.call, keras.activations.linear)
        layers[layer.name] = replace(layer, call=plain)
        name = _unique(f"{layer.name}.activation", layers)
        layers[name] = Layer(
            name, "keras.Activation", (layer.name,), layer.shape, layer.dtype,
            _activation(activation, layer.shape), call=ActivationCall(activation),
            source=activation,
        )  # fmt: skip

    def _weights(self, operation: Any) -> tuple[str, dict[str, Any]]:
        """The key of the operation's weights and the weights by name; all its calls share both."""
        variables = list(getattr(operation, "variables", ()))
        if not variables:
            return "", {}
        owner = self.owners.get(id(operation))
        if owner is None:
            owner = _unique(operation.name, self.variables)
            self.owners[id(operation)] = owner
            named: dict[str, Any] = {}
            for variable in variables:
                named[_unique(variable.name, named)] = variable
            self.variables[owner] = named
        return owner, self.variables[owner]


def _history(tensor: Any) -> tuple[Any, int, int]:
    return tensor._keras_history  # noqa: SLF001  (Keras has no public way to walk a graph)


def _is_graph(operation: Any) -> bool:
    return type(operation) in (keras.Model, keras.Sequential) or (
        type(operation).__module__.split(".")[0] == "keras"
        and type(operation).__name__ in ("Functional", "Sequential")
    )


def _plain_call(node: Any, operation: Any) -> bool:
    """Whether a nested model is called only on tensors, so that it may be inlined."""
    defaults = {"training": (None, False), "mask": (None,)}
    extra = {k: v for k, v in node.arguments.kwargs.items() if v not in defaults.get(k, ())}
    return len(node.arguments.args) == 1 and not extra and bool(operation.inputs)


def _tensors_in_order(operation: Any, node: Any) -> list[Any]:
    """The tensors that a nested model is called on, in the order of its inputs."""
    argument, expected = node.arguments.args[0], _input_nest(operation)
    if isinstance(argument, dict) and isinstance(expected, dict):
        by_input = {id(expected[key]): argument[key] for key in expected}
        return [by_input[id(t)] for t in operation.inputs]
    if isinstance(argument, dict):
        return [argument[_history(t)[0].name] for t in operation.inputs]
    return keras.tree.flatten(argument)


def _input(label: str, tensor: Any) -> Layer:
    return Layer(label, "keras.InputLayer", (), _shape(tensor, label), str(tensor.dtype))


def _shape(tensor: Any, label: str) -> tuple[int, ...]:
    shape = tuple(tensor.shape[1:])
    if None in shape:
        raise UnsupportedModelError(
            f"The value of {label!r} has shape {tuple(tensor.shape)}, expected fixed lengths.",
            hint="Call the model on a keras.Input of the length to scan, and compile that model.",
        )
    return shape


def _config(operation: Any, node: Any, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The recorded configuration with the arguments of the call and the compute dtype."""
    config = dict(recorded)
    if isinstance(operation, keras.layers.Activation):
        config |= _activation(operation.activation, tuple(node.outputs[0].shape[1:]))
    if not isinstance(operation, keras.Layer):
        config |= _arguments(operation, node)
    if node.arguments.kwargs.get("training") is True:
        config["training"] = True
    policy = getattr(operation, "dtype_policy", None)
    config["compute_dtype"] = getattr(policy, "compute_dtype", None) or "float32"
    return config


def _arguments(operation: Any, node: Any) -> dict[str, Any]:
    """The attributes of a ``keras.ops`` function and its arguments, tensors as `Operand`."""
    operands = {id(t): Operand(i) for i, t in enumerate(node.arguments.keras_tensors)}

    def replaced(x: Any) -> Any:
        return operands.get(id(x), x)

    config = {k: v for k, v in vars(operation).items() if not k.startswith("_")}
    args: Any = keras.tree.map_structure(replaced, tuple(node.arguments.args))
    kwargs: Any = keras.tree.map_structure(replaced, dict(node.arguments.kwargs))
    return config | {"args": args, "kwargs": kwargs}


def _activation(function: Callable[[Any], Any], shape: Sequence[int]) -> dict[str, Any]:
    """The name of a Keras activation; for a user's function also whether it is pointwise."""
    module = getattr(function, "__module__", "") or ""
    name = getattr(function, "__name__", type(function).__name__)
    if module.split(".")[0] == "keras" and callable(getattr(keras.activations, name, None)):
        return {"activation": name}
    return {"activation": f"user's {name}", "pointwise": is_pointwise(function, shape)}


def _caller(operation: Any, node: Any, tensors: list[Any], weights: Mapping[str, Any]) -> LayerCall:
    """The operation's call, to be repeated on other tensors with other weights."""
    names = {id(v): name for name, v in weights.items()}
    kwargs = dict(node.arguments.kwargs)
    if getattr(operation, "_call_has_training_arg", False) and kwargs.get("training") is None:
        kwargs["training"] = False

    def run(args: tuple[Any, ...], named: dict[str, Any], w: Mapping[str, Any]) -> Any:
        if not isinstance(operation, keras.Layer):
            return _leaves(operation(*args, **named))
        pairs = [(v, w[names[id(v)]]) for v in operation.variables]
        with keras.StatelessScope(state_mapping=pairs):
            return _leaves(operation(*args, **named))

    places = {id(t): i for i, t in enumerate(tensors)}
    return LayerCall(run, tuple(node.arguments.args), kwargs, places)


def _leaves(results: Any) -> Any:
    """The single result of a call, or the list of its results in the order of the call's node."""
    flat = keras.tree.flatten(results)
    return flat[0] if len(flat) == 1 else flat


def _unique(name: str, existing: Mapping[str, Any]) -> str:
    """The name, with a number if it exists already."""
    label, count = name, 1
    while label in existing:
        label, count = f"{name}_{count}", count + 1
    return label
