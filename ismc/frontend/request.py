"""Resolves the arguments of `ismc.compile`: inputs, outputs, devices, threads, stops and rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import keras
import tensorflow as tf

from ismc.errors import InputError, UnsupportedModelError
from ismc.execution.threads import cores
from ismc.frontend.model import Model
from ismc.ir.graph import Graph, Layer
from ismc.ir.pytree import distinct
from ismc.plan.target import Target
from ismc.rules import Rule, kind_of


def choose_sequence(model: Model, chosen: int | str) -> tuple[str, tuple[int, int]]:
    """The name and the shape ``(L, C)`` of the input that is mutated.

    Raises:
        InputError: when the model has no such input.
        UnsupportedModelError: when the input is not ``[B, L, C]``.
    """
    names = model.graph.inputs
    if isinstance(chosen, str) and chosen not in names:
        raise InputError(f"sequence_input is {chosen!r}, expected one of {list(names)}.")
    if not isinstance(chosen, str) and not 0 <= int(chosen) < len(names):
        raise InputError(f"sequence_input is {chosen}, expected 0 to {len(names) - 1}.")
    name = chosen if isinstance(chosen, str) else names[int(chosen)]
    shape = model.graph[name].shape
    if len(shape) != 2:
        raise UnsupportedModelError(
            f"The input {name!r} of model {model.graph.name!r} has the shape [B, "
            f"{', '.join(map(str, shape))}] without a sequence axis, expected [B, L, C].",
            hint="Name the sequence with sequence_input=, or give the model an input [L, C].",
        )
    layers = [n.name for n in model.graph.consumers(name) if _channels_first(n)]
    if layers:
        raise UnsupportedModelError(
            f"{', '.join(map(repr, layers))} of model {model.graph.name!r} take the input {name!r} "
            "with channels first, [B, C, L], expected [B, L, C].",
            hint="Put keras.layers.Permute((2, 1)) between an input [L, C] and the model.",
        )
    return name, (shape[0], shape[1])


def _channels_first(layer: Layer) -> bool:
    return layer.config.get("data_format") == "channels_first"


def labels_by_output(model: Model) -> dict[str, str]:
    """The label of each output, by its name in the graph."""
    return dict(zip(model.graph.outputs, output_labels(model), strict=True))


def output_labels(model: Model) -> list[str]:
    """The name by which a user refers to each output: its keys in a dict, or its layer.

    Different values have different labels.
    """
    paths = keras.tree.flatten_with_path(model.structure)
    names = getattr(model.model, "output_names", None) or []
    labels = []
    for i, (path, name) in enumerate(paths):
        keyed = isinstance(model.structure, dict) and path
        fallback = names[i] if len(names) == len(paths) else name
        labels.append((".".join(map(str, path)) if keyed else fallback, name))
    values = dict.fromkeys(labels)
    unique = dict(zip(values, distinct(label for label, _ in values), strict=True))
    return [unique[label] for label in labels]


def choose_outputs(model: Model, chosen: Any) -> tuple[tuple[str, ...], Any]:
    """The names of the values to return, and the nest in which they are returned.

    Raises:
        InputError: when the model has no such output; the message lists its outputs.
    """
    flat = keras.tree.flatten(model.structure)
    if chosen is None:
        return tuple(dict.fromkeys(flat)), model.structure
    labels = output_labels(model)

    def find(label: Any) -> str:
        if isinstance(label, str) and label in labels:
            return flat[labels.index(label)]
        if isinstance(label, int) and -len(flat) <= label < len(flat):
            return flat[label]
        raise InputError(
            f"outputs names {label!r}, which the model does not have; its outputs are {labels}.",
            hint=_close(label, labels),
        )

    if isinstance(chosen, list | tuple):
        if not chosen:
            raise InputError("outputs is empty, expected at least one output.")
        nest = [find(label) for label in chosen]
        return tuple(dict.fromkeys(nest)), nest
    return (find(chosen),), find(chosen)


def choose_devices(devices: Sequence[str] | None) -> tuple[str, ...]:
    """The devices that sequences are distributed over; by default all GPUs, if there are several.

    Raises:
        InputError: when this machine has no such device.
    """
    if devices is None:
        gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
        return tuple(gpus) if len(gpus) > 1 else ()
    known = {device.name for device in tf.config.list_logical_devices()}
    names = {name: name for name in known} | {n.removeprefix("/device:"): n for n in known}
    for name in devices:
        if name not in names:
            listed = ", ".join(sorted(n.removeprefix("/device:") for n in known))
            raise InputError(f"There is no device {name!r}; this machine has {listed}.")
    return tuple(names[name] for name in devices)


def choose_threads(threads: int | None) -> int:
    """The maximum number of concurrent parts of a call; by default one per core, one with a GPU.

    Raises:
        InputError: when ``threads`` is less than 1.
    """
    if threads is None:
        return 1 if tf.config.list_physical_devices("GPU") else cores()
    if threads < 1:
        raise InputError(f"threads is {threads}, expected at least 1.")
    return threads


def choose_target() -> Target:
    """The target of plans: a CPU, or a GPU if TensorFlow has one."""
    return Target.gpu() if tf.config.list_physical_devices("GPU") else Target.cpu()


def choose_stops(graph: Graph, names: Any) -> tuple[str, ...]:
    """The names in the graph of the layers after which everything is recomputed in full.

    Raises:
        InputError: when the model has no layer of this name.
    """
    stops = []
    for name in (names,) if isinstance(names, str) else tuple(names):
        matches = [n.name for n in graph if name in (n.name, n.name.rsplit("/", 1)[-1])]
        if not matches:
            known = [layer.name for layer in graph]
            raise InputError(
                f"stop_at names {name!r}, which is not a layer of model {graph.name!r}.",
                hint=_close(name, known),
            )
        stops += [f"{m}.activation" if f"{m}.activation" in graph else m for m in matches]
    return tuple(stops)


def choose_rules(graph: Graph, rules: Mapping[str | type, Rule]) -> dict[str, Rule]:
    """The rules of single layers, by the name of the layer in the graph.

    Raises:
        InputError: when the model has no layer of this name or class, or a value is not a rule.
    """
    chosen: dict[str, Rule] = {}
    for key, rule in rules.items():
        if isinstance(key, str):
            matches = [n.name for n in graph if key in (n.name, n.name.rsplit("/", 1)[-1])]
        else:
            matches = [n.name for n in graph if n.kind == kind_of(key)]
        if not matches:
            label = key if isinstance(key, str) else kind_of(key)
            raise InputError(
                f"rules names {label!r}, which is not a layer of model {graph.name!r}.",
                hint=_close(label, [layer.name for layer in graph]),
            )
        if not isinstance(rule, Rule):
            raise InputError(f"The rule of {matches[0]!r} is {rule!r}, expected ismc.Rule.")
        chosen |= dict.fromkeys(matches, rule)
    return chosen


def _close(name: Any, known: list[str]) -> str:
    """A hint with the known names closest to a name."""
    near = get_close_matches(str(name), known, 3)
    return f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Use one of {known[:8]}."
