"""The `Rule` of a layer's call, and the table of rules by class.

A rule is data, not a code path: a role, whether the layer is linear, a window, and the array
functions that compute the layer in each form. Passes ask for these traits and never for a class.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from enum import Enum
from math import inf
from types import MappingProxyType
from typing import Any

from ismc.ir.graph import Layer
from ismc.ir.window import Span, Window


class Role(Enum):
    """What a layer does to the positions that a mutation changes."""

    LOCAL = "local"
    SEE_THROUGH = "see-through"
    AGGREGATE = "aggregate"
    POOLING = "pooling"
    STOP = "stop"


@dataclass(frozen=True)
class Expr:
    """A call of an array function: ``fn(operands, [weights,] *args, **kwargs)``.

    ``fn`` is the name of a function in `ismc.runtime`, ``"+"``, ``"-"``, ``"identity"``, or
    ``"layer"``, which calls the original layer.
    """

    fn: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    weights: bool = False

    def __hash__(self) -> int:
        return hash((self.fn, self.args, tuple(self.kwargs.items()), self.weights))


NO_RULE = "no rule for"
CHANNELS_FIRST = "channels_first"
THE_LAYER = Expr("layer", weights=True)
IDENTITY = Expr("identity")


@dataclass(frozen=True)
class Rule:
    """How one call of a layer acts on positions.

    Attributes:
        role: what the layer does to the changed positions.
        linear: whether ``f(r + d) - f(r)`` depends only on ``d``.
        window: the inputs that one output position reads.
        reason: why the layer stops the span, or why no gain is expected; one sentence.
        reference: the layer on full sequences ``[B, L, C]``.
        slab: the layer on a slab ``[N, W, C]``, without padding; ``reference`` by default.
        difference: a linear layer on differences ``[N, W, C]``, without padding.
        stop: the exact result from the changed positions only, for a layer that reads every
            position.
        outside: the value that the layer reads beyond the ends of the sequence, 0 or -infinity;
            ``None`` if it reads no position there.
        shifts: for a concatenation of positions, where each operand starts in the output.
        positional: the names of the weights that have one row per position.
        trim: the numbers of outputs to drop at the start and the end of the result on a slab, for a
            layer that pads its own input.
        lookup: whether mutants read only the layer's reference value.
        needs: the positions that a stop reads; by default all of them.
        layout: ``"conv"`` if the schedule chooses how the product is laid out; ``"pool"`` and
            ``"flanks"`` if differences are first extended with zeros to all the inputs that the
            outputs read.
        wild: whether ordinary values may become huge, infinite or NaN: an exponential, a logarithm,
            a quotient, a constant such as ``-1e9``, or an unknown function.
        relative: whether the result depends on the ratios of small values: a logarithm, a root, a
            quotient, or an unknown function.
    """

    role: Role
    linear: bool = False
    window: Window = field(default_factory=Window)
    reason: str = ""
    reference: Expr = THE_LAYER
    slab: Expr | None = None
    difference: Expr | None = None
    stop: Expr | None = None
    outside: float | None = None
    shifts: tuple[int, ...] = ()
    positional: tuple[str, ...] = ()
    trim: tuple[int, int] = (0, 0)
    lookup: bool = False
    needs: Span | None = None
    layout: str = ""
    wild: bool = False
    relative: bool = False

    def __post_init__(self) -> None:
        if self.linear and self.difference is None and self.role is not Role.STOP:
            object.__setattr__(self, "linear", False)

    @property
    def on_slab(self) -> Expr:
        """The layer on a slab."""
        return self.slab or self.reference

    @property
    def identity(self) -> bool:
        """Whether the layer changes nothing at inference."""
        return self.difference == IDENTITY and self.window.pointwise


def stop(
    reason: str,
    *,
    reference: Expr = THE_LAYER,
    exact: Expr | None = None,
    linear: bool = False,
    lookup: bool = False,
    needs: Span | None = None,
) -> Rule:
    """The rule of a layer that reads every position; ``exact`` needs only the changed ones."""
    return Rule(
        Role.STOP,
        linear,
        reason=reason,
        reference=reference,
        stop=exact,
        lookup=lookup,
        needs=needs,
    )


@dataclass(frozen=True)
class Node:
    """A call that a rule describes: the layer, its inputs, and which of them a mutation changes."""

    layer: Layer
    inputs: tuple[Layer, ...]
    varies: tuple[bool, ...]

    @property
    def config(self) -> Mapping[str, Any]:
        """The layer's configuration."""
        return self.layer.config

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the first input, without the batch axis."""
        return self.inputs[0].shape

    @property
    def rank(self) -> int:
        """The rank of the first input, including the batch axis."""
        return len(self.shape) + 1

    def axes(self, axis: int | Sequence[int]) -> tuple[int, ...]:
        """The axes as non-negative numbers; 0 is the batch axis."""
        axes = axis if isinstance(axis, Sequence) else (axis,)
        return tuple(a % self.rank for a in axes)


@dataclass(frozen=True)
class Example:
    """A layer that tests a rule: constructor arguments and input shapes without the batch axis.

    For functions of ``keras.ops``, ``code`` is an expression of ``ops``, ``np``, ``x`` and ``y``.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    shapes: tuple[tuple[int, ...], ...] = ((12, 4),)
    kind: str = ""
    code: str = ""


Describe = Callable[[Node], Rule]
_TABLE: dict[str, Describe] = {}
_EXTRA: ContextVar[Mapping[str, Describe]] = ContextVar("extra", default=MappingProxyType({}))
_EXAMPLES: dict[str, tuple[Example, ...]] = {}


def describe(*kinds: str, examples: Sequence[Example]) -> Callable[[Describe], Describe]:
    """Registers the rule of built-in Keras classes, with the examples that test it."""

    def register(function: Describe) -> Describe:
        for kind in kinds:
            _TABLE[kind if kind.startswith("ismc.") else f"keras.{kind}"] = function
            _EXAMPLES[kind] = tuple(
                e
                for e in examples
                if e.kind == kind or (not e.kind and not e.code) or len(kinds) == 1
            )
        return function

    return register


def examples() -> Mapping[str, tuple[Example, ...]]:
    """Every example, by class name."""
    return dict(_EXAMPLES)


def known_kinds() -> Collection[str]:
    """The kinds of the layers that have a rule."""
    return _TABLE.keys()


def rule(layer_class: type | str) -> Callable[[Callable[[Any], Rule]], Callable[[Any], Rule]]:
    """Registers the rule of a layer class: decorates a function from a layer to its `Rule`.

    The layer is called on slabs of positions. It must accept any length that its window allows, and
    return ``n`` outputs for the positions that ``n`` windows read.

    Args:
        layer_class: the class, or its name as ``module.Class``.

    Raises:
        TypeError: when it decorates something that is not a function.
    """
    kind = layer_class if isinstance(layer_class, str) else kind_of(layer_class)

    def register(function: Callable[[Any], Rule]) -> Callable[[Any], Rule]:
        if not callable(function):
            raise TypeError("ismc.rule decorates a function that takes a layer.")
        _TABLE[kind] = lambda node: check_rule(function(node.layer.source), node)
        return function

    return register


def kind_of(layer_class: type) -> str:
    """The key of a class: ``keras.Conv1D`` for Keras classes, ``module.Class`` for others."""
    module = layer_class.__module__
    if module.split(".")[0] == "keras" and ".ops" in module:
        return f"keras.ops.{layer_class.__name__}"
    if module.split(".")[0] in ("keras", "tf_keras"):
        return f"keras.{layer_class.__name__}"
    return f"{module}.{layer_class.__qualname__}"


@contextmanager
def extra_rules(rules: Mapping[str, Describe]) -> Iterator[None]:
    """A context in which these rules take precedence, by class name without the module."""
    token = _EXTRA.set(rules)
    try:
        yield
    finally:
        _EXTRA.reset(token)


def rule_of(node: Node) -> Rule:
    """The rule of a call, or a stop whose reason says why there is none."""
    function = _EXTRA.get().get(node.layer.title) or _TABLE.get(node.layer.kind)
    if function is None:
        return stop(f"{NO_RULE} {node.layer.title}")
    if node.layer.kind.startswith("keras.") and node.config.get("data_format") == CHANNELS_FIRST:
        return stop("channels come first, positions are axis 2")
    return function(node)


def outside_value(value: float | None, window: Window, length: int, out: int) -> float | None:
    """``value`` if any of ``out`` outputs reads beyond the ends of the sequence, else ``None``."""
    last = (out - 1) * window.stride - window.pad + window.extent
    return value if window.pad > 0 or last >= length * window.up else None


def check_rule(rule: Rule, node: Node) -> Rule:
    """A user's rule, or a stop if the rule cannot apply to this call.

    Raises:
        TypeError: when the value is not an `ismc.Rule`.
    """
    if not isinstance(rule, Rule):
        raise TypeError(f"The rule of {node.layer.title} returned {rule!r}, expected ismc.Rule.")
    out, length = node.layer.length, node.inputs[0].length
    if rule.positional and rule.on_slab.fn == "layer":
        return stop("its weights have a row for each position")
    rule = replace(rule, wild=True, relative=True)
    if rule.role is Role.STOP or rule.outside is not None:
        return rule
    padding = outside_value(-inf, rule.window, length, out)
    if padding is not None and not rule.window.pointwise:
        return replace(stop("its rule has a window beyond the ends but no outside value"))
    return rule
