"""Nests of lists, tuples and dicts, as Keras takes and returns them; dicts are sorted by key."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def leaves(nest: Any) -> list[Any]:
    """The leaves of a nest, in order.

    >>> leaves({"b": 1, "a": [2, (3,)]})
    [2, 3, 1]
    """
    if isinstance(nest, Mapping):
        return [leaf for key in sorted(nest) for leaf in leaves(nest[key])]
    if isinstance(nest, list | tuple):
        return [leaf for item in nest for leaf in leaves(item)]
    return [nest]


def map_leaves(function: Callable[[Any], Any], nest: Any) -> Any:
    """The nest with ``function`` applied to every leaf.

    >>> map_leaves(str, {"b": 1, "a": [2, (3,)]})
    {'b': '1', 'a': ['2', ('3',)]}
    """
    if isinstance(nest, Mapping):
        values = {key: map_leaves(function, item) for key, item in nest.items()}
        return OrderedDict(values) if isinstance(nest, OrderedDict) else values
    if isinstance(nest, list | tuple):
        items = [map_leaves(function, item) for item in nest]
        return type(nest)(*items) if hasattr(nest, "_fields") else type(nest)(items)
    return function(nest)


def encode(nest: Any) -> Any:
    """A nest of names as JSON data: ``[name]`` for a leaf, ``{kind: items}`` for a container.

    >>> decode(encode({"b": "x", "a": ["y", ("z",)]}))
    {'b': 'x', 'a': ['y', ('z',)]}
    """
    if isinstance(nest, Mapping):
        return {"dict": [[key, encode(item)] for key, item in nest.items()]}
    if isinstance(nest, list | tuple):
        kind = "tuple" if isinstance(nest, tuple) else "list"
        return {kind: [encode(item) for item in nest]}
    return [nest]


def decode(data: Any) -> Any:
    """The nest of names that `encode` turned into JSON data."""
    if isinstance(data, list):
        return str(data[0])
    ((kind, items),) = data.items()
    if kind == "dict":
        return {str(key): decode(item) for key, item in items}
    return {"tuple": tuple, "list": list}[kind](decode(item) for item in items)


def distinct(names: Iterable[str]) -> list[str]:
    """The names, made unique: a repeated name gets a number.

    >>> distinct(["a", "a", "a_2", "b"])
    ['a', 'a_2', 'a_2_2', 'b']
    """
    labels: dict[str, None] = {}
    for name in names:
        label, count = name, 1
        while label in labels:
            count += 1
            label = f"{name}_{count}"
        labels[label] = None
    return list(labels)
