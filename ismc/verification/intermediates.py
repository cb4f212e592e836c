"""Holds every value inside of a program against what the model has at the same positions.

`ISMC_CHECK=1` has `ismc.compile` do so for the sequences and sites that `verify` takes. The
generated program is run as it is, statement by statement instead of through XLA. What each
statement makes is compared with the layers of the model on the mutated sequences:

* at the positions of the sequence that an output depends on, a slab is the value of the mutant, and
  a difference is that minus the value of the reference;
* at all other such positions the value of the mutant is that of the reference;
* beyond the ends it is what `ismc.passes.beyond` says: zero, the reference, or finite.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ismc.execution.substitutions import Letters
from ismc.execution.tiling import Arrangement, tables_of
from ismc.frontend import evaluate
from ismc.ir.graph import Graph
from ismc.ism.checking.tolerance import off
from ismc.passes import Form, Program
from ismc.passes.beyond import Beyond
from ismc.passes.program import Held

if TYPE_CHECKING:
    from ismc.ism.compiled import CompiledISM

Array = np.ndarray
Values = Mapping[str, Array]
SEEN = "_seen"
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


def first_fault(
    compiled: CompiledISM,
    program: Program,
    inputs: Values,
    letters: Letters,
    sites: Sequence[int] | None = None,
) -> Fault | None:
    """Runs a program on some sequences; the first value that is wrong, in the order of the source.

    Args:
        compiled: the program; its ``threads`` and ``tile`` count.
        program: what the passes know of it.
        inputs: by name, ``[B, ...]`` each.
        letters: what is written.
        sites: the sites to look at, by number; all by default.
    """
    plan, batch = compiled.plan, len(inputs[program.request.sequence])
    active = tuple(s for s in plan.active if sites is None or s in sites)
    compiled = replace(compiled, plan=replace(plan, active=active), programs={})
    found = compiled.arranged(letters, batch)
    if not active:
        return None
    truth = _Truth(compiled.graph, program, compiled.model.variables, inputs, letters, active)
    faults = []
    for part in range(len(found.parts)):
        there = _sites(found, part)
        for tile, values in enumerate(_tiles(compiled, program, inputs, letters, found, part)):
            tiled: Array = there[tile * found.sites : (tile + 1) * found.sites]
            lost = values.get(program.plan.guard if program.plan else "")
            for rank, held in enumerate(program.held):
                value = values.get(held.target)
                if value is not None:
                    here = len(value) == batch * len(tiled) * letters.count
                    numbers = tiled if here else there  # behind the loop there are all of them
                    fault = truth.compared(held, value, numbers, lost if here else None)
                    faults += [(rank, fault)] if fault else []
    return min(faults, key=lambda pair: pair[0])[1] if faults else None


def _tiles(
    compiled: CompiledISM,
    program: Program,
    inputs: Values,
    letters: Letters,
    found: Arrangement,
    part: int,
) -> Iterator[dict[str, Array]]:
    """The values of each tile of a part, by their names in the source."""
    seen: list[tuple[str, Any]] = []
    build = _watched(compiled, lambda name, value: seen.append((name, value)))
    batch = len(inputs[program.request.sequence])
    run = compiled.program(letters, batch, found, build)
    given = [tf.constant(v) if isinstance(v, np.ndarray) else v for v in compiled.arguments(
        inputs, letters, found)]  # fmt: skip
    tables = [tf.constant(table) for table in tables_of(found)[part]]
    run(*compiled.nested([*given[: -len(tables)], *tables], found))
    plan = program.plan
    assert plan is not None  # noqa: S101  (schedule is the last pass)
    first, values = plan.tile[0].target, {}
    for name, value in seen:
        if name == first and first in values:
            yield values
            values = {}
        if tf.is_tensor(value):
            values[name] = np.asarray(value)
    if first in values:
        yield values


def _watched(compiled: CompiledISM, seen: Any) -> Any:
    """The ``build`` function of the program, eager, which shows every value that it makes."""
    tree = _Watch().visit(ast.parse(compiled.source))
    scope: dict[str, Any] = {"__name__": "ismc_generated", SEEN: seen}
    code = compile(ast.fix_missing_locations(tree), "<ismc watched>", "exec")
    exec(code, scope)  # noqa: S102  (our own text, just generated)
    return scope["build"]


class _Watch(ast.NodeTransformer):
    """Shows each assigned value, and takes away what would trace a function."""

    def visit_Assign(self, node: ast.Assign) -> Any:
        (target,) = node.targets
        if not isinstance(target, ast.Name):
            return node
        show = ast.Call(
            ast.Name(SEEN, ast.Load()), [ast.Constant(target.id), ast.Name(target.id, ast.Load())],
            [],
        )  # fmt: skip
        return [node, ast.Expr(show)]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.decorator_list = []
        self.generic_visit(node)
        return node


def _sites(found: Arrangement, part: int) -> Array:
    """The numbers of the sites of all tiles of a part; its last one again where they are filled."""
    begin, end = found.parts[part]
    there = np.full(found.tiles * found.sites, -1)
    order = found.order[part, : end - begin]
    active = order < len(there)
    there[order[active]] = np.arange(begin, end)[active]
    return there[np.minimum(np.arange(len(there)), active.sum() - 1)]


class _Truth:
    """The values of all layers of the model, on the reference and on every mutant."""

    def __init__(
        self,
        graph: Graph,
        program: Program,
        variables: Mapping[str, Mapping[str, Any]],
        inputs: Values,
        letters: Letters,
        active: Sequence[int],
    ) -> None:
        self.program, self.letters = program, letters
        self.rank = {site: i for i, site in enumerate(active)}
        sequence = program.request.sequence
        x, sites = inputs[sequence], [program.request.sites[i] for i in active]
        mutants = np.repeat(x[:, None, None], len(sites), 1).repeat(letters.count, 2)
        for s, site in enumerate(sites):
            window = x[:, site.start : site.stop]
            for a, (turn, block) in enumerate(zip(letters.turn, letters.block, strict=True)):
                mutants[:, s, a, site.start : site.stop] = window @ turn + block[: site.width]
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

    def compared(self, held: Held, value: Array, sites: Array, lost: Array | None) -> Fault | None:
        """Where a value of a tile is furthest from the truth, if it is too far."""
        name = held.layer
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
        worst = self._elsewhere(held, given, own, every, scale, spared)
        worst = worst or self._within(held, given, value, own, every, scale, spared)
        if worst is None:
            return None
        row, position, got, wanted, reason = worst
        site = self.program.request.sites[given[row]]
        count = len(sites) * self.letters.count
        where = (row // count, (site.start, site.stop), row % self.letters.count, position)
        return Fault(name, held.target, where, got, wanted, reason)

    def _scale(self, name: str) -> float:
        """What rounding of a value is relative to: its range, and a share of its operands'."""
        operands = [n for n in self.program.graph[name].inputs if n in self.mutants]
        found = [(name, 1.0), *((operand, CANCELLED) for operand in operands)]
        each = [(v[name], share) for name, share in found for v in (self.reference, self.mutants)]
        return max(share * float(np.abs(v[np.isfinite(v)]).max(initial=0.0)) for v, share in each)

    def _elsewhere(
        self, held: Held, given: Array, own: Array, every: Array, scale: float, spared: Array
    ) -> Worst | None:
        """Where mutants differ from the reference outside of the span that is recomputed."""
        spans = self.program.spans.get(held.layer)
        if held.spans is None or held.spans != spans:
            return None
        at, starts = np.arange(own.shape[1]), held.spans.array[given][:, None]
        need = self.program.need[held.layer]
        same = ((at < starts) | (at >= starts + held.spans.width)) & ~spared[:, None]
        same &= (at >= need.start) & (at < need.stop)
        wrong = off(own, every, scale) & same.reshape(*same.shape, *[1] * (own.ndim - 2))
        found = _furthest(own, every, wrong)
        return (*found, "is not recomputed there") if found else None

    def _within(
        self,
        held: Held,
        given: Array,
        value: Array,
        own: Array,
        every: Array,
        scale: float,
        spared: Array,
    ) -> Worst | None:
        """Where the value itself is furthest off."""
        at, inside = self._positions(held, given, value, own.shape[1] if own.ndim > 1 else 1)
        if held.form is not Form.FULL:
            own, every = (v[np.arange(len(v))[:, None], at] for v in (own, every))
        expected = every - own if held.form is Form.DIFFERENCE else every
        many = tuple(range(2, value.ndim))
        spread = inside.reshape(*inside.shape, *[1] * len(many)) if value.ndim > 1 else inside[:, 0]
        outer = spread == 0
        beyond = np.zeros_like(expected) if held.form is Form.DIFFERENCE else own
        wanted = np.where(outer, beyond, expected)
        wrong = off(value, wanted, scale)
        if held.beyond == Beyond.ORDINARY:
            wrong = np.where(outer, ~np.isfinite(value), wrong)
        elif held.beyond == Beyond.ANYTHING:
            wrong &= ~outer
        wrong &= (spread != 2) & ~spared.reshape(-1, *[1] * (wrong.ndim - 1))
        found = _furthest(value, wanted, wrong)
        if found is None:
            return None
        row, place, *both = found
        outside = value.ndim > 1 and inside[row, place] == 0
        start = int(held.spans.array[given[row]]) if held.spans else 0
        reason = "must not matter beyond the ends" if outside else "differs"
        return row, start + place, both[0], both[1], reason

    def _positions(
        self, held: Held, given: Array, value: Array, length: int
    ) -> tuple[Array, Array]:
        """The position of each element, in the sequence, and which of them must be right."""
        if held.spans is None:
            count = value.shape[1] if value.ndim > 1 else 1
            return np.zeros((len(value), count), int), np.ones((len(value), count), bool)
        at = held.spans.array[given][:, None] + np.arange(value.shape[1])
        need = self.program.need[held.layer]
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
