"""Finds by trial what a layer without a rule does to positions, and says so as a `Rule`.

Single positions of random inputs are pushed both ways; the outputs that move give a window. Then
the layer, called on slabs cut from the sequence, must give what it gives on the whole sequence.
What fails that on any probe, or cannot be called on a slab, gets no rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from math import inf
from typing import Any

import numpy as np
import tensorflow as tf

from ismc.ir.graph import Graph, Layer
from ismc.ir.window import Window
from ismc.rules import Node, Role, Rule, rule_of
from ismc.rules.base import NO_RULE

Array = np.ndarray
Values = tuple[Array, ...]

SCALES, SIGNS, PEAK, PUSH = (0.1, 1.0, 100.0), (1.0, -1.0), 1e4, 10.0
SHORTEST, FEW, MANY, LONG = 4, 24, 48, 256
CHUNK, BUDGET, WIDEST = 1 << 22, 1 << 24, 64
RTOL, ATOL, NUDGE, NOISE = 1e-4, 1e-5, 2e-6, 1e-2


def infer(layer: Layer, inputs: tuple[Layer, ...], weights: Mapping[str, Any]) -> Rule | None:
    """The rule that holds on every probe of the layer, or ``None``.

    The layer takes values ``[L, ...]`` and gives ``[L', ...]``, all of rank 2 or more. The rule
    must hold for the weights given, by name, and for random ones, since weights may change.
    """
    if not _qualifies(layer, inputs):
        return None
    try:
        with np.errstate(all="ignore"):
            return _inferred(_Subject(layer, inputs), weights)
    except Exception:  # noqa: BLE001  (whatever a user's layer raises, it is not local)
        return None


def inferred(graph: Graph, variables: Mapping[str, Mapping[str, Any]]) -> dict[str, Rule]:
    """Rules for the layers of a flat graph that have none, where `infer` finds one, by name."""
    found = {}
    for layer in graph:
        inputs = tuple(graph[name] for name in layer.inputs)
        if not inputs or not _unknown(layer, inputs):
            continue
        rule = infer(layer, inputs, variables.get(layer.owner, {}))
        if rule is not None:
            found[layer.name] = replace(rule, reason=suggestion(layer, rule))
    return found


def _unknown(layer: Layer, inputs: tuple[Layer, ...]) -> bool:
    rule = rule_of(Node(layer, inputs, (True,) * len(inputs)))
    return rule.reason.startswith(NO_RULE) or layer.title == "Lambda"


def suggestion(layer: Layer, rule: Rule) -> str:
    """One line that says how to write the rule down, for ``explain()``.

    >>> suggestion(Layer("blur", "lab.Blur", (), ()), Rule(Role.LOCAL, window=Window(3)))
    'local: @ismc.rule(Blur) -> ismc.Rule(ismc.Role.LOCAL, window=ismc.Window(size=3))'
    """
    text = f"ismc.Rule(ismc.Role.{rule.role.name}{_arguments(rule, ', ')})"
    if layer.kind.startswith("keras."):
        return f'{rule.role.value}: ismc.compile(model, rules={{"{layer.name}": {text}}})'
    return f"{rule.role.value}: @ismc.rule({layer.title}) -> {text}"


def _arguments(value: Rule | Window, lead: str = "") -> str:
    """The fields that are not at their defaults, as keyword arguments after ``lead``."""
    default = Rule(value.role) if isinstance(value, Rule) else Window()
    found = []
    for field in fields(value):
        own = getattr(value, field.name)
        if own != getattr(default, field.name):
            text = f"ismc.Window({_arguments(own)})" if isinstance(own, Window) else repr(own)
            text = 'float("-inf")' if own == -inf else text
            found.append(f"{field.name}={text}")
    return lead + ", ".join(found) if found else ""


def _qualifies(layer: Layer, inputs: tuple[Layer, ...]) -> bool:
    values = (layer, *inputs)
    return (
        layer.call is not None and layer.body is None and layer.length >= 2
        and len({operand.length for operand in inputs}) == 1
        and inputs[0].length >= SHORTEST
        and all(len(value.shape) >= 2 and value.dtype == "float32" for value in values)
        and layer.config.get("compute_dtype", "float32") == "float32"
    )  # fmt: skip


@dataclass(frozen=True)
class _Subject:
    """The layer on trial."""

    layer: Layer
    inputs: tuple[Layer, ...]

    def __call__(self, values: Sequence[Array], weights: Mapping[str, Any]) -> Array:
        """The layer's answer ``[batch, positions, ...]``; raises when it has another form."""
        assert self.layer.call is not None  # noqa: S101  (`_qualifies` has seen to it)
        answer = np.asarray(self.layer.call([tf.constant(v) for v in values], weights))
        batch, tail = values[0].shape[0], self.layer.shape[1:]
        if answer.ndim < 2 or (answer.shape[0], answer.shape[2:]) != (batch, tail):
            raise ValueError(f"the answer has the shape {answer.shape}")
        return answer

    @property
    def length(self) -> int:
        return self.inputs[0].length

    def alike(self, values: Mapping[str, Array]) -> Values:
        """One array per operand; an operand that stands twice has one array."""
        return tuple(values[operand.name] for operand in self.inputs)


@dataclass(frozen=True)
class _Probe:
    """Operands ``[2, L, ...]``, their scale, which way positions are pushed, and weights."""

    values: Values
    scale: float
    sign: float
    weights: Mapping[str, Any]


def _inferred(subject: _Subject, weights: Mapping[str, Any]) -> Rule | None:
    """The first candidate that holds on every probe, or ``None``."""
    trials: list[tuple[_Probe, Array, Array]] = []
    moved = np.empty((0, 2), int)
    for probe in _probes(subject, weights):
        whole = subject(probe.values, probe.weights)
        noise = _noise(subject, probe, whole)
        rows = [subject([v[i : i + 1] for v in probe.values], probe.weights) for i in range(2)]
        if whole.shape[1] != subject.layer.length or _differ(np.concatenate(rows), whole, noise):
            return None
        pairs = _shifted(subject, probe, rows[0], noise[:1], seed=len(trials))
        moved = np.unique(np.concatenate([moved, pairs]), axis=0)
        if _hulls(subject, moved)[0][0] >= subject.length:
            return None
        trials.append((probe, whole, noise))
    for rule in _candidates(subject, moved):
        try:
            if all(_holds(subject, rule, *trial, seed=i) for i, trial in enumerate(trials)):
                return rule
        except Exception:  # noqa: BLE001, S112  (a wider window may suit the layer)
            continue
    return None


def _probes(subject: _Subject, weights: Mapping[str, Any]) -> Iterator[_Probe]:
    """Normal and one-hot operands of three scales, operands with peaks, and other weights."""
    forms = [*product(SIGNS, SCALES, ("normal", "letters")), *product(SIGNS, [1.0], ["peaks"])]
    others = [(1.0, 1.0, "normal"), (-1.0, 1.0, "letters"), (1.0, 1.0, "peaks")] if weights else []
    for i, (sign, scale, form) in enumerate([*forms, *others]):
        rng = np.random.default_rng(i)
        values = {}
        for operand in subject.inputs:
            x = rng.normal(size=(2, *operand.shape))
            if form == "letters":
                x = (x == x.max(-1, keepdims=True)).astype(float)
            elif form == "peaks":
                count = 1 + subject.length // 20
                x[:, rng.choice(subject.length, count, replace=False)] *= PEAK
            values.setdefault(operand.name, (scale * x).astype("float32"))
        tried = weights if i < len(forms) else _random_weights(weights)
        yield _Probe(subject.alike(values), scale, sign, tried)


def _random_weights(weights: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same weights with other numbers, so that a zero hides no tap."""
    rng = np.random.default_rng(0)
    arrays = {name: np.asarray(value) for name, value in weights.items()}
    return {
        name: rng.uniform(0.3, 1.2, a.shape).astype(a.dtype) if a.dtype.kind == "f" else a
        for name, a in arrays.items()
    }


def _noise(subject: _Subject, probe: _Probe, whole: Array) -> Array:
    """How far rounding may move each row of the answer, ``[2]``: a nudge of the input tells."""
    rng = np.random.default_rng(0)
    nudge = {o.name: rng.uniform(1 - NUDGE, 1 + NUDGE, o.shape) for o in subject.inputs}
    pairs = zip(probe.values, subject.alike(nudge), strict=True)
    nudged = [(value * factor).astype("float32") for value, factor in pairs]
    change = np.nan_to_num(np.abs(subject(nudged, probe.weights) - whole), posinf=0.0)
    rows = tuple(range(1, whole.ndim))
    size = np.where(np.isfinite(whole), np.abs(whole), 0.0).max(rows, initial=0.0)
    return np.minimum(change.max(rows, initial=0.0), NOISE * size)


def _shifted(subject: _Subject, probe: _Probe, before: Array, noise: Array, *, seed: int) -> Array:
    """The pairs ``(p, o)`` where pushing position ``p`` moves output ``o`` of the first row."""
    rng = np.random.default_rng(seed)
    size = max(v[0].size for v in probe.values)
    most = MANY if subject.length <= LONG else FEW
    positions = _positions(subject.length, min(most, max(6, BUDGET // size)))
    found, step = [np.empty((0, 2), int)], max(1, CHUNK // size)
    base = {o.name: v[:1] for o, v in zip(subject.inputs, probe.values, strict=True)}
    for name, value in base.items():
        push = np.float32(PUSH * probe.scale * probe.sign) * rng.normal(size=value.shape[2:])
        for i in range(0, len(positions), step):
            part = positions[i : i + step]
            rows = {key: np.repeat(v, len(part), 0) for key, v in base.items()}
            rows[name][np.arange(len(part)), part] += push.astype("float32")
            after = subject(subject.alike(rows), probe.weights)
            differ = _where(after, np.repeat(before, len(part), 0), noise, rtol=0.0)
            row, out = np.nonzero(differ.reshape(*differ.shape[:2], -1).any(-1))
            found.append(np.stack([part[row], out], 1))
    return np.concatenate(found)


def _positions(length: int, count: int) -> Array:
    """Positions to push: both ends, a run in the middle (it meets every phase), and others.

    >>> _positions(100, 12).tolist()
    [0, 1, 25, 47, 48, 49, 50, 51, 52, 75, 98, 99]
    """
    if length <= count:
        return np.arange(length)
    edge, run = count // 6, count // 2
    rest = count - 2 * edge - run
    spread = [length * (i + 1) // (rest + 2 - rest % 2) for i in range(rest + 1)]
    middle = range((length - run) // 2, (length - run) // 2 + run)
    return np.unique([*range(edge), *range(length - edge, length), *middle, *spread])


def _candidates(subject: _Subject, moved: Array) -> list[Rule]:
    """Rules whose windows hold all pairs ``(p, o)``, those of small windows first."""
    length, out = subject.length, subject.layer.length
    rules = []
    for _, stride, low, high in _hulls(subject, moved):
        if stride == 1:
            rules += _dense_rules(length - out, low, high)
        elif low >= 0:
            reach = high + 1
            for size in sorted({reach, max(reach, stride), -(-reach // stride) * stride}):
                role = Role.POOLING if size == stride else Role.LOCAL
                rules.append(Rule(role, window=Window(size, stride)))
    if len(subject.inputs) > 1:
        rules = [replace(r, role=Role.AGGREGATE) for r in rules if r.role is Role.SEE_THROUGH]
    return [rule for rule in rules if _fits(rule, length, out)][:6]


def _hulls(subject: _Subject, moved: Array) -> list[tuple[int, int, int, int]]:
    """Width, stride, first and last tap of the hull of the pairs, for every stride that may be."""
    hulls = []
    for stride in range(1, max(1, (subject.length - 1) // (subject.layer.length - 1)) + 1):
        taps = moved[:, 0] - moved[:, 1] * stride if len(moved) else np.zeros(1, int)
        hulls.append((int(np.ptp(taps)) + 1, stride, int(taps.min()), int(taps.max())))
    return sorted(hulls)


def _dense_rules(shorter: int, low: int, high: int) -> list[Rule]:
    """Rules of stride 1, for a layer that gives ``n - shorter`` outputs on ``n`` positions."""
    before, after = max(0, -low), max(shorter, high)
    window, trim = Window(before + after + 1, pad=before), (before, after - shorter)
    if trim == (0, 0):
        return [Rule(Role.SEE_THROUGH if window.pointwise else Role.LOCAL, window=window)]
    return [Rule(Role.LOCAL, window=window, outside=end, trim=trim) for end in (0.0, -inf)]


def _fits(rule: Rule, length: int, out: int) -> bool:
    """Whether the window gives ``out`` outputs, and at least two fit into the sequence."""
    window = rule.window
    outputs = (length + sum(_ends(rule, length, out)) - window.size) // window.stride + 1
    return outputs == out and window.size + window.stride <= length


def _ends(rule: Rule, length: int, out: int) -> tuple[int, int]:
    """Positions before the start and after the end that some output reads."""
    window = rule.window
    return window.pad, max(0, (out - 1) * window.stride - window.pad + window.size - length)


def _holds(
    subject: _Subject, rule: Rule, probe: _Probe, whole: Array, noise: Array, *, seed: int
) -> bool:
    """Whether the layer on slabs of several widths gives what it gives on the whole."""
    rng = np.random.default_rng(seed)
    window, values, out = rule.window, probe.values, subject.layer.length
    if rule.outside is not None:
        ends, end = _ends(rule, subject.length, out), rule.outside
        values = [np.pad(v, [(0, 0), ends, *[(0, 0)] * (v.ndim - 2)], constant_values=end)
                  for v in values]  # fmt: skip
    before, after = rule.trim
    for many in (out, 1 + seed % 3, int(rng.integers(1, WIDEST))):
        count = min(many, out)
        width = (count - 1) * window.stride + window.size
        starts = {0, out - count, *rng.integers(0, out - count + 1, 3).tolist()}
        cuts = [slice(s * window.stride, s * window.stride + width) for s in starts]
        slabs = [np.concatenate([v[:, c] for c in cuts]) for v in values]
        got = subject(slabs, probe.weights)[:, before:]
        got = got[:, : got.shape[1] - after]
        if _differ(got, np.concatenate([whole[:, s : s + count] for s in starts]), noise):
            return False
    return True


def _differ(got: Array, want: Array, noise: Array) -> bool:
    return got.shape != want.shape or bool(_where(got, want, noise, RTOL).any())


def _where(got: Array, want: Array, noise: Array, rtol: float) -> Array:
    """Where two answers differ by more than rounding, which is relative to each row's size."""
    size = np.where(np.isfinite(want), np.abs(want), 0.0)
    floor = ATOL * size.max(tuple(range(1, want.ndim)), initial=0.0)
    floor += np.tile(noise, len(want) // len(noise))
    close = np.abs(got - want) <= rtol * size + floor.reshape(-1, *[1] * (want.ndim - 1))
    return ~(close | (got == want) | (np.isnan(got) & np.isnan(want)))
