"""Counts what no exact scan by differences gets around: the lower bound `Plan.minimum`.

Before: ``pool ...  {slab}  {width 7 of 333, need [0, 333)}``: one width for all sites
After:  7 or 6 or less, site by site: the positions that a site reaches, and that someone needs
Needs:  ``live``, ``request``. Sets: nothing; the number becomes a field of the plan.

A linear layer has to multiply each changed input with each tap whose output lies in the sequence
and is needed. Spans are taken per site, with the phase of pooling, cut to both ends and to need;
they are hulls, so holes that a dilation leaves in them count. Where the plan gave up the
difference because it is cheaper in full is not asked: what is counted belongs to the model, its
sites and its outputs. The plan is never below it.
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
UNCHANGED = ("identity", "reshape", "pick")


@dataclass(frozen=True)
class Reach:
    """What each site changes of a value: ``start <= p < stop``, ``int64[sites]`` each.

    Attributes:
        start: first positions; those of an empty span are 0.
        stop: last positions but one.
        letters: whether it is still the substitution itself, only moved.
    """

    start: Array
    stop: Array
    letters: bool = False

    @property
    def width(self) -> Array:
        """How many positions, ``[sites]``."""
        return self.stop - self.start

    def within(self, span: Span) -> Reach:
        """What lies in a span."""
        start, stop = np.maximum(self.start, span.start), np.minimum(self.stop, span.stop)
        there = stop > start
        return Reach(np.where(there, start, 0), np.where(there, stop, 0), self.letters)

    def __or__(self, other: Reach) -> Reach:
        """The hulls of both; an empty span adds nothing."""
        first = np.where(self.width > 0, self.start, other.start)
        again = np.where(other.width > 0, other.start, first)
        return Reach(np.minimum(first, again), np.maximum(self.stop, other.stop))


def lower_bound(program: Program) -> int:
    """Operations of the products for one sequence: all sites, all letters beside the one there.

    Two operations per multiply-add; element-wise work counts nothing. A product that takes the
    substitution itself counts nothing at sites of width 1: two letters change, which is two rows
    of the kernel from a table. Of a recurrence the steps from the first change on are counted; a
    layer that takes all positions, and every layer after one, is counted in full.
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
        found = _reached(program, layer, rule, reached)
        source = reached.get(layer.inputs[0], found)
        work = _work(program, layer, rule, source, found)
        total += int(work[~single].sum() if source.letters else work.sum())
        reached[name] = found
    channels = program.graph[request.sequence].shape[-1]
    letters = channels - 1 if channels > 1 and single.all() else channels
    return 2 * letters * total


def _reached(program: Program, layer: Layer, rule: Rule, known: dict[str, Reach]) -> Reach:
    """What each site changes of the layer's value, of what is needed."""
    sources = [(i, known[source]) for i, source in enumerate(layer.inputs) if source in known]
    if rule.role is Role.STOP:
        reads = [v.within(rule.needs) if rule.needs else v for _, v in sources]
        changed = np.any([v.width > 0 for v in reads], axis=0)
        return Reach(np.zeros(len(changed), np.int64), np.where(changed, layer.length, 0))
    carried = []
    for i, source in sources:
        shift = rule.shifts[i] if rule.shifts else 0
        carried.append(_through(source, rule, shift))
    found = carried[0]
    for other in carried[1:]:
        found = found | other
    moved = len(carried) == 1 and rule.difference is not None and rule.difference.fn in UNCHANGED
    found = replace(found, letters=moved and sources[0][1].letters)
    return found.within(program.need[layer.name] & Span(0, layer.length))


def _through(reach: Reach, rule: Rule, shift: int) -> Reach:
    """Where a window carries the spans."""
    window = rule.window
    first = reach.start * window.up + window.pad - window.extent
    last = (reach.stop - 1) * window.up + window.pad
    there = reach.width > 0
    start = np.where(there, -(-first // window.stride) + shift, 0)
    return Reach(start, np.where(there, last // window.stride + 1 + shift, 0))


def _work(program: Program, layer: Layer, rule: Rule, source: Reach, found: Reach) -> Array:
    """Multiply-adds of the layer, ``[sites]``."""
    inputs = tuple(program.graph[name] for name in layer.inputs)
    products = products_of_layer(layer, inputs)
    if rule.role is Role.STOP and rule.stop is None:
        return np.where(found.width > 0, products.full, 0)
    if rule.stop is not None and rule.stop.fn == "recurrent_stop":
        steps = source.stop if layer.config["backwards"] else inputs[0].length - source.start
        return np.where(source.width > 0, steps * products.step + source.width * products.pair, 0)
    pair = products.pair
    if not pair:
        return np.zeros(len(found.start), np.int64)
    if rule.role is Role.STOP or rule.window.pointwise:
        return (source if rule.role is Role.STOP else found).width * pair
    wanted, window = (found.start, found.stop), rule.window
    if window.stride > 1:
        return pairs(window, (source.start, source.stop), wanted) * pair
    every = _through(source, rule, 0)
    edge = np.flatnonzero((every.start != found.start) | (every.stop != found.stop))
    count = source.width * window.size
    count[edge] = pairs(
        window, (source.start[edge], source.stop[edge]), (found.start[edge], found.stop[edge])
    )
    return count * pair
