"""A lowered model as plain data, under canonical names.

Layers are named by their place in topological order, and owners of weights by their order of first
use; canonical names sort in that order. Names that a user chose and that may affect a program are
preserved: the keys of dicts that the model takes and returns, and input names that Keras did not
generate.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import keras

from ismc.artifacts.cache.fingerprint.layers import Layers, canonical_weights, family, is_generated
from ismc.artifacts.cache.fingerprint.shipped import state
from ismc.artifacts.cache.fingerprint.values import FingerprintError, Walk, guarded, is_of_keras
from ismc.frontend.model import Model
from ismc.rules import Rule


@dataclass(frozen=True)
class Architecture:
    """What determines the program of a model, besides its weights.

    Attributes:
        data: plain data; equal for models that differ only in weights and generated names.
        layers: canonical names by the names of the layers after nested models are inlined.
        owners: canonical names of the owners of weights.
        weights: canonical names of weights, by owner and name.
    """

    data: Any
    layers: Mapping[str, str]
    owners: Mapping[str, str]
    weights: Mapping[str, Mapping[str, str]]


def architecture(model: Model) -> Architecture:
    """The architecture of a lowered model.

    Raises:
        FingerprintError: when it contains anything but Keras layers as shipped.
    """
    layers: dict[str, str] = {}
    weights = canonical_weights(model.variables)
    with guarded():
        _check(model.model)
        walk = Layers(model.variables)
        data = walk.model(model, layers) | {
            "keras": _settings(model.model),
            "called": ["" if is_generated(name) else name for name in model.graph.inputs],
            "weights": {
                owner: [[names[k], walk.numbers[id(v)], *_form(v)] for k, v in group.items()]
                for group, (owner, names) in zip(
                    model.variables.values(), weights.values(), strict=True
                )
            },
            "code": state(family(model.model)),
        }
    owners = {owner: name for owner, (name, _) in weights.items()}
    return Architecture(data, layers, owners, {key: names for key, (_, names) in weights.items()})


def rules(rules_by_layer: Mapping[str, Rule], layers: Mapping[str, str] | None = None) -> Any:
    """The data of the rules of layers, under canonical names if ``layers`` is given.

    Raises:
        FingerprintError: when a rule contains a value that cannot be digested.
    """
    walk, data = Walk(), {}
    with guarded():
        for name, rule in rules_by_layer.items():
            values = {field.name: getattr(rule, field.name) for field in fields(rule)}
            values["reason"] = rule.reason.replace(f'"{name}"', "")
            data[renamed(name, layers or {})] = walk.items(values)
    return data


def renamed(name: str, names: Mapping[str, str]) -> str:
    """A name with its layer's name replaced; suffixes that passes append are unchanged.

    >>> renamed("a/b.states", {"a": "n0", "a/b": "n0/n1"})
    'n0/n1.states'
    """
    ends = [len(name), *(match.start() for match in re.finditer(r"[/.:]", name))]
    end = max((end for end in ends if name[:end] in names), default=None)
    return name if end is None else names[name[:end]] + name[end:]


def _form(variable: Any) -> tuple[list[int], str]:
    """The shape and dtype of a weight."""
    return [int(n) for n in variable.shape], keras.backend.standardize_dtype(variable.dtype)


def _check(model: Any) -> None:
    """Checks that a model computes only what its layers do.

    Raises:
        FingerprintError: when it may compute something else.
    """
    methods = [name for name in ("call", "compute_mask", "stateless_call") if name in vars(model)]
    if not is_of_keras(type(model)) or methods:
        raise FingerprintError(
            f"{type(model).__qualname__}, with {methods or 'a class'} of its own"
        )


def _settings(model: Any) -> list[str]:
    """The Keras package, its version and its global settings."""
    name = family(model)
    kinds: Any = sys.modules[name]
    values = kinds.config if name == "keras" else kinds.backend
    settings = values.floatx(), values.image_data_format(), float(values.epsilon()).hex()
    return [name, kinds.__version__, keras.backend.backend(), *settings]
