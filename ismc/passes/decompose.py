"""Replaces composite layers by their parts.

Before: ``y: Bidirectional(x, layer=LSTM(8))``
After:  ``y/forward.states: ismc.States(x)``,
        ``y/forward: ismc.Recurrent(x, y/forward.states)``, ..,
        ``y: Concatenate(y/forward, y/backward)``
Needs:  a flat graph. Sets: the graph; clears every fact.

Parts share the weights of the composite layer and rename them. A layer that looks at a mask has
another kind and is not decomposed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ismc.ir.graph import Graph, Layer
from ismc.passes.program import Program

STATES = {"LSTM": 2, "GRU": 1, "SimpleRNN": 1}
MERGES = {"concat": "Concatenate", "sum": "Add", "mul": "Multiply", "ave": "Average"}
FUNCTIONS = ("tanh", "sigmoid", "relu", "linear", "softsign", "elu", "selu", "hard_sigmoid")


def decompose(program: Program) -> Program:
    """The program with composite layers replaced by their parts."""
    program = _with_casts(program)
    layers: list[Layer] = []
    for layer in program.graph:
        layers += parts_of(layer, program.graph) or [layer]
    if len(layers) == len(program.graph.layers) and all(
        a is b for a, b in zip(layers, program.graph, strict=True)
    ):
        return program
    graph = program.graph
    return Program(Graph(graph.name, tuple(layers), graph.inputs, graph.outputs), program.request)


def parts_of(layer: Layer, graph: Graph) -> list[Layer] | None:
    """The parts of a composite layer; ``None`` if it is none, or cannot be decomposed."""
    if layer.title not in EXPANSIONS or not _plain(layer):
        return None
    return EXPANSIONS[layer.title](layer, graph[layer.inputs[0]])


def _with_casts(program: Program) -> Program:
    """The program with the casts of inputs, and of outputs to float32, as layers."""
    graph, outputs = program.graph, []
    casts: dict[str, Layer] = {}
    for name in graph.inputs:
        if graph[name].dtype != "float32":
            casts[name] = _cast(name, graph[name], graph[name].dtype)
    layers = []
    for layer in graph:
        if layer.name in casts:
            layers += [replace(layer, dtype="float32"), casts[layer.name]]
        else:
            inputs = tuple(casts[name].name if name in casts else name for name in layer.inputs)
            layers.append(layer if inputs == layer.inputs else replace(layer, inputs=inputs))
    for name in program.request.outputs:
        outputs.append(name)
        if graph[name].dtype != "float32" and name not in graph.inputs:
            layers.append(_cast(name, graph[name], "float32"))
            outputs[-1] = layers[-1].name
    if not casts and tuple(outputs) == program.request.outputs:
        return program
    graph = Graph(graph.name, tuple(layers), graph.inputs, graph.outputs)
    return Program(graph, replace(program.request, outputs=tuple(outputs)))


def _cast(name: str, layer: Layer, dtype: str) -> Layer:
    config = {"dtype": dtype, "compute_dtype": "float32"}
    return Layer(f"{name}.{dtype}", "ismc.Cast", (name,), layer.shape, dtype, config)


def _plain(layer: Layer) -> bool:
    """Whether this is a layer of Keras with one input and one result, in float32."""
    return (
        layer.kind == f"keras.{layer.title}"
        and len(layer.inputs) == 1
        and layer.shape != ()
        and layer.config.get("compute_dtype", "float32") == "float32"
        and not layer.config.get("training")
    )


def _separable(layer: Layer, source: Layer) -> list[Layer] | None:
    if layer.config.get("data_format") == "channels_first":
        return None
    config = dict(layer.config) | {"use_bias": False, "activation": "linear"}
    channels = source.shape[-1] * layer.config["depth_multiplier"]
    pointwise = {"kernel_size": (1,), "strides": (1,), "dilation_rate": (1,), "padding": "valid"}
    bias = {"bias": "bias"} if "bias" in layer.weights else {}
    depthwise = _part(
        layer, "depthwise", "keras.DepthwiseConv1D", layer.inputs, (layer.length, channels),
        config, {"kernel": "depthwise_kernel"},
    )  # fmt: skip
    return [
        depthwise,
        replace(
            layer,
            kind="keras.Conv1D",
            inputs=(depthwise.name,),
            config=dict(config) | pointwise | {"groups": 1},
            renamed=tuple({"kernel": "pointwise_kernel", **bias}.items()),
            call=None,
        ),
    ]


def _time_distributed(layer: Layer, source: Layer) -> list[Layer] | None:
    inner = _inner(layer)
    config = inner.get("config", {})
    simple = config.get("activation") in ("linear", None) and len(source.shape) == 2
    if inner.get("class_name") != "Dense" or not simple:
        return None
    return [replace(layer, kind="keras.Dense", config=dict(layer.config) | config)]


def _inner(layer: Layer) -> Mapping[str, Any]:
    """The configuration of the layer in a wrapper; empty unless that layer is one of Keras."""
    inner = layer.config.get("layer") or {}
    package = str(inner.get("module")).partition(".")[0]
    return inner if package in ("keras", "tf_keras") and not inner.get("registered_name") else {}


def _recurrent(layer: Layer, source: Layer) -> list[Layer] | None:
    config = layer.config
    if not _is_stepwise(layer.title, config) or len(source.shape) != 2:
        return None
    backwards, sequences = bool(config.get("go_backwards")), bool(config["return_sequences"])
    if backwards and sequences:
        return None
    return _direction(layer, layer.name, layer.title, config, source, backwards, {})


def _bidirectional(layer: Layer, source: Layer) -> list[Layer] | None:
    inner = _inner(layer)
    if not inner:
        return None
    title, config, merge = inner["class_name"], inner["config"], layer.config["merge_mode"]
    other = (layer.config.get("backward_layer") or inner)["config"]
    same = all(config.get(k) == other.get(k) for k in ("units", "activation", "use_bias"))
    if title not in STATES or merge not in MERGES or not same or config.get("go_backwards"):
        return None
    if not _is_stepwise(title, config) or len(source.shape) != 2:
        return None
    names = ("kernel", "recurrent_kernel", "bias")
    if any(name in layer.weights and f"{name}_1" not in layer.weights for name in names):
        return None
    forward = _direction(layer, f"{layer.name}/forward", title, config, source, False, {})
    renamed = {name: f"{name}_1" for name in names}
    backward = _direction(layer, f"{layer.name}/backward", title, config, source, True, renamed)
    both = (forward[-1].name, backward[-1].name)
    config = {"axis": -1, "compute_dtype": "float32"}
    kind = f"keras.{MERGES[merge]}"
    merged = replace(layer, kind=kind, inputs=both, config=config, weights=(), owner="", call=None)
    return [*forward, *backward, merged]


def _is_stepwise(title: str, config: Mapping[str, Any]) -> bool:
    """Whether the recurrence is one that ismc computes step by step."""
    functions = (config.get("activation"), config.get("recurrent_activation", "sigmoid"))
    return (
        title in STATES
        and not config.get("return_state")
        and not config.get("stateful")
        and all(name in FUNCTIONS for name in functions)
    )


def _direction(
    layer: Layer,
    name: str,
    title: str,
    config: Mapping[str, Any],
    source: Layer,
    backwards: bool,
    renamed: Mapping[str, str],
) -> list[Layer]:
    """The states of one direction at every position, and the layer's output from them."""
    options = {
        "cell": title,
        "units": config["units"],
        "activation": config["activation"],
        "recurrent_activation": config.get("recurrent_activation", "sigmoid"),
        "reset_after": bool(config.get("reset_after")),
        "backwards": backwards,
        "sequences": bool(config["return_sequences"]),
        "compute_dtype": "float32",
    }
    weights = {
        k: renamed.get(k, k) for k in ("kernel", "recurrent_kernel", "bias") if k in layer.weights
    }
    shape = (source.length, STATES[title] * config["units"])
    states = replace(
        layer, name=f"{name}.states", kind="ismc.States", shape=shape, config=options,
        renamed=tuple(weights.items()), call=None,
    )  # fmt: skip
    output_shape = (source.length, config["units"]) if options["sequences"] else (config["units"],)
    return [
        states,
        replace(
            states, name=name, kind="ismc.Recurrent", shape=output_shape,
            inputs=(*layer.inputs, states.name),
        ),
    ]  # fmt: skip


def _part(
    layer: Layer,
    name: str,
    kind: str,
    inputs: tuple[str, ...],
    shape: tuple[int, ...],
    config: Mapping[str, Any],
    weights: Mapping[str, str],
) -> Layer:
    return replace(
        layer, name=f"{layer.name}/{name}", kind=kind, inputs=inputs, shape=shape,
        config=config, renamed=tuple(weights.items()), call=None,
    )  # fmt: skip


EXPANSIONS: Mapping[str, Callable[[Layer, Layer], list[Layer] | None]] = {
    "SeparableConv1D": _separable,
    "TimeDistributed": _time_distributed,
    "Bidirectional": _bidirectional,
    **dict.fromkeys(STATES, _recurrent),
}
