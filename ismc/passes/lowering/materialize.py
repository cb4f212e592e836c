"""Finds the values that XLA must write to memory, because several kernels read them.

Before: ``tile: ... d5a = d5 + d4   d6 = conv1d_pairs(d5a, ..)   d8 = place(d5a, 4, 37) ...``
After:  the same steps, and ``written: (("d3", "w3", "s3", "s4", "d5", "d4", "d5a"),)``
Needs:  the steps of a tile, and the products of layers. Sets: no fact; the result becomes part of
        the plan.

XLA fuses a producer into each of its consumers, even when that repeats expensive work: the
overlap-add of a convolution, the activation and the residual. A value that several kernels read is
therefore computed in a branch of its own, across which XLA does not fuse.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import prod

from ismc.plan.plan import Apply, Name, Step, Weights, names_in
from ismc.rules import Products
from ismc.runtime.traits import REDUCTIONS

NO_PRODUCTS = Products()
MIN_ELEMENTS = 1000  # of a mutant's value; a branch takes some microseconds

Materialized = tuple[tuple[Step, ...], tuple[tuple[str, ...], ...]]


def materialize(
    steps: Sequence[Step],
    answers: Sequence[str],
    products: Mapping[str, Products],
    prepared: Collection[str] = (),
) -> Materialized:
    """The steps in order, and the groups of steps that each compute one materialized value.

    The value of a group is that of its last step. The steps of a group are consecutive, and no
    later step reads any of them but the last.

    Args:
        steps: the steps of a tile.
        answers: the values that a tile returns.
        products: the products of the layers, by name.
        prepared: the kernels that are transformed before the loop.
    """
    products_of = {step.target: _products(step, products, prepared) for step in steps}
    readers: dict[str, list[Step]] = {step.target: [] for step in steps}
    for step in steps:
        for name in names_in(step.term) & set(readers):
            readers[name].append(step)
    kernels = {s.target for s in steps if products_of[s.target].full or _reduces(s)}
    shared = _shared(steps, answers, readers, kernels)
    groups: list[tuple[str, ...]] = []
    grouped = set(answers)
    for i, step in enumerate(steps):
        if step.target not in shared:
            continue
        group = {step.target}
        for earlier in reversed(steps[:i]):
            read_by = {reader.target for reader in readers[earlier.target]}
            if earlier.target not in grouped and read_by and read_by <= group:
                group.add(earlier.target)
        members = [other for other in steps[: i + 1] if other.target in group]
        # materialize only groups with an overlap-add, which each reader would repeat
        if any(products_of[other.target].lands for other in members):
            grouped |= group
            groups.append(tuple(other.target for other in members))
    return _consecutive(steps, groups), tuple(groups)


def _shared(
    steps: Sequence[Step],
    answers: Sequence[str],
    readers: Mapping[str, Sequence[Step]],
    kernels: Collection[str],
) -> set[str]:
    """The large values that several kernels read, directly or through what is fused into them."""
    shared: set[str] = set()
    read_by: dict[str, set[str]] = {}
    for step in reversed(steps):
        kernels_reading = {""} if step.target in answers else set()
        for reader in readers[step.target]:
            kernel = reader.target in kernels or reader.target in shared
            kernels_reading |= {reader.target} if kernel else read_by[reader.target]
        read_by[step.target] = kernels_reading
        size = prod(length for length in step.shape if isinstance(length, int))
        if len(kernels_reading) > 1 and size >= MIN_ELEMENTS and step.target not in answers:
            shared.add(step.target)
    return shared


def _products(step: Step, products: Mapping[str, Products], prepared: Collection[str]) -> Products:
    """The products of the layer if the step computes it with its weights, else none."""
    term = step.term
    computes = isinstance(term, Apply) and (
        term.fn == "layer"
        or any(
            isinstance(arg, Weights) or (isinstance(arg, Name) and arg.name in prepared)
            for arg in term.args
        )
    )
    return products.get(step.layer, NO_PRODUCTS) if computes else NO_PRODUCTS


def _reduces(step: Step) -> bool:
    return isinstance(step.term, Apply) and step.term.fn in REDUCTIONS


def _consecutive(steps: Sequence[Step], groups: Sequence[tuple[str, ...]]) -> tuple[Step, ...]:
    """The steps, with those of each group right before its last."""
    step_of = {step.target: step for step in steps}
    lasts = {group[-1]: group for group in groups}
    inner = {name for group in groups for name in group[:-1]}
    return tuple(
        step_of[name]
        for step in steps
        if step.target not in inner
        for name in lasts.get(step.target, (step.target,))
    )
