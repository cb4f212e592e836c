"""Converts changes of the four sets of class names into rules."""

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
    """A snapshot of the four sets."""

    see_through: frozenset[str]
    aggregate: frozenset[str]
    stop: frozenset[str]
    pooling: frozenset[str]


def current_names() -> Names:
    """The present contents of the sets."""
    return Names(
        frozenset(sets.SEE_THROUGH_LAYERS),
        frozenset(sets.AGGREGATE_LAYERS),
        frozenset(sets.STOP_LAYERS),
        frozenset(sets.POOLING_LAYERS),
    )


DEFAULTS = current_names()


def rules_of_changes(now: Names) -> Mapping[str, Describe]:
    """The rules, by class name, for names added to or removed from the sets."""
    roles = (
        ("SEE_THROUGH_LAYERS", now.see_through, DEFAULTS.see_through, see_through),
        ("AGGREGATE_LAYERS", now.aggregate, DEFAULTS.aggregate, aggregate),
        ("POOLING_LAYERS", now.pooling, DEFAULTS.pooling, pooling),
    )
    rules: dict[str, Describe] = {}
    for label, names, before, _ in roles:
        rules |= dict.fromkeys(before - names, partial(stop_rule, f"removed from {label}"))
    for _, names, before, describe in roles:
        rules |= dict.fromkeys(names - before, partial(known_rule_or, describe))
    added = now.stop - DEFAULTS.stop
    return rules | dict.fromkeys(added, partial(stop_rule, "in STOP_LAYERS"))


def stop_rule(reason: str, node: Node) -> Rule:
    """A stop that keeps the reference computation of the layer's rule."""
    return stop(reason, reference=_rule_of_ismc(node).reference)


def known_rule_or(describe: Describe, node: Node) -> Rule:
    """Ismc's rule for the class or, if it has none, the rule of the set."""
    rule = _rule_of_ismc(node)
    if rule.role is not Role.STOP or rule.reference != THE_LAYER:
        return rule
    return describe(node)


def see_through(node: Node) -> Rule:
    """See-through, called on slabs: each position depends on itself only."""
    if len(node.inputs) != 1:
        return stop("in SEE_THROUGH_LAYERS, but it takes several values")
    if not _keeps_positions(node):
        return stop("in SEE_THROUGH_LAYERS, but its positions are not those of its input")
    return Rule(Role.SEE_THROUGH)


def aggregate(node: Node) -> Rule:
    """An aggregate, called on slabs: it merges several values position by position."""
    if not _keeps_positions(node):
        return stop("in AGGREGATE_LAYERS, but its values differ in length")
    return Rule(Role.AGGREGATE)


def pooling(node: Node) -> Rule:
    """Pooling over windows without padding; any other pooling is a stop."""
    layer = node.layer.source
    size = _one(getattr(layer, "pool_size", None))
    stride = _one(getattr(layer, "strides", None)) or size
    if not size or not stride or len(node.inputs) != 1 or node.rank < 3:
        return stop("in POOLING_LAYERS, but its pool_size and strides are not integers")
    if getattr(layer, "data_format", None) == "channels_first":
        return stop("channels come first, positions are axis 2")
    length = node.inputs[0].length
    padding = getattr(layer, "padding", "valid")
    if padding != "valid" and not (padding == "same" and size == stride and length % size == 0):
        return stop(f"in POOLING_LAYERS, but its padding is {padding!r}")
    if node.layer.length != (length - size) // stride + 1 or len(node.layer.shape) < 2:
        return stop(f"in POOLING_LAYERS, but it has {node.layer.length} positions for {length}")
    return Rule(Role.POOLING, window=Window(size=size, stride=stride))


def _rule_of_ismc(node: Node) -> Rule:
    """Ismc's rule, without the sets."""
    with extra_rules({}):
        return rule_of(node)


def _keeps_positions(node: Node) -> bool:
    """Whether output and inputs are ``[L, ...]`` of one length, with channels."""
    values = (node.layer, *node.inputs)
    return all(len(v.shape) > 1 and v.length == node.layer.length for v in values)


def _one(value: Any) -> int:
    """An integer, or the integer in a sequence of one, at least 0; 0 for anything else."""
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    return max(int(value), 0) if isinstance(value, Integral) else 0
