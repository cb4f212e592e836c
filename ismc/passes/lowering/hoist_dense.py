"""Hoists what follows a Dense after Flatten out of the loop over tiles.

Before: ``tile: ... d13 = reshape(d12)   f14 = dense_stop(r14, d13, ...)   f16 = relu(f15)``
After:  ``tile: .. d13 = reshape(d12)``, ``epilogue: f14 = dense_by_position(...)  f16 = relu(f15)``
Needs:  the steps of a tile. Sets: no fact; the result becomes part of the plan.

The kernel of such a layer is the largest of most models, and neighbouring tiles read mostly the
same rows. After the loop, each row is read once, for all mutants that change its position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from ismc.plan.plan import Apply, Band, Size, Step, Table, names_in, offsets_in

Loops = tuple[tuple[Step, ...], tuple[Step, ...], tuple[Step, ...]]


def hoist_dense(
    steps: Sequence[Step], results: Sequence[str], bands: Sequence[Band], rows: int, memory: int
) -> Loops | None:
    """The steps of a tile, its outputs, and the steps for all mutants at once.

    Args:
        steps: the steps of a tile.
        results: the values that are returned.
        bands: the kernel rows of every Dense after Flatten.
        rows: mutants of a sequence.
        memory: bytes that the values of all mutants may take.

    Returns:
        ``None`` if there is no such layer or more than one, if the steps after it read more than
        its input from the tile, or if the values of all mutants take too much memory.
    """
    if len(bands) != 1 or not rows:
        return None
    (band,) = bands
    start = next(i for i, step in enumerate(steps) if band.key in offsets_in(step.term))
    step_of = {step.target: step for step in steps}
    hoisted = {steps[start].target}
    for step in steps[start + 1 :]:
        if names_in(step.term) & hoisted:
            hoisted.add(step.target)
    epilogue = [step for step in steps if step.target in hoisted]
    inputs = set().union(*(names_in(step.term) for step in epilogue)) & set(step_of) - hoisted
    loop_outputs = [step_of[name] for name in inputs]
    separable = not any(offsets_in(step.term) for step in epilogue[1:]) and hoisted >= set(results)
    if (
        len(loop_outputs) != 1
        or not separable
        or 4 * rows * (_size(loop_outputs[0]) + 2 * max(map(_size, epilogue))) > memory
    ):
        return None
    tile = tuple(step for step in steps if step.target not in hoisted)
    epilogue[0] = replace(epilogue[0], term=_by_position(epilogue[0].term, band.key))
    return tile, tuple(loop_outputs), tuple(epilogue)


def _size(step: Step) -> int:
    """Elements of the value of one mutant."""
    return prod(size for size in step.shape if isinstance(size, int))


def _by_position(term: Apply, key: str) -> Apply:
    """The same Dense for all mutants."""
    r, d, _, _, weights = term.args
    tables = (
        Table(f"{key}_starts"),
        Table(f"{key}_first"),
        Table(f"{key}_from"),
        Table(f"{key}_position"),
    )
    sizes = tuple((name, Size(f"{key}_{name}")) for name in ("most", "block", "grain", "ordered"))
    return Apply("dense_by_position", (r, d, weights, *tables), sizes)
