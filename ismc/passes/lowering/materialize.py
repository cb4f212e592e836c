"""Names the values that XLA must write, for several kernels read them.

Before: ``tile: ... d5a = d5 + d4   d6 = conv1d_pairs(d5a, ..)   d8 = place(d5a, 4, 37) ...``
After:  the same steps, and ``written: (("d3", "w3", "s3", "s4", "d5", "d4", "d5a"),)``
Needs:  the steps of a tile, and the products of layers. Sets: nothing; its answer becomes the plan.

XLA fuses what makes a value into each of its readers, and computes all of it again for each: the
overlap-add of a convolution, the activation and the residual. A value that several products or
sums are made of is computed in a branch of its own, across which nothing is fused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import prod

from ismc.plan.plan import Apply, Name, Step, Weights, names_in
from ismc.rules import Products

REDUCTIONS = ("recurrent", "max_pool", "average_pool", "global", "mean")
NOTHING = Products()
MIN_ELEMENTS = 1000  # numbers of a mutant's value; a branch takes some microseconds

Materialized = tuple[tuple[Step, ...], tuple[tuple[str, ...], ...]]


def materialize(
    steps: Sequence[Step],
    answers: Sequence[str],
    products: Mapping[str, Products],
    prepared: Collection[str] = (),
) -> Materialized:
    """The steps, and which of them make values that are written: the value is each group's last.

    The steps of a group follow each other; no step behind them reads any but the last.

    Args:
        steps: the steps of a tile.
        answers: the values that a tile returns.
        products: of the layers, by name.
        prepared: kernels that are made before the loop.
    """
    found = {step.target: _products(step, products, prepared) for step in steps}
    readers: dict[str, list[Step]] = {step.target: [] for step in steps}
    for step in steps:
        for name in names_in(step.term) & set(readers):
            readers[name].append(step)
    kernels = {s.target for s in steps if found[s.target].full or _reduces(s)}
    shared = _shared(steps, answers, readers, kernels)
    groups: list[tuple[str, ...]] = []
    taken = set(answers)
    for i, step in enumerate(steps):
        if step.target not in shared:
            continue
        group = {step.target}
        for earlier in reversed(steps[:i]):
            read_by = {reader.target for reader in readers[earlier.target]}
            if earlier.target not in taken and read_by and read_by <= group:
                group.add(earlier.target)
        made = [other for other in steps[: i + 1] if other.target in group]
        if any(found[other.target].lands for other in made):  # which would be done again
            taken |= group
            groups.append(tuple(other.target for other in made))
    return _together(steps, groups), tuple(groups)


def _shared(
    steps: Sequence[Step],
    answers: Sequence[str],
    readers: Mapping[str, Sequence[Step]],
    apart: Collection[str],
) -> set[str]:
    """The large values that more than one kernel reads, itself or through what is fused into it."""
    shared: set[str] = set()
    read_by: dict[str, set[str]] = {}
    for step in reversed(steps):
        found = {""} if step.target in answers else set()
        for reader in readers[step.target]:
            kernel = reader.target in apart or reader.target in shared
            found |= {reader.target} if kernel else read_by[reader.target]
        read_by[step.target] = found
        size = prod(length for length in step.shape if isinstance(length, int))
        if len(found) > 1 and size >= MIN_ELEMENTS and step.target not in answers:
            shared.add(step.target)
    return shared


def _products(step: Step, products: Mapping[str, Products], prepared: Collection[str]) -> Products:
    """Those of the step's layer, where it is the layer that is computed: with its weights."""
    term = step.term
    own = isinstance(term, Apply) and (
        term.fn == "layer"
        or any(
            isinstance(arg, Weights) or (isinstance(arg, Name) and arg.name in prepared)
            for arg in term.args
        )
    )
    return products.get(step.layer, NOTHING) if own else NOTHING


def _reduces(step: Step) -> bool:
    return isinstance(step.term, Apply) and step.term.fn.startswith(REDUCTIONS)


def _together(steps: Sequence[Step], groups: Sequence[tuple[str, ...]]) -> tuple[Step, ...]:
    """The steps with those of each group right before its last."""
    made = {step.target: step for step in steps}
    lasts = {group[-1]: group for group in groups}
    inner = {name for group in groups for name in group[:-1]}
    return tuple(
        made[name]
        for step in steps
        if step.target not in inner
        for name in lasts.get(step.target, (step.target,))
    )
