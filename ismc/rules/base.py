"""What a rule says of one call of a layer, and the table of rules.

A rule is arithmetic, not a code path: the role, whether the layer is linear, the window, and the
array functions that compute it in each form. Passes ask for these traits and never for a class.
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

    ``fn`` is a name in `ismc.runtime`, ``"+"`` or ``"-"``, ``"identity"``, or ``"layer"`` for the
    original layer itself.
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
        role: what it does to the changed positions.
        linear: whether ``f(r + d) - f(r)`` depends on ``d`` alone.
        window: which inputs one output position reads.
        reason: why it stops the span, or why no gain is expected; a sentence.
        reference: the layer on whole sequences ``[batch, L, C]``.
        slab: the layer on a slab ``[N, W, C]``, without padding; by default ``reference``.
        difference: a linear layer on differences, without padding.
        stop: an exact answer from the changed positions alone, for layers that see all.
        outside: what the layer reads beyond the ends: nothing (``None``), 0 or -infinity.
        shifts: for length concatenation, where each operand begins in the output.
        positional: weights that have one row per position.
        trim: outputs dropped at either end of the layer's answer on a slab, for a layer that pads
            by itself.
        lookup: whether mutants read its reference value alone.
        needs: the positions that a stop reads, if not all.
        layout: ``"conv"`` when the schedule chooses the form of the product.
        wild: whether ordinary values may become huge, infinite or NaN: an exponential, a logarithm,
            a quotient, a constant such as ``-1e9``, or a function that is not known.
        relative: whether it tells small values apart by their ratio: a logarithm, a root, a
            quotient, or a function that is not known.
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
    """A rule for a layer that sees every position; ``exact`` needs the changed ones alone."""
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
    """What a rule is asked about: a layer, what it takes, and which of that a mutation changes."""

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
        """The rank of the first input, batch axis included."""
        return len(self.shape) + 1

    def axes(self, axis: int | Sequence[int]) -> tuple[int, ...]:
        """Axes counted from the batch axis, never negative."""
        many = axis if isinstance(axis, Sequence) else (axis,)
        return tuple(a % self.rank for a in many)


@dataclass(frozen=True)
class Example:
    """A layer to try a rule on: constructor arguments and the shapes it takes.

    ``code`` is an expression of ``ops``, ``np``, ``x`` and ``y``, for functions of ``keras.ops``.
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
    """Registers a built-in rule for Keras classes, with the examples that test it."""

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
    """The kinds of layers that have a rule."""
    return _TABLE.keys()


def rule(layer_class: type | str) -> Callable[[Callable[[Any], Rule]], Callable[[Any], Rule]]:
    """Teaches ismc a layer: the function below takes the layer object and returns its `Rule`.

    The layer itself is called on slabs of positions, so it must accept any length that its
    window allows, and give ``n`` outputs for the positions that ``n`` windows read.

    Args:
        layer_class: the class, or its name as ``module.Class``.

    Raises:
        TypeError: when applied to something that is not a function.
    """
    kind = layer_class if isinstance(layer_class, str) else kind_of(layer_class)

    def register(function: Callable[[Any], Rule]) -> Callable[[Any], Rule]:
        if not callable(function):
            raise TypeError("ismc.rule decorates a function that takes a layer.")
        _TABLE[kind] = lambda node: checked(function(node.layer.source), node)
        return function

    return register


def kind_of(layer_class: type) -> str:
    """The key of a class: ``keras.Conv1D`` for Keras's own, ``module.Class`` for others."""
    module = layer_class.__module__
    if module.split(".")[0] == "keras" and ".ops" in module:
        return f"keras.ops.{layer_class.__name__}"
    if module.split(".")[0] in ("keras", "tf_keras"):
        return f"keras.{layer_class.__name__}"
    return f"{module}.{layer_class.__qualname__}"


@contextmanager
def extra_rules(found: Mapping[str, Describe]) -> Iterator[None]:
    """Inside, classes of these names (without their modules) have these rules first."""
    token = _EXTRA.set(found)
    try:
        yield
    finally:
        _EXTRA.reset(token)


def rule_of(node: Node) -> Rule:
    """The rule of a call, or a stop that says why there is none."""
    function = _EXTRA.get().get(node.layer.title) or _TABLE.get(node.layer.kind)
    if function is None:
        return stop(f"{NO_RULE} {node.layer.title}")
    if node.layer.kind.startswith("keras.") and node.config.get("data_format") == CHANNELS_FIRST:
        return stop("channels come first, positions are axis 2")
    return function(node)


def unpadded(outside: float | None, window: Window, length: int, out: int) -> float | None:
    """``outside`` if any output reads beyond the ends of the sequence, else ``None``."""
    last = (out - 1) * window.stride - window.pad + window.extent
    return outside if window.pad > 0 or last >= length * window.up else None


def checked(found: Rule, node: Node) -> Rule:
    """A user's rule, or a stop where it cannot hold.

    Raises:
        TypeError: when it is no rule.
    """
    if not isinstance(found, Rule):
        raise TypeError(f"The rule of {node.layer.title} returned {found!r}, expected ismc.Rule.")
    out, length = node.layer.length, node.inputs[0].length
    if found.positional and found.on_slab.fn == "layer":
        return stop("its weights have a row for each position")
    found = replace(found, wild=True, relative=True)
    if found.role is Role.STOP or found.outside is not None:
        return found
    padded = unpadded(-inf, found.window, length, out)
    if padded is not None and not found.window.pointwise:
        return replace(stop("its rule has a window beyond the ends but no value there"))
    return found
