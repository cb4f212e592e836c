"""What the model has for every value inside of a program, and where a program differs from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from ismc.execution.substitutions import Substitutions
from ismc.frontend import evaluate
from ismc.ir.graph import Graph
from ismc.ism.checking.tolerance import off
from ismc.passes import Form, Program
from ismc.passes.beyond import Beyond
from ismc.passes.program import TileValue

Array = np.ndarray
Values = Mapping[str, Array]
CANCELLED = 0.1  # of operands whose sum is nothing but rounding
Worst = tuple[int, int, float, float, str]  # row, position, found, expected, reason


@dataclass(frozen=True)
class Fault:
    """The first value that is not what the model has.

    Attributes:
        layer: whose value it is.
        target: what it is called in the generated program.
        where: the sequence, the site, the number of the substitution and the position.
        found: what the program has.
        expected: what the model has.
        reason: what is wrong, in words.
    """

    layer: str
    target: str
    where: tuple[int, tuple[int, int], int, int]
    found: float
    expected: float
    reason: str

    def __str__(self) -> str:
        sequence, site, letter, position = self.where
        return (
            f"{self.target}, the value of {self.layer!r}, {self.reason}: it is {self.found:.6g} at "
            f"position {position} for sequence {sequence}, site {site}, substitution {letter}, "
            f"where the model has {self.expected:.6g}"
        )


class Truth:
    """The values of all layers of the model, on the reference and on every mutant."""

    def __init__(
        self,
        graph: Graph,
        program: Program,
        variables: Mapping[str, Mapping[str, Any]],
        inputs: Values,
        letters: Substitutions,
        active: Sequence[int],
    ) -> None:
        self.program, self.letters = program, letters
        self.rank = {site: i for i, site in enumerate(active)}
        sequence = program.request.sequence
        x, sites = inputs[sequence], [program.request.sites[i] for i in active]
        mutants = np.repeat(x[:, None, None], len(sites), 1).repeat(letters.count, 2)
        for s, site in enumerate(sites):
            window = x[:, site.start : site.stop]
            for a, (rotation, block) in enumerate(
                zip(letters.rotation, letters.block, strict=True)
            ):
                mutants[:, s, a, site.start : site.stop] = window @ rotation + block[: site.width]
        self.shape = mutants.shape[:3]
        every = {
            name: np.repeat(value, self.shape[1] * self.shape[2], 0)
            for name, value in inputs.items()
        }
        every[sequence] = mutants.reshape(-1, *x.shape[1:])
        wanted = [n.name for n in program.graph if n.name in graph and n.name in program.live]
        self.same = {n for n in wanted if graph[n].shape == program.graph[n].shape}
        self.reference = _evaluated(graph, wanted, inputs, variables)
        self.mutants = _evaluated(graph, wanted, every, variables)

    def compared(
        self, entry: TileValue, value: Array, sites: Array, lost: Array | None
    ) -> Fault | None:
        """Where a value of a tile is furthest from the truth, if it is too far."""
        name = entry.layer
        if name not in self.same or name not in self.mutants:
            return None
        own, every = self.reference[name], self.mutants[name]
        ranks = [self.rank[site] for site in sites.tolist()]
        every = every.reshape(*self.shape, *every.shape[1:])[:, ranks]
        every = every.reshape(len(value), *every.shape[3:])
        own = np.repeat(own, len(value) // len(own), 0)
        scale = self._scale(name)
        given = np.tile(np.repeat(sites, self.letters.count), self.shape[0])
        spared = np.zeros(len(value), bool) if lost is None else lost > 0
        worst = self._elsewhere(entry, given, own, every, scale, spared)
        worst = worst or self._within(entry, given, value, own, every, scale, spared)
        if worst is None:
            return None
        row, position, got, wanted, reason = worst
        site = self.program.request.sites[given[row]]
        count = len(sites) * self.letters.count
        where = (row // count, (site.start, site.stop), row % self.letters.count, position)
        return Fault(name, entry.target, where, got, wanted, reason)

    def _scale(self, name: str) -> float:
        """What rounding of a value is relative to: its range, and a share of its operands'."""
        operands = [n for n in self.program.graph[name].inputs if n in self.mutants]
        found = [(name, 1.0), *((operand, CANCELLED) for operand in operands)]
        each = [(v[name], share) for name, share in found for v in (self.reference, self.mutants)]
        return max(share * float(np.abs(v[np.isfinite(v)]).max(initial=0.0)) for v, share in each)

    def _elsewhere(
        self,
        entry: TileValue,
        given: Array,
        own: Array,
        every: Array,
        scale: float,
        spared: Array,
    ) -> Worst | None:
        """Where mutants differ from the reference outside of the span that is recomputed."""
        spans = self.program.spans.get(entry.layer)
        if entry.spans is None or entry.spans != spans:
            return None
        at, starts = np.arange(own.shape[1]), entry.spans.array[given][:, None]
        need = self.program.need[entry.layer]
        same = ((at < starts) | (at >= starts + entry.spans.width)) & ~spared[:, None]
        same &= (at >= need.start) & (at < need.stop)
        wrong = off(own, every, scale) & same.reshape(*same.shape, *[1] * (own.ndim - 2))
        found = _furthest(own, every, wrong)
        return (*found, "is not recomputed there") if found else None

    def _within(
        self,
        entry: TileValue,
        given: Array,
        value: Array,
        own: Array,
        every: Array,
        scale: float,
        spared: Array,
    ) -> Worst | None:
        """Where the value itself is furthest off."""
        at, inside = self._positions(entry, given, value, own.shape[1] if own.ndim > 1 else 1)
        if entry.form is not Form.FULL:
            own, every = (v[np.arange(len(v))[:, None], at] for v in (own, every))
        expected = every - own if entry.form is Form.DIFFERENCE else every
        many = tuple(range(2, value.ndim))
        spread = inside.reshape(*inside.shape, *[1] * len(many)) if value.ndim > 1 else inside[:, 0]
        outer = spread == 0
        beyond = np.zeros_like(expected) if entry.form is Form.DIFFERENCE else own
        wanted = np.where(outer, beyond, expected)
        wrong = off(value, wanted, scale)
        if entry.beyond == Beyond.ORDINARY:
            wrong = np.where(outer, ~np.isfinite(value), wrong)
        elif entry.beyond == Beyond.ANYTHING:
            wrong &= ~outer
        wrong &= (spread != 2) & ~spared.reshape(-1, *[1] * (wrong.ndim - 1))
        found = _furthest(value, wanted, wrong)
        if found is None:
            return None
        row, place, *both = found
        outside = value.ndim > 1 and inside[row, place] == 0
        start = int(entry.spans.array[given[row]]) if entry.spans else 0
        reason = "must not matter beyond the ends" if outside else "differs"
        return row, start + place, both[0], both[1], reason

    def _positions(
        self, entry: TileValue, given: Array, value: Array, length: int
    ) -> tuple[Array, Array]:
        """The position of each element, in the sequence, and which of them must be right."""
        if entry.spans is None:
            count = value.shape[1] if value.ndim > 1 else 1
            return np.zeros((len(value), count), int), np.ones((len(value), count), bool)
        at = entry.spans.array[given][:, None] + np.arange(value.shape[1])
        need = self.program.need[entry.layer]
        inside = (at >= 0) & (at < length)
        needed = (at >= need.start) & (at < need.stop)
        return np.clip(at, 0, length - 1), np.where(inside, np.where(needed, 1, 2), 0)


def _furthest(value: Array, wanted: Array, wrong: Array) -> tuple[int, int, float, float] | None:
    """Row, place and both numbers of what is furthest off, if anything is wrong."""
    if not wrong.any():
        return None
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.where(wrong, np.nan_to_num(np.abs(value - wanted), nan=np.inf), -1)
    index = tuple(map(int, np.unravel_index(size.argmax(), size.shape)))
    return index[0], (*index, 0)[1], float(value[index]), float(wanted[index])


def _evaluated(
    graph: Graph, wanted: list[str], inputs: Values, variables: Mapping[str, Mapping[str, Any]]
) -> dict[str, Array]:
    tensors = {name: tf.constant(value) for name, value in inputs.items()}
    found = evaluate(graph, wanted, tensors, variables)
    kept = {name: found[name] for name in wanted if tf.is_tensor(found.get(name))}
    return {name: np.asarray(tf.cast(value, tf.float32)) for name, value in kept.items()}
