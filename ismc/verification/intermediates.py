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
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ismc.execution.substitutions import Substitutions
from ismc.execution.tiling import Arrangement, tables_of
from ismc.passes import Program
from ismc.verification.truth import Fault, Truth

if TYPE_CHECKING:
    from ismc.ism.compiled import CompiledISM

Array = np.ndarray
Values = Mapping[str, Array]
SEEN = "_seen"


def first_fault(
    compiled: CompiledISM,
    program: Program,
    inputs: Values,
    letters: Substitutions,
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
    truth = Truth(compiled.graph, program, compiled.model.variables, inputs, letters, active)
    faults = []
    for part in range(len(found.parts)):
        there = _sites(found, part)
        for tile, values in enumerate(_tiles(compiled, program, inputs, letters, found, part)):
            tiled: Array = there[tile * found.sites : (tile + 1) * found.sites]
            lost = values.get(program.plan.guard if program.plan else "")
            for rank, entry in enumerate(program.values):
                value = values.get(entry.target)
                if value is not None:
                    here = len(value) == batch * len(tiled) * letters.count
                    numbers = tiled if here else there  # behind the loop there are all of them
                    fault = truth.compared(entry, value, numbers, lost if here else None)
                    faults += [(rank, fault)] if fault else []
    return min(faults, key=lambda pair: pair[0])[1] if faults else None


def _tiles(
    compiled: CompiledISM,
    program: Program,
    inputs: Values,
    letters: Substitutions,
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
