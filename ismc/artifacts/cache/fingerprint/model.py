"""A lowered model as plain data, under names that are its own whatever its layers are called.

Layers are named by their place in topological order, owners of weights by that in which they are
met; canonical names sort in that order. What a user chose and a program may tell is kept: the keys
of dicts that the model takes and returns, and names of inputs that Keras has not made up.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import keras

from ismc.artifacts.cache.fingerprint.layers import Layers, canonical_weights, family, is_made_up
from ismc.artifacts.cache.fingerprint.shipped import state
from ismc.artifacts.cache.fingerprint.values import FingerprintError, Walk, guarded, is_of_keras
from ismc.frontend import Model
from ismc.rules import Rule


@dataclass(frozen=True)
class Architecture:
    """What determines the program of a model beside its weights.

    Attributes:
        data: plain data; equal for models that differ in weights and in made-up names alone.
        layers: canonical names by names, as they are once nested models are inlined.
        owners: canonical names of the keys of weights.
        weights: canonical names of weights by owner and name.
    """

    data: Any
    layers: Mapping[str, str]
    owners: Mapping[str, str]
    weights: Mapping[str, Mapping[str, str]]


def architecture(model: Model) -> Architecture:
    """The architecture of a lowered model.

    Raises:
        FingerprintError: where anything but layers of Keras as they were shipped takes part.
    """
    layers: dict[str, str] = {}
    weights = canonical_weights(model.variables)
    with guarded():
        _check(model.model)
        walk = Layers(model.variables)
        data = walk.model(model, layers) | {
            "keras": _settings(model.model),
            "called": ["" if is_made_up(name) else name for name in model.graph.inputs],
            "weights": {
                owner: [[names[k], walk.numbers[id(v)], *_form(v)] for k, v in own.items()]
                for own, (owner, names) in zip(
                    model.variables.values(), weights.values(), strict=True
                )
            },
            "code": state(family(model.model)),
        }
    owners = {owner: name for owner, (name, _) in weights.items()}
    return Architecture(data, layers, owners, {key: names for key, (_, names) in weights.items()})


def rules(found: Mapping[str, Rule], layers: Mapping[str, str] | None = None) -> Any:
    """The data of the rules of single layers; given their ``layers``, under canonical names.

    Raises:
        FingerprintError: where a rule holds what cannot be digested.
    """
    walk, data = Walk(), {}
    with guarded():
        for name, rule in found.items():
            own = {each.name: getattr(rule, each.name) for each in fields(rule)}
            own["reason"] = rule.reason.replace(f'"{name}"', "")
            data[renamed(name, layers or {})] = walk.items(own)
    return data


def renamed(name: str, names: Mapping[str, str]) -> str:
    """A name under other names; what passes append to names of layers stays.

    >>> renamed("a/b.states", {"a": "n0", "a/b": "n0/n1"})
    'n0/n1.states'
    """
    ends = [len(name), *(match.start() for match in re.finditer(r"[/.:]", name))]
    known = max((end for end in ends if name[:end] in names), default=None)
    return name if known is None else names[name[:known]] + name[known:]


def _form(variable: Any) -> tuple[list[int], str]:
    """Shape and dtype of a weight."""
    return [int(n) for n in variable.shape], keras.backend.standardize_dtype(variable.dtype)


def _check(model: Any) -> None:
    """Whether a model computes what its layers do.

    Raises:
        FingerprintError: where it may not.
    """
    own = [name for name in ("call", "compute_mask", "stateless_call") if name in vars(model)]
    if not is_of_keras(type(model)) or own:
        raise FingerprintError(f"{type(model).__qualname__}, with {own or 'a class'} of its own")


def _settings(model: Any) -> list[str]:
    """Which Keras it is, and what it is set to."""
    name = family(model)
    kinds: Any = sys.modules[name]
    values = kinds.config if name == "keras" else kinds.backend
    kept = values.floatx(), values.image_data_format(), float(values.epsilon()).hex()
    return [name, kinds.__version__, keras.backend.backend(), *kept]
