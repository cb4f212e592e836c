"""The model's values for all values of a program, and the first place where they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from ismc.execution.substitutions import Substitutions
from ismc.frontend.evaluate import evaluate
from ismc.ir.graph import Graph
from ismc.ism.checking.tolerance import differs
from ismc.passes import Form, Program
from ismc.passes.beyond import Beyond
from ismc.passes.program import TileValue

Array = np.ndarray
Values = Mapping[str, Array]
OPERAND_SHARE = 0.1  # of the operands' range, for values that nearly cancel
Worst = tuple[int, int, float, float, str]  # row, position, found, expected, reason


@dataclass(frozen=True)
class Fault:
    """A value of the program that differs from the model's.

    Attributes:
        layer: the layer that computes the value.
        target: the name of the value in the generated program.
        where: the sequence, the site, the index of the substitution, and the position.
        found: the program's number.
        expected: the model's number.
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
    """The values of all layers of the model, for the references and every mutant."""

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
        mutant_inputs = {
            name: np.repeat(value, self.shape[1] * self.shape[2], 0)
            for name, value in inputs.items()
        }
        mutant_inputs[sequence] = mutants.reshape(-1, *x.shape[1:])
        names = [n.name for n in program.graph if n.name in graph and n.name in program.live]
        self.same = {n for n in names if graph[n].shape == program.graph[n].shape}
        self.reference = _evaluate(graph, names, inputs, variables)
        self.mutants = _evaluate(graph, names, mutant_inputs, variables)

    def compared(
        self, entry: TileValue, value: Array, sites: Array, lost: Array | None
    ) -> Fault | None:
        """The worst fault of a value of a tile; ``None`` if it is right."""
        name = entry.layer
        if name not in self.same or name not in self.mutants:
            return None
        reference, mutants = self.reference[name], self.mutants[name]
        ranks = [self.rank[site] for site in sites.tolist()]
        mutants = mutants.reshape(*self.shape, *mutants.shape[1:])[:, ranks]
        mutants = mutants.reshape(len(value), *mutants.shape[3:])
        reference = np.repeat(reference, len(value) // len(reference), 0)
        scale = self._scale(name)
        site_of_row = np.tile(np.repeat(sites, self.letters.count), self.shape[0])
        is_lost = np.zeros(len(value), bool) if lost is None else lost > 0
        worst = self._outside(entry, site_of_row, reference, mutants, scale, is_lost)
        worst = worst or self._inside(entry, site_of_row, value, reference, mutants, scale, is_lost)
        if worst is None:
            return None
        row, position, got, expected, reason = worst
        site = self.program.request.sites[site_of_row[row]]
        count = len(sites) * self.letters.count
        where = (row // count, (site.start, site.stop), row % self.letters.count, position)
        return Fault(name, entry.target, where, got, expected, reason)

    def _scale(self, name: str) -> float:
        """The scale of rounding errors: the larger of its range and a share of its operands'."""
        operands = [n for n in self.program.graph[name].inputs if n in self.mutants]
        shares = [(name, 1.0), *((operand, OPERAND_SHARE) for operand in operands)]
        each = [(v[name], share) for name, share in shares for v in (self.reference, self.mutants)]
        return max(share * float(np.abs(v[np.isfinite(v)]).max(initial=0.0)) for v, share in each)

    def _outside(
        self,
        entry: TileValue,
        site_of_row: Array,
        own: Array,
        mutants: Array,
        scale: float,
        is_lost: Array,
    ) -> Worst | None:
        """The worst place where a mutant differs from the reference outside of the span."""
        spans = self.program.spans.get(entry.layer)
        if entry.spans is None or entry.spans != spans:
            return None
        at, starts = np.arange(own.shape[1]), entry.spans.array[site_of_row][:, None]
        need = self.program.need[entry.layer]
        same = ((at < starts) | (at >= starts + entry.spans.width)) & ~is_lost[:, None]
        same &= (at >= need.start) & (at < need.stop)
        wrong = differs(own, mutants, scale) & same.reshape(*same.shape, *[1] * (own.ndim - 2))
        worst = _furthest(own, mutants, wrong)
        return (*worst, "is not recomputed there") if worst else None

    def _inside(
        self,
        entry: TileValue,
        site_of_row: Array,
        value: Array,
        own: Array,
        mutants: Array,
        scale: float,
        is_lost: Array,
    ) -> Worst | None:
        """The worst place where the value itself is wrong."""
        at, inside = self._positions(entry, site_of_row, value, own.shape[1] if own.ndim > 1 else 1)
        if entry.form is not Form.FULL:
            own, mutants = (v[np.arange(len(v))[:, None], at] for v in (own, mutants))
        expected = mutants - own if entry.form is Form.DIFFERENCE else mutants
        many = tuple(range(2, value.ndim))
        spread = inside.reshape(*inside.shape, *[1] * len(many)) if value.ndim > 1 else inside[:, 0]
        outer = spread == 0
        beyond = np.zeros_like(expected) if entry.form is Form.DIFFERENCE else own
        required = np.where(outer, beyond, expected)
        wrong = differs(value, required, scale)
        if entry.beyond == Beyond.ORDINARY:
            wrong = np.where(outer, ~np.isfinite(value), wrong)
        elif entry.beyond == Beyond.ANYTHING:
            wrong &= ~outer
        wrong &= (spread != 2) & ~is_lost.reshape(-1, *[1] * (wrong.ndim - 1))
        worst = _furthest(value, required, wrong)
        if worst is None:
            return None
        row, place, *both = worst
        outside = value.ndim > 1 and inside[row, place] == 0
        start = int(entry.spans.array[site_of_row[row]]) if entry.spans else 0
        reason = "is wrong beyond the ends" if outside else "differs"
        return row, start + place, both[0], both[1], reason

    def _positions(
        self, entry: TileValue, site_of_row: Array, value: Array, length: int
    ) -> tuple[Array, Array]:
        """The position of each element, clipped, and its kind: 0 outside, 1 needed, 2 unneeded."""
        if entry.spans is None:
            count = value.shape[1] if value.ndim > 1 else 1
            return np.zeros((len(value), count), int), np.ones((len(value), count), bool)
        at = entry.spans.array[site_of_row][:, None] + np.arange(value.shape[1])
        need = self.program.need[entry.layer]
        inside = (at >= 0) & (at < length)
        needed = (at >= need.start) & (at < need.stop)
        return np.clip(at, 0, length - 1), np.where(inside, np.where(needed, 1, 2), 0)


def _furthest(value: Array, expected: Array, wrong: Array) -> tuple[int, int, float, float] | None:
    """Row, place and both numbers of the largest error; ``None`` if nothing is wrong."""
    if not wrong.any():
        return None
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.where(wrong, np.nan_to_num(np.abs(value - expected), nan=np.inf), -1)
    index = tuple(map(int, np.unravel_index(size.argmax(), size.shape)))
    return index[0], (*index, 0)[1], float(value[index]), float(expected[index])


def _evaluate(
    graph: Graph, names: list[str], inputs: Values, variables: Mapping[str, Mapping[str, Any]]
) -> dict[str, Array]:
    tensors = {name: tf.constant(value) for name, value in inputs.items()}
    values = evaluate(graph, names, tensors, variables)
    tensors_of = {name: values[name] for name in names if tf.is_tensor(values.get(name))}
    return {name: np.asarray(tf.cast(value, tf.float32)) for name, value in tensors_of.items()}
