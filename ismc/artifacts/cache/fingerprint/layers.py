"""Keras layers as data: their calls and their attributes.

The configuration of a layer is not enough: attributes, methods among them, may have been set later,
and adapted layers contain numbers that are not weights. So all attributes are included, except
those that Keras gives to every layer. Weights are replaced by numbers.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import keras

from ismc.artifacts.cache.fingerprint.configuration import TRAINING, plain_configuration
from ismc.artifacts.cache.fingerprint.shipped import is_shipped
from ismc.artifacts.cache.fingerprint.values import (
    SEEDS,
    FingerprintError,
    Walk,
    attributes,
    is_of_keras,
    kinds_in_keras,
    root,
    within,
)
from ismc.frontend.calls import ActivationCall, LayerCall, WithoutActivation
from ismc.frontend.model import Model
from ismc.frontend.read import read
from ismc.ir.graph import Graph, Layer
from ismc.rules.base import _EXTRA, _TABLE

Variables = Mapping[str, Mapping[str, Any]]
GENERATED = re.compile(r"(input_layer|input|keras_tensor|variable|Variable)(_\d+)?")
RELEVANT = {
    "_dtype_policy", "_supports_masking", "supports_masking", "autocast", "_autocast",
}  # fmt: skip
"""Attributes of every layer that may change its results."""
CACHES = {
    "_dropout_mask", "_recurrent_dropout_mask", "_dropout_mask_cache",
    "_recurrent_dropout_mask_cache", "_input_shape_arg", "is_awq_calibrated",
    "is_gptq_calibrated",
}  # fmt: skip
"""Attributes of Keras layers that change with training, saving and loading."""
TRAINED = {
    "optimizer", "history", "stop_training", "loss", "_compile_config", "_eval_epoch_iterator",
    "_compiled_trainable_state", "_pss_evaluation_shards",
}  # fmt: skip
"""Attributes of models that are set by training."""


class Layers(Walk):
    """The data of layers and graphs.

    Attributes:
        numbers: the numbers of weights, by identity.
    """

    def __init__(self, variables: Variables) -> None:
        super().__init__()
        ids = (id(variable) for group in variables.values() for variable in group.values())
        self.numbers = {key: i for i, key in enumerate(dict.fromkeys(ids))}
        self._weights: Mapping[str, tuple[str, Mapping[str, str]]] = {}
        self._places: Mapping[int, int] = {}
        self._owned: frozenset[int] = frozenset()

    def __call__(self, value: Any) -> Any:
        """The data of a value; an operand of the current call is represented by its position."""
        place = self._places.get(id(value))
        return super().__call__(value) if place is None else ["operand", place]

    def model(self, model: Model, names: dict[str, str]) -> dict[str, Any]:
        """The data of a graph and its call; adds the canonical names of its layers to ``names``."""
        canonical_names, before = canonical(model.graph), self._weights
        self._weights = canonical_weights(model.variables)
        try:
            graph = self._graph(model.graph, names, ("", ""))
        finally:
            self._weights = before
        return {
            "graph": graph,
            "inputs": _renamed_nest(model.inputs, canonical_names),
            "outputs": _renamed_nest(model.structure, canonical_names),
            "folded": [[canonical_names[name], list(shape)] for name, shape in model.folded],
        }

    def _graph(self, graph: Graph, all_names: dict[str, str], prefix: tuple[str, str]) -> Any:
        names, layers = canonical(graph), []
        for layer in graph:
            path = prefix[0] + layer.name, prefix[1] + names[layer.name]
            all_names[path[0]] = path[1]
            with within(f"layer {path[0]!r}"):
                data = self._submodel(layer, all_names, path) if layer.body else self._layer(layer)
            inputs = [names[name] for name in layer.inputs]
            layers.append(data | {"inputs": inputs, "dtype": layer.dtype})
        ends = [[names[name] for name in end] for end in (graph.inputs, graph.outputs)]
        return {"layers": layers, "ends": ends, "run": [names[name] for name in graph.run]}

    def _submodel(
        self, layer: Layer, names: dict[str, str], path: tuple[str, str]
    ) -> dict[str, Any]:
        """The data of a model that is called in the graph."""
        assert layer.body is not None  # noqa: S101  (checked by the caller)
        return {"body": self._graph(layer.body, names, (f"{path[0]}/", f"{path[1]}/"))}

    def _layer(self, layer: Layer) -> dict[str, Any]:
        owner, weights = self._weights.get(layer.owner, ("", {}))
        with self._owning(getattr(layer.source, "variables", ())):
            return {
                "kind": layer.kind,
                "shape": list(layer.shape),
                "config": self(plain_configuration(layer.config)),
                "owner": owner,
                "weights": [weights.get(name, name) for name in layer.weights],
                "renamed": [[part, weights.get(name, name)] for part, name in layer.renamed],
                "arguments": self._arguments(layer),
                "source": self(layer.source),
                "ruled": _is_ruled(layer),
            }

    def _arguments(self, layer: Layer) -> Any:
        """The recorded arguments of a layer's call; ``None`` for an activation, which has none."""
        call = layer.call.call if isinstance(layer.call, WithoutActivation) else layer.call
        if call is None or isinstance(call, ActivationCall):
            return None
        if not isinstance(call, LayerCall):
            raise FingerprintError(f"a call of {layer.name!r} that is not recorded")
        before, self._places = self._places, call.places
        try:
            return [self(call.args), self(dict(call.kwargs))]
        finally:
            self._places = before

    @contextmanager
    def _owning(self, variables: Iterable[Any]) -> Iterator[None]:
        """A context in which these weights belong to the layer, as do those of an outer layer."""
        before = self._owned
        self._owned = before or frozenset(map(id, variables))
        try:
            yield
        finally:
            self._owned = before

    def special(self, value: Any) -> Any:
        """The data of variables, layers and models."""
        kinds = kinds_in_keras(value)
        if id(value) in self._owned:
            return ["variable", self.numbers[id(value)]]
        if kinds & set(SEEDS):
            return ["seeds"]
        if kinds & {"Metric", "Optimizer"}:
            return ["training"]
        if not kinds & {"Layer", "Operation"}:
            raise FingerprintError(f"a {type(value).__name__} that is not a weight of the layer")
        return self.once(id(value), value, lambda: self._source(value))

    def _source(self, value: Any) -> Any:
        """The data of a layer, model or function of Keras: its class and its attributes."""
        if not self._owned.issuperset(map(id, getattr(value, "variables", ()))):
            raise FingerprintError(f"{value.name!r}, which has weights of its own")
        if not is_of_keras(type(value)):
            raise FingerprintError(f"{type(value).__qualname__}, which is not Keras's own")
        skipped = _layer_attributes(family(value)) - RELEVANT
        if "Model" in kinds_in_keras(value):
            skipped |= _model_attributes(family(value))
        relevant = {
            name: item
            for name, item in attributes(value).items()
            if name not in skipped
            and not name.startswith("_self_")
            and name not in CACHES
            and not TRAINING.fullmatch(name)
        }
        graph = self.model(read(value), {}) if _is_graph(value) else None
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        return ["layer", kind, self.items(relevant), graph]


def canonical(graph: Graph) -> dict[str, str]:
    """The canonical name of each layer, from its place in topological order."""
    return {layer.name: f"n{i:05}" for i, layer in enumerate(graph)}


def canonical_weights(variables: Variables) -> dict[str, tuple[str, dict[str, str]]]:
    """By owner: its canonical name, and the names of its weights, generated ones numbered."""
    return {
        owner: (
            f"w{i:05}",
            {name: f"v{j:05}" if is_generated(name) else name for j, name in enumerate(weights)},
        )
        for i, (owner, weights) in enumerate(variables.items())
    }


def is_generated(name: str) -> bool:
    """Whether Keras generated this name of an input or a weight."""
    return GENERATED.fullmatch(name) is not None


def family(value: Any) -> str:
    """The Keras package of a layer or model: ``"keras"`` or ``"tf_keras"``."""
    roots = {root(base.__module__) for base in type(value).__mro__}
    return "tf_keras" if "tf_keras" in roots else "keras"


def _renamed_nest(nest: Any, names: Mapping[str, str]) -> Any:
    """A nest of names with each name replaced; the keys of dicts are unchanged."""
    if isinstance(nest, Mapping):
        return {"dict": [[str(key), _renamed_nest(item, names)] for key, item in nest.items()]}
    if isinstance(nest, list | tuple):
        return {type(nest).__name__: [_renamed_nest(item, names) for item in nest]}
    return names[nest]


def _is_ruled(layer: Layer) -> bool:
    """Whether ismc has a rule for a layer.

    Raises:
        FingerprintError: when the rule is a user's.
    """
    describe = _TABLE.get(layer.kind)
    builtin = describe is None or (
        is_shipped(describe, "ismc") and "<locals>" not in describe.__qualname__
    )
    if not builtin or layer.title in _EXTRA.get():
        raise FingerprintError(f"a rule of the user's for {layer.kind}")
    return describe is not None


def _is_graph(value: Any) -> bool:
    """Whether a layer is a model with symbolic inputs."""
    if family(value) == "tf_keras":
        return bool(getattr(value, "_is_graph_network", False))
    try:
        return isinstance(value, keras.Model) and bool(value.inputs)
    except (AttributeError, ValueError, TypeError):
        return False


@cache
def _layer_attributes(name: str) -> frozenset[str]:
    """The names of the attributes that Keras gives to every layer."""
    kinds: Any = sys.modules[name]
    layer = kinds.layers.Activation("linear", name="layer")
    layer(kinds.Input((1,), name="x"))
    return frozenset(vars(layer)) - {"activation"}


@cache
def _model_attributes(name: str) -> frozenset[str]:
    """The names of the attributes that Keras gives to every model."""
    kinds: Any = sys.modules[name]
    x, layer = kinds.Input((1,), name="x"), kinds.layers.Activation("linear", name="layer")
    models = kinds.Model(x, layer(x), name="graph"), kinds.Sequential([x, layer], name="chain")
    return frozenset(TRAINED).union(*map(vars, models))
