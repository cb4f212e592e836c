"""Turns what a user changed in the four sets into rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import Any

from ismc.fastism import fast_ism_utils as sets
from ismc.ir.window import Window
from ismc.rules.base import THE_LAYER, Node, Role, Rule, extra_rules, rule_of, stop

Describe = Callable[[Node], Rule]


@dataclass(frozen=True)
class Names:
    """The four sets at one time."""

    see_through: frozenset[str]
    aggregate: frozenset[str]
    stop: frozenset[str]
    pooling: frozenset[str]


def current() -> Names:
    """What the sets hold now."""
    return Names(
        frozenset(sets.SEE_THROUGH_LAYERS),
        frozenset(sets.AGGREGATE_LAYERS),
        frozenset(sets.STOP_LAYERS),
        frozenset(sets.POOLING_LAYERS),
    )


DEFAULTS = current()


def changed(now: Names) -> Mapping[str, Describe]:
    """The rules that follow from names added and removed; later ones win."""
    roles = (
        ("SEE_THROUGH_LAYERS", now.see_through, DEFAULTS.see_through, see_through),
        ("AGGREGATE_LAYERS", now.aggregate, DEFAULTS.aggregate, aggregate),
        ("POOLING_LAYERS", now.pooling, DEFAULTS.pooling, pooling),
    )
    found: dict[str, Describe] = {}
    for label, names, before, _ in roles:
        found |= dict.fromkeys(before - names, partial(stopped, f"removed from {label}"))
    for _, names, before, describe in roles:
        found |= dict.fromkeys(names - before, partial(known_or, describe))
    added = now.stop - DEFAULTS.stop
    return found | dict.fromkeys(added, partial(stopped, "in STOP_LAYERS"))


def stopped(reason: str, node: Node) -> Rule:
    """A stop that computes what the layer's own rule says."""
    return stop(reason, reference=_own(node).reference)


def known_or(describe: Describe, node: Node) -> Rule:
    """The rule that ismc has for the class, or the one that the set says."""
    own = _own(node)
    if own.role is not Role.STOP or own.reference != THE_LAYER:
        return own
    return describe(node)


def see_through(node: Node) -> Rule:
    """Each position on its own: the layer is called on slabs."""
    if len(node.inputs) != 1:
        return stop("in SEE_THROUGH_LAYERS, but it takes several values")
    if not _keeps_positions(node):
        return stop("in SEE_THROUGH_LAYERS, but its positions are not those of its input")
    return Rule(Role.SEE_THROUGH)


def aggregate(node: Node) -> Rule:
    """Several values merged position by position: the layer is called on their slabs."""
    if not _keeps_positions(node):
        return stop("in AGGREGATE_LAYERS, but its values differ in length")
    return Rule(Role.AGGREGATE)


def pooling(node: Node) -> Rule:
    """Windows side by side or overlapping, without padding; anything else is a stop."""
    layer = node.layer.source
    size = _one(getattr(layer, "pool_size", None))
    stride = _one(getattr(layer, "strides", None)) or size
    if not size or not stride or len(node.inputs) != 1 or node.rank < 3:
        return stop("in POOLING_LAYERS, but its pool_size and strides are no whole numbers")
    if getattr(layer, "data_format", None) == "channels_first":
        return stop("channels come first, positions are axis 2")
    length = node.inputs[0].length
    padding = getattr(layer, "padding", "valid")
    if padding != "valid" and not (padding == "same" and size == stride and length % size == 0):
        return stop(f"in POOLING_LAYERS, with the padding {padding!r}")
    if node.layer.length != (length - size) // stride + 1 or len(node.layer.shape) < 2:
        return stop(f"in POOLING_LAYERS, but it makes {node.layer.length} of {length} positions")
    return Rule(Role.POOLING, window=Window(size=size, stride=stride))


def _own(node: Node) -> Rule:
    """What ismc says without the sets."""
    with extra_rules({}):
        return rule_of(node)


def _keeps_positions(node: Node) -> bool:
    """Whether every value is ``[L, ...]`` of one length, with channels."""
    values = (node.layer, *node.inputs)
    return all(len(v.shape) > 1 and v.length == node.layer.length for v in values)


def _one(value: Any) -> int:
    """A whole number, from itself or from a sequence of one; 0 for anything else."""
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    return max(int(value), 0) if isinstance(value, Integral) else 0
