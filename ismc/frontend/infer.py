"""Infers the `Rule` of a layer without one, by calling the layer on random inputs.

Pushing single positions of the inputs up and down shows which outputs read them: a window. The
layer is then called on slabs cut from the sequence and must return what it returns on the full
sequence. A layer that fails this on any probe, or cannot be called on a slab, gets no rule.
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
MIN_LENGTH, MAX_PUSHES_LONG, MAX_PUSHES, MAX_SHORT_LENGTH = 4, 24, 48, 256
CHUNK_ELEMENTS, MAX_ELEMENTS, MAX_SLAB_OUTPUTS = 1 << 22, 1 << 24, 64
RTOL, ATOL, NUDGE, MAX_NOISE = 1e-4, 1e-5, 2e-6, 1e-2


def infer(layer: Layer, inputs: tuple[Layer, ...], weights: Mapping[str, Any]) -> Rule | None:
    """The rule that holds on every probe of the layer, or ``None``.

    The layer takes values ``[L, ...]`` and returns ``[L', ...]``, all of rank 2 or more. The rule
    must hold for these weights, by name, and for random ones, because weights may change.
    """
    if not _qualifies(layer, inputs):
        return None
    try:
        with np.errstate(all="ignore"):
            return _first_that_holds(_Subject(layer, inputs), weights)
    except Exception:  # noqa: BLE001  (a user's layer may raise anything; it then gets no rule)
        return None


def find_rules(graph: Graph, variables: Mapping[str, Mapping[str, Any]]) -> dict[str, Rule]:
    """The rules that `infer` finds for the layers of a flat graph without one, by layer name."""
    rules = {}
    for layer in graph:
        inputs = tuple(graph[name] for name in layer.inputs)
        if not inputs or not _unknown(layer, inputs):
            continue
        rule = infer(layer, inputs, variables.get(layer.owner, {}))
        if rule is not None:
            rules[layer.name] = replace(rule, reason=suggestion(layer, rule))
    return rules


def _unknown(layer: Layer, inputs: tuple[Layer, ...]) -> bool:
    rule = rule_of(Node(layer, inputs, (True,) * len(inputs)))
    return rule.reason.startswith(NO_RULE) or layer.title == "Lambda"


def suggestion(layer: Layer, rule: Rule) -> str:
    """One line for ``explain()`` that shows how to declare the rule.

    >>> suggestion(Layer("blur", "lab.Blur", (), ()), Rule(Role.LOCAL, window=Window(3)))
    'local: @ismc.rule(Blur) -> ismc.Rule(ismc.Role.LOCAL, window=ismc.Window(size=3))'
    """
    text = f"ismc.Rule(ismc.Role.{rule.role.name}{_arguments(rule, ', ')})"
    if layer.kind.startswith("keras."):
        return f'{rule.role.value}: ismc.compile(model, rules={{"{layer.name}": {text}}})'
    return f"{rule.role.value}: @ismc.rule({layer.title}) -> {text}"


def _arguments(value: Rule | Window, lead: str = "") -> str:
    """The fields that differ from their defaults, as keyword arguments after ``lead``."""
    default = Rule(value.role) if isinstance(value, Rule) else Window()
    arguments = []
    for field in fields(value):
        entry = getattr(value, field.name)
        if entry != getattr(default, field.name):
            text = f"ismc.Window({_arguments(entry)})" if isinstance(entry, Window) else repr(entry)
            text = 'float("-inf")' if entry == -inf else text
            arguments.append(f"{field.name}={text}")
    return lead + ", ".join(arguments) if arguments else ""


def _qualifies(layer: Layer, inputs: tuple[Layer, ...]) -> bool:
    values = (layer, *inputs)
    return (
        layer.call is not None and layer.body is None and layer.length >= 2
        and len({operand.length for operand in inputs}) == 1
        and inputs[0].length >= MIN_LENGTH
        and all(len(value.shape) >= 2 and value.dtype == "float32" for value in values)
        and layer.config.get("compute_dtype", "float32") == "float32"
    )  # fmt: skip


@dataclass(frozen=True)
class _Subject:
    """The layer on trial."""

    layer: Layer
    inputs: tuple[Layer, ...]

    def __call__(self, values: Sequence[Array], weights: Mapping[str, Any]) -> Array:
        """The layer's result ``[B, positions, ...]``; raises a ValueError for other shapes."""
        assert self.layer.call is not None  # noqa: S101  (`_qualifies` checks this)
        result = np.asarray(self.layer.call([tf.constant(v) for v in values], weights))
        batch, tail = values[0].shape[0], self.layer.shape[1:]
        if result.ndim < 2 or (result.shape[0], result.shape[2:]) != (batch, tail):
            raise ValueError(f"the result has shape {result.shape}")
        return result

    @property
    def length(self) -> int:
        return self.inputs[0].length

    def operands(self, values: Mapping[str, Array]) -> Values:
        """One array per operand, by the operand's name; a repeated operand shares its array."""
        return tuple(values[operand.name] for operand in self.inputs)


@dataclass(frozen=True)
class _Probe:
    """Operands ``[2, L, ...]``, their scale, the sign of pushes, and the layer's weights."""

    values: Values
    scale: float
    sign: float
    weights: Mapping[str, Any]


def _first_that_holds(subject: _Subject, weights: Mapping[str, Any]) -> Rule | None:
    """The first candidate that holds on every probe, or ``None``."""
    trials: list[tuple[_Probe, Array, Array]] = []
    pairs = np.empty((0, 2), int)
    for probe in _probes(subject, weights):
        full = subject(probe.values, probe.weights)
        noise = _noise(subject, probe, full)
        rows = [subject([v[i : i + 1] for v in probe.values], probe.weights) for i in range(2)]
        if full.shape[1] != subject.layer.length or _differ(np.concatenate(rows), full, noise):
            return None
        reads = _reads(subject, probe, rows[0], noise[:1], seed=len(trials))
        pairs = np.unique(np.concatenate([pairs, reads]), axis=0)
        if _hulls(subject, pairs)[0][0] >= subject.length:
            return None
        trials.append((probe, full, noise))
    for rule in _candidates(subject, pairs):
        try:
            if all(_holds(subject, rule, *trial, seed=i) for i, trial in enumerate(trials)):
                return rule
        except Exception:  # noqa: BLE001, S112  (a wider window may suit the layer)
            continue
    return None


def _probes(subject: _Subject, weights: Mapping[str, Any]) -> Iterator[_Probe]:
    """Normal and one-hot operands at three scales, operands with peaks, and random weights."""
    forms = [*product(SIGNS, SCALES, ("normal", "letters")), *product(SIGNS, [1.0], ["peaks"])]
    random = [(1.0, 1.0, "normal"), (-1.0, 1.0, "letters"), (1.0, 1.0, "peaks")] if weights else []
    for i, (sign, scale, form) in enumerate([*forms, *random]):
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
        numbers = weights if i < len(forms) else _random_weights(weights)
        yield _Probe(subject.operands(values), scale, sign, numbers)


def _random_weights(weights: Mapping[str, Any]) -> Mapping[str, Any]:
    """Random numbers for the weights, so that no tap is hidden by a zero."""
    rng = np.random.default_rng(0)
    arrays = {name: np.asarray(value) for name, value in weights.items()}
    return {
        name: rng.uniform(0.3, 1.2, a.shape).astype(a.dtype) if a.dtype.kind == "f" else a
        for name, a in arrays.items()
    }


def _noise(subject: _Subject, probe: _Probe, full: Array) -> Array:
    """The rounding error of each row of the result, ``[2]``, found by nudging the input."""
    rng = np.random.default_rng(0)
    nudge = {o.name: rng.uniform(1 - NUDGE, 1 + NUDGE, o.shape) for o in subject.inputs}
    pairs = zip(probe.values, subject.operands(nudge), strict=True)
    nudged = [(value * factor).astype("float32") for value, factor in pairs]
    change = np.nan_to_num(np.abs(subject(nudged, probe.weights) - full), posinf=0.0)
    rows = tuple(range(1, full.ndim))
    size = np.where(np.isfinite(full), np.abs(full), 0.0).max(rows, initial=0.0)
    return np.minimum(change.max(rows, initial=0.0), MAX_NOISE * size)


def _reads(subject: _Subject, probe: _Probe, before: Array, noise: Array, *, seed: int) -> Array:
    """The pairs ``(p, o)`` for which pushing position ``p`` changes output ``o`` of row 0."""
    rng = np.random.default_rng(seed)
    size = max(v[0].size for v in probe.values)
    count = MAX_PUSHES if subject.length <= MAX_SHORT_LENGTH else MAX_PUSHES_LONG
    positions = _positions(subject.length, min(count, max(6, MAX_ELEMENTS // size)))
    pairs, step = [np.empty((0, 2), int)], max(1, CHUNK_ELEMENTS // size)
    base = {o.name: v[:1] for o, v in zip(subject.inputs, probe.values, strict=True)}
    for name, value in base.items():
        push = np.float32(PUSH * probe.scale * probe.sign) * rng.normal(size=value.shape[2:])
        for i in range(0, len(positions), step):
            chunk = positions[i : i + step]
            rows = {key: np.repeat(v, len(chunk), 0) for key, v in base.items()}
            rows[name][np.arange(len(chunk)), chunk] += push.astype("float32")
            after = subject(subject.operands(rows), probe.weights)
            differ = _differences(after, np.repeat(before, len(chunk), 0), noise, rtol=0.0)
            row, out = np.nonzero(differ.reshape(*differ.shape[:2], -1).any(-1))
            pairs.append(np.stack([chunk[row], out], 1))
    return np.concatenate(pairs)


def _positions(length: int, count: int) -> Array:
    """Positions to push: both ends, a run in the middle (for every stride phase), and some between.

    >>> _positions(100, 12).tolist()
    [0, 1, 25, 47, 48, 49, 50, 51, 52, 75, 98, 99]
    """
    if length <= count:
        return np.arange(length)
    edge, run = count // 6, count // 2
    extra = count - 2 * edge - run
    spread = [length * (i + 1) // (extra + 2 - extra % 2) for i in range(extra + 1)]
    middle = range((length - run) // 2, (length - run) // 2 + run)
    return np.unique([*range(edge), *range(length - edge, length), *middle, *spread])


def _candidates(subject: _Subject, pairs: Array) -> list[Rule]:
    """Rules whose windows contain all pairs ``(p, o)``, the smallest windows first."""
    length, out = subject.length, subject.layer.length
    rules = []
    for _, stride, low, high in _hulls(subject, pairs):
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


def _hulls(subject: _Subject, pairs: Array) -> list[tuple[int, int, int, int]]:
    """The width, stride, first and last tap of the hull of the pairs, for every possible stride."""
    hulls = []
    for stride in range(1, max(1, (subject.length - 1) // (subject.layer.length - 1)) + 1):
        taps = pairs[:, 0] - pairs[:, 1] * stride if len(pairs) else np.zeros(1, int)
        hulls.append((int(np.ptp(taps)) + 1, stride, int(taps.min()), int(taps.max())))
    return sorted(hulls)


def _dense_rules(shorter: int, low: int, high: int) -> list[Rule]:
    """Rules of stride 1 for a layer that returns ``n - shorter`` outputs for ``n`` positions."""
    before, after = max(0, -low), max(shorter, high)
    window, trim = Window(before + after + 1, pad=before), (before, after - shorter)
    if trim == (0, 0):
        return [Rule(Role.SEE_THROUGH if window.pointwise else Role.LOCAL, window=window)]
    return [Rule(Role.LOCAL, window=window, outside=value, trim=trim) for value in (0.0, -inf)]


def _fits(rule: Rule, length: int, out: int) -> bool:
    """Whether the window gives ``out`` outputs and fits into the sequence at least twice."""
    window = rule.window
    outputs = (length + sum(_ends(rule, length, out)) - window.size) // window.stride + 1
    return outputs == out and window.size + window.stride <= length


def _ends(rule: Rule, length: int, out: int) -> tuple[int, int]:
    """The numbers of positions before the start and after the end that outputs read."""
    window = rule.window
    return window.pad, max(0, (out - 1) * window.stride - window.pad + window.size - length)


def _holds(
    subject: _Subject, rule: Rule, probe: _Probe, full: Array, noise: Array, *, seed: int
) -> bool:
    """Whether the layer returns the same on slabs of several widths as on the full sequence."""
    rng = np.random.default_rng(seed)
    window, values, out = rule.window, probe.values, subject.layer.length
    if rule.outside is not None:
        ends, fill = _ends(rule, subject.length, out), rule.outside
        values = [np.pad(v, [(0, 0), ends, *[(0, 0)] * (v.ndim - 2)], constant_values=fill)
                  for v in values]  # fmt: skip
    before, after = rule.trim
    for outputs in (out, 1 + seed % 3, int(rng.integers(1, MAX_SLAB_OUTPUTS))):
        count = min(outputs, out)
        width = (count - 1) * window.stride + window.size
        starts = {0, out - count, *rng.integers(0, out - count + 1, 3).tolist()}
        cuts = [slice(s * window.stride, s * window.stride + width) for s in starts]
        slabs = [np.concatenate([v[:, c] for c in cuts]) for v in values]
        result = subject(slabs, probe.weights)[:, before:]
        result = result[:, : result.shape[1] - after]
        if _differ(result, np.concatenate([full[:, s : s + count] for s in starts]), noise):
            return False
    return True


def _differ(a: Array, b: Array, noise: Array) -> bool:
    return a.shape != b.shape or bool(_differences(a, b, noise, RTOL).any())


def _differences(a: Array, b: Array, noise: Array, rtol: float) -> Array:
    """Where ``a`` differs from ``b`` by more than rounding, relative to the size of each row."""
    size = np.where(np.isfinite(b), np.abs(b), 0.0)
    floor = ATOL * size.max(tuple(range(1, b.ndim)), initial=0.0)
    floor += np.tile(noise, len(b) // len(noise))
    close = np.abs(a - b) <= rtol * size + floor.reshape(-1, *[1] * (b.ndim - 1))
    return ~(close | (a == b) | (np.isnan(a) & np.isnan(b)))
