"""Layers of Keras as data: how they are called, and their attributes.

What Keras says of a layer in its configuration is not enough: attributes may have been set since,
methods among them, and layers that were adapted hold numbers that are no weights. So all attributes
are part of it, but for those that Keras gives to every layer, and for weights, which are numbered.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import keras

from ismc.artifacts.cache.fingerprint.configuration import TRAINING, plain
from ismc.artifacts.cache.fingerprint.shipped import is_own
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
from ismc.frontend import Model, read
from ismc.ir.graph import Graph, Layer
from ismc.rules.base import _EXTRA, _TABLE

Variables = Mapping[str, Mapping[str, Any]]
MADE_UP = re.compile(r"(input_layer|input|keras_tensor|variable|Variable)(_\d+)?")
MATTERS = {
    "_dtype_policy", "_supports_masking", "supports_masking", "autocast", "_autocast",
}  # fmt: skip
"""Attributes of every layer that may change what it computes."""
CACHES = {
    "_dropout_mask", "_recurrent_dropout_mask", "_dropout_mask_cache",
    "_recurrent_dropout_mask_cache", "_input_shape_arg", "is_awq_calibrated",
    "is_gptq_calibrated",
}  # fmt: skip
"""Attributes of layers of Keras that come and go with training, saving and loading."""
TRAINED = {
    "optimizer", "history", "stop_training", "loss", "_compile_config", "_eval_epoch_iterator",
    "_compiled_trainable_state", "_pss_evaluation_shards",
}  # fmt: skip
"""Attributes of models that come with training."""


class Layers(Walk):
    """The data of layers and graphs.

    Attributes:
        numbers: the numbers of weights, by identity.
    """

    def __init__(self, variables: Variables) -> None:
        super().__init__()
        every = (id(variable) for own in variables.values() for variable in own.values())
        self.numbers = {key: i for i, key in enumerate(dict.fromkeys(every))}
        self._weights: Mapping[str, tuple[str, Mapping[str, str]]] = {}
        self._places: Mapping[int, int] = {}
        self._held: frozenset[int] = frozenset()

    def __call__(self, value: Any) -> Any:
        """The data of a value; an operand of the call at hand is its place."""
        place = self._places.get(id(value))
        return super().__call__(value) if place is None else ["operand", place]

    def model(self, model: Model, found: dict[str, str]) -> dict[str, Any]:
        """The data of a graph and how it is called; names of its layers are added to ``found``."""
        names, before = canonical(model.graph), self._weights
        self._weights = canonical_weights(model.variables)
        try:
            graph = self._graph(model.graph, found, ("", ""))
        finally:
            self._weights = before
        return {
            "graph": graph,
            "inputs": _nest(model.inputs, names),
            "outputs": _nest(model.structure, names),
            "folded": [[names[name], list(shape)] for name, shape in model.folded],
        }

    def _graph(self, graph: Graph, found: dict[str, str], outer: tuple[str, str]) -> Any:
        names, layers = canonical(graph), []
        for layer in graph:
            path = outer[0] + layer.name, outer[1] + names[layer.name]
            found[path[0]] = path[1]
            with within(f"layer {path[0]!r}"):
                data = self._whole(layer, found, path) if layer.body else self._one(layer)
            inputs = [names[name] for name in layer.inputs]
            layers.append(data | {"inputs": inputs, "dtype": layer.dtype})
        ends = [[names[name] for name in end] for end in (graph.inputs, graph.outputs)]
        return {"layers": layers, "ends": ends, "run": [names[name] for name in graph.run]}

    def _whole(self, layer: Layer, found: dict[str, str], path: tuple[str, str]) -> dict[str, Any]:
        """A model that is called in the graph."""
        assert layer.body is not None  # noqa: S101  (the caller has seen to it)
        return {"body": self._graph(layer.body, found, (f"{path[0]}/", f"{path[1]}/"))}

    def _one(self, layer: Layer) -> dict[str, Any]:
        owner, weights = self._weights.get(layer.owner, ("", {}))
        with self._owning(getattr(layer.source, "variables", ())):
            return {
                "kind": layer.kind,
                "shape": list(layer.shape),
                "config": self(plain(layer.config)),
                "owner": owner,
                "weights": [weights.get(name, name) for name in layer.weights],
                "renamed": [[part, weights.get(name, name)] for part, name in layer.renamed],
                "arguments": self._arguments(layer),
                "source": self(layer.source),
                "ruled": _is_ruled(layer),
            }

    def _arguments(self, layer: Layer) -> Any:
        """What a layer is called with, which frontends keep in the closure of ``call``."""
        cells = {} if layer.call is None else closure(layer.call)
        if "linear" in cells:
            cells = closure(cells["call"])
        if layer.call is None or cells.keys() <= {"activation", "function"}:
            return None
        args = cells["args"] if "args" in cells else cells["call"].args
        before, self._places = self._places, cells["places"]
        try:
            return [self(tuple(args)), self(dict(cells["kwargs"]))]
        finally:
            self._places = before

    @contextmanager
    def _owning(self, variables: Iterable[Any]) -> Iterator[None]:
        """Inside, these weights are the layer's own; those of the layer around it stay so."""
        before = self._held
        self._held = before or frozenset(map(id, variables))
        try:
            yield
        finally:
            self._held = before

    def special(self, value: Any) -> Any:
        """The data of variables, layers and models."""
        kinds = kinds_in_keras(value)
        if id(value) in self._held:
            return ["variable", self.numbers[id(value)]]
        if kinds & set(SEEDS):
            return ["seeds"]
        if kinds & {"Metric", "Optimizer"}:
            return ["training"]
        if not kinds & {"Layer", "Operation"}:
            raise FingerprintError(f"a {type(value).__name__} that is no weight of the layer")
        return self.once(id(value), value, lambda: self._source(value))

    def _source(self, value: Any) -> Any:
        """The data of a layer, a model or a function of Keras: its class and its attributes."""
        if not self._held.issuperset(map(id, getattr(value, "variables", ()))):
            raise FingerprintError(f"{value.name!r}, which has weights of its own")
        if not is_of_keras(type(value)):
            raise FingerprintError(f"{type(value).__qualname__}, which is not Keras's own")
        skipped = _given(family(value)) - MATTERS
        if "Model" in kinds_in_keras(value):
            skipped |= _given_to_models(family(value))
        kept = {
            name: item
            for name, item in attributes(value).items()
            if name not in skipped
            and not name.startswith("_self_")
            and name not in CACHES
            and not TRAINING.fullmatch(name)
        }
        graph = self.model(read(value), {}) if _is_graph(value) else None
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        return ["layer", kind, self.items(kept), graph]


def closure(value: Any) -> dict[str, Any]:
    """The values that a function closes over, by name; those that are not set yet are missing."""
    found = {}
    for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue
    return found


def canonical(graph: Graph) -> dict[str, str]:
    """Names by the place in topological order, by the names that layers have."""
    return {layer.name: f"n{i:05}" for i, layer in enumerate(graph)}


def canonical_weights(variables: Variables) -> dict[str, tuple[str, dict[str, str]]]:
    """By owner: its name by the place among owners, and names of weights, made-up ones by place."""
    return {
        owner: (
            f"w{i:05}",
            {name: f"v{j:05}" if is_made_up(name) else name for j, name in enumerate(own)},
        )
        for i, (owner, own) in enumerate(variables.items())
    }


def is_made_up(name: str) -> bool:
    """Whether Keras has made up the name of an input or a weight."""
    return MADE_UP.fullmatch(name) is not None


def family(value: Any) -> str:
    """Which Keras a layer or model is of."""
    roots = {root(base.__module__) for base in type(value).__mro__}
    return "tf_keras" if "tf_keras" in roots else "keras"


def _nest(nest: Any, names: Mapping[str, str]) -> Any:
    """A nest of names under other names; the keys of dicts stay."""
    if isinstance(nest, Mapping):
        return {"dict": [[str(key), _nest(item, names)] for key, item in nest.items()]}
    if isinstance(nest, list | tuple):
        return {type(nest).__name__: [_nest(item, names) for item in nest]}
    return names[nest]


def _is_ruled(layer: Layer) -> bool:
    """Whether ismc has a rule for a layer.

    Raises:
        FingerprintError: where the rule is the user's.
    """
    describe = _TABLE.get(layer.kind)
    own = describe is None or (is_own(describe, "ismc") and "<locals>" not in describe.__qualname__)
    if not own or layer.title in _EXTRA.get():
        raise FingerprintError(f"a rule of the user's for {layer.kind}")
    return describe is not None


def _is_graph(value: Any) -> bool:
    """Whether a layer is a model that has symbolic inputs."""
    if family(value) == "tf_keras":
        return bool(getattr(value, "_is_graph_network", False))
    try:
        return isinstance(value, keras.Model) and bool(value.inputs)
    except (AttributeError, ValueError, TypeError):
        return False


@cache
def _given(name: str) -> frozenset[str]:
    """The attributes that Keras gives to every layer."""
    kinds: Any = sys.modules[name]
    layer = kinds.layers.Activation("linear", name="layer")
    layer(kinds.Input((1,), name="x"))
    return frozenset(vars(layer)) - {"activation"}


@cache
def _given_to_models(name: str) -> frozenset[str]:
    """The attributes that Keras gives to every model."""
    kinds: Any = sys.modules[name]
    x, layer = kinds.Input((1,), name="x"), kinds.layers.Activation("linear", name="layer")
    models = kinds.Model(x, layer(x), name="graph"), kinds.Sequential([x, layer], name="chain")
    return frozenset(TRAINED).union(*map(vars, models))
