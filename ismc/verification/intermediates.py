"""Compares every intermediate value of a program with the model's value at the same positions.

With `ISMC_CHECK=1`, `ismc.compile` does this for the sequences and sites of its option `verify`.
The generated program runs eagerly, statement by statement, without XLA. The value of each statement
is compared with the model's layers on the mutants:

* At positions that an output depends on, a slab must equal the mutant's value, and a difference
  the mutant's value minus the reference's.
* At such positions outside of the span, the mutant's value must equal the reference's.
* Beyond the ends of the sequence, the value must be as `ismc.passes.beyond` specifies: zero, the
  reference, or finite.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ismc.execution.substitutions import Substitutions
from ismc.execution.tiling import Arrangement, tables_of
from ismc.passes import Program
from ismc.verification.truth import Fault, Truth

if TYPE_CHECKING:
    from ismc.ism.program import CompiledProgram

Array = np.ndarray
Values = Mapping[str, Array]
SEEN = "_seen"


def first_fault(
    compiled: CompiledProgram,
    program: Program,
    inputs: Values,
    letters: Substitutions,
    sites: Sequence[int] | None = None,
) -> Fault | None:
    """The first wrong value of a program, in the order of the source; ``None`` if all are right.

    Args:
        compiled: the compiled program; its ``threads`` and ``tile`` apply.
        program: the same program as the passes describe it.
        inputs: the inputs by name, ``[B, ...]`` each.
        letters: the substitutions.
        sites: indices of the sites to compare; all by default.
    """
    plan, batch = compiled.plan, len(inputs[program.request.sequence])
    active = tuple(s for s in plan.active if sites is None or s in sites)
    compiled = replace(compiled, plan=replace(plan, active=active), programs={})
    tiling = compiled.arranged(letters, batch)
    if not active:
        return None
    truth = Truth(compiled.graph, program, compiled.model.variables, inputs, letters, active)
    faults = []
    for part in range(len(tiling.parts)):
        sites_of_part = _sites(tiling, part)
        for tile, values in enumerate(_tiles(compiled, program, inputs, letters, tiling, part)):
            here: Array = sites_of_part[tile * tiling.sites : (tile + 1) * tiling.sites]
            lost = values.get(program.plan.guard if program.plan else "")
            for rank, entry in enumerate(program.values):
                value = values.get(entry.target)
                if value is not None:
                    tiled = len(value) == batch * len(here) * letters.count
                    numbers = here if tiled else sites_of_part  # all after the loop
                    fault = truth.compared(entry, value, numbers, lost if tiled else None)
                    faults += [(rank, fault)] if fault else []
    return min(faults, key=lambda pair: pair[0])[1] if faults else None


def _tiles(
    compiled: CompiledProgram,
    program: Program,
    inputs: Values,
    letters: Substitutions,
    tiling: Arrangement,
    part: int,
) -> Iterator[dict[str, Array]]:
    """The values of each tile of a part, by the names in the source."""
    seen: list[tuple[str, Any]] = []
    build = _watched(compiled, lambda name, value: seen.append((name, value)))
    batch = len(inputs[program.request.sequence])
    run = compiled.generated(letters, batch, tiling, build)
    named = compiled.arguments(inputs, letters, compiled.weights())
    named |= {name: tf.constant(table) for name, table in tables_of(tiling)[part].items()}
    run(**compiled.nested(named))
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


def _watched(compiled: CompiledProgram, seen: Any) -> Any:
    """The program's ``build`` function, made eager, which passes every value to ``seen``."""
    tree = _Watch().visit(ast.parse(compiled.source))
    scope: dict[str, Any] = {"__name__": "ismc_generated", SEEN: seen}
    code = compile(ast.fix_missing_locations(tree), "<ismc watched>", "exec")
    exec(code, scope)  # noqa: S102  (our own text, just generated)
    return scope["build"]


class _Watch(ast.NodeTransformer):
    """Passes each assigned value to a callback, and removes decorators that trace functions."""

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


def _sites(tiling: Arrangement, part: int) -> Array:
    """The site indices of all tiles of a part; the last site is repeated as padding."""
    begin, end = tiling.parts[part]
    sites = np.full(tiling.tiles * tiling.sites, -1)
    order = tiling.order[part, : end - begin]
    active = order < len(sites)
    sites[order[active]] = np.arange(begin, end)[active]
    return sites[np.minimum(np.arange(len(sites)), active.sum() - 1)]
