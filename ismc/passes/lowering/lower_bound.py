"""Computes `Plan.minimum`: a lower bound on the operations of an exact scan by differences.

Before: ``pool: ...  # slab, width 7 of 333, need [0, 333)``: one width for all sites
After:  width 7, 6 or less, site by site: the positions that a site reaches and that are needed
Needs:  ``live``, ``request``. Sets: no fact; the number becomes a field of the plan.

A linear layer multiplies each changed input with each tap whose output is in the sequence and
needed. Spans are computed per site, with the phase of pooling, and cut to both ends and to the
need. They are hulls, so gaps that a dilation leaves in them count. The bound depends only on the
model, its sites and its outputs, not on the plan: recomputing in full where that is cheaper does
not change it. A plan of direct products is never below it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ismc.ir.graph import Layer
from ismc.ir.window import Span
from ismc.passes.classify import classify
from ismc.passes.program import Form, Program
from ismc.passes.propagate import needed_positions
from ismc.passes.segment import segment
from ismc.plan.multiply_adds import pairs, products_of_layer
from ismc.rules import Role, Rule

Array = np.ndarray
REARRANGING = ("identity", "reshape", "pick")


@dataclass(frozen=True)
class Reach:
    """The positions that each site changes: ``start <= p < stop``, ``int64[sites]`` each.

    Attributes:
        start: first positions; 0 where the span is empty.
        stop: one past the last positions.
        letters: whether the value is the substitution itself, possibly shifted or reshaped.
    """

    start: Array
    stop: Array
    letters: bool = False

    @property
    def width(self) -> Array:
        """The number of positions, ``[sites]``."""
        return self.stop - self.start

    def within(self, span: Span) -> Reach:
        """The positions within a span."""
        start, stop = np.maximum(self.start, span.start), np.minimum(self.stop, span.stop)
        overlaps = stop > start
        return Reach(np.where(overlaps, start, 0), np.where(overlaps, stop, 0), self.letters)

    def __or__(self, other: Reach) -> Reach:
        """The hulls of both, ignoring empty spans."""
        first = np.where(self.width > 0, self.start, other.start)
        second = np.where(other.width > 0, other.start, first)
        return Reach(np.minimum(first, second), np.maximum(self.stop, other.stop))


def lower_bound(program: Program) -> int:
    """Operations of the products for one sequence: all sites, and all letters but the reference.

    A multiply-add counts as two operations, element-wise work as none. A product that takes the
    substitution itself counts nothing at sites of width 1: two letters change, so two rows of the
    kernel are looked up in a table. A recurrence counts the steps from the first change on. A layer
    that reads all positions, and every layer after one, counts in full.
    """
    request = replace(program.request, stop_at=())
    program = segment(classify(Program(program.graph, request)))
    program = program.knowing(need=needed_positions(program))
    if request.sequence not in program.live:
        return 0
    sites = [(site.start, site.stop) for site in request.sites]
    start, stop = np.array(sites, np.int64).reshape(-1, 2).T
    single = stop - start == 1
    first = Reach(start, stop, letters=True).within(program.need[request.sequence])
    reached, total = {request.sequence: first}, 0
    for name in program.live:
        if name in reached or program.forms[name] is Form.REFERENCE:
            continue
        layer, rule = program.graph[name], program.rules[name]
        reach = _reach(program, layer, rule, reached)
        source = reached.get(layer.inputs[0], reach)
        work = _work(program, layer, rule, source, reach)
        total += int(work[~single].sum() if source.letters else work.sum())
        reached[name] = reach
    channels = program.graph[request.sequence].shape[-1]
    letters = channels - 1 if channels > 1 and single.all() else channels
    return 2 * letters * total


def _reach(program: Program, layer: Layer, rule: Rule, reached: dict[str, Reach]) -> Reach:
    """The needed positions of the layer's value that each site changes."""
    sources = [(i, reached[source]) for i, source in enumerate(layer.inputs) if source in reached]
    if rule.role is Role.STOP:
        changed_inputs = [v.within(rule.needs) if rule.needs else v for _, v in sources]
        changed = np.any([v.width > 0 for v in changed_inputs], axis=0)
        return Reach(np.zeros(len(changed), np.int64), np.where(changed, layer.length, 0))
    reaches = []
    for i, source in sources:
        shift = rule.shifts[i] if rule.shifts else 0
        reaches.append(_through(source, rule, shift))
    hull = reaches[0]
    for other in reaches[1:]:
        hull = hull | other
    rearranged = (
        len(reaches) == 1 and rule.difference is not None and rule.difference.fn in REARRANGING
    )
    hull = replace(hull, letters=rearranged and sources[0][1].letters)
    return hull.within(program.need[layer.name] & Span(0, layer.length))


def _through(reach: Reach, rule: Rule, shift: int) -> Reach:
    """The outputs that read the changed positions."""
    window = rule.window
    first = reach.start * window.up + window.pad - window.extent
    last = (reach.stop - 1) * window.up + window.pad
    nonempty = reach.width > 0
    start = np.where(nonempty, -(-first // window.stride) + shift, 0)
    return Reach(start, np.where(nonempty, last // window.stride + 1 + shift, 0))


def _work(program: Program, layer: Layer, rule: Rule, source: Reach, reach: Reach) -> Array:
    """Multiply-adds of the layer, ``[sites]``."""
    inputs = tuple(program.graph[name] for name in layer.inputs)
    products = products_of_layer(layer, inputs)
    if rule.role is Role.STOP and rule.stop is None:
        return np.where(reach.width > 0, products.full, 0)
    if rule.stop is not None and rule.stop.fn == "recurrent_stop":
        steps = source.stop if layer.config["backwards"] else inputs[0].length - source.start
        return np.where(source.width > 0, steps * products.step + source.width * products.pair, 0)
    pair = products.pair
    if not pair:
        return np.zeros(len(reach.start), np.int64)
    if rule.role is Role.STOP or rule.window.pointwise:
        return (source if rule.role is Role.STOP else reach).width * pair
    outputs, window = (reach.start, reach.stop), rule.window
    if window.stride > 1:
        return pairs(window, (source.start, source.stop), outputs) * pair
    untrimmed = _through(source, rule, 0)
    trimmed = np.flatnonzero((untrimmed.start != reach.start) | (untrimmed.stop != reach.stop))
    count = source.width * window.size
    count[trimmed] = pairs(
        window,
        (source.start[trimmed], source.stop[trimmed]),
        (reach.start[trimmed], reach.stop[trimmed]),
    )
    return count * pair
