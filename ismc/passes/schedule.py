"""Chooses strategies and tiles, and writes the plan.

Before: spans and forms of every value
After:  ``Plan``: steps, offsets, tile size, and what each layer costs here and in the naive program
Needs:  every fact. Sets: ``plan``, ``held``.

The tile is as large as the cache allows, for what a tile writes must still be there when it is
read, unless weights are so large that reading them for few mutants costs more.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from ismc.ir.graph import Layer
from ismc.ir.window import Span
from ismc.passes.lowering.builder import StepBuilder, reference_name
from ismc.passes.lowering.emit import emit
from ismc.passes.lowering.hoist_dense import hoist_dense
from ismc.passes.lowering.lower_bound import lower_bound
from ismc.passes.lowering.materialize import materialize
from ismc.passes.lowering.reference import reference_steps
from ismc.passes.lowering.rounding import rounding
from ismc.passes.program import Form, Program
from ismc.plan import cost
from ismc.plan.multiply_adds import in_full, products_of_layer
from ismc.plan.plan import Line, Plan
from ismc.rules import Products

STEP, TILE = 1e-5, 5e-4  # seconds of a step of a recurrence and of a tile, however small
LONG_TO_COMPILE = ("toom", "pairs")
GAIN = 0.005  # of a mutant's operations, which a form must save that takes long to compile
SITES = (1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 28, 32, 48, 64, 96, 128, 256)  # of a tile
CORES = 4  # whose caches hold a tile that is not computed beside others, about


def schedule(program: Program) -> Program:
    """The program with its plan."""
    graph, request = program.graph, program.request
    costs = _costs(program)
    low = StepBuilder(program, {name: strategy for name, (strategy, _) in costs.items()})
    for name in program.live:
        emit(low, graph[name])
    results = []
    for name in request.outputs:
        results.append(low.bind(name, "y", low.full(name), graph[name].shape).name)
        low.references.add(name)
    guard = low.guard()
    reference = reference_steps(program, low.references)
    active = _active(program)
    rows = len(active) * graph[request.sequence].shape[-1] if active else 0
    answers = [*results, guard] if guard else results
    parts = hoist_dense(low.steps, answers, low.bands, rows, request.memory * 3 // 4)
    tile, loop_outputs, epilogue = parts or (tuple(low.steps), (), ())
    tile, epilogue, kernels = (
        rounding(steps, request.precision) for steps in (tile, epilogue, low.kernels)
    )
    tile, written = materialize(
        tile,
        [step.target for step in loop_outputs] or answers,
        {name: _products(program, name) for name in program.live},
        {step.target for step in low.kernels},
    )
    bands = [replace(band, by_position=parts is not None) for band in low.bands]
    lines = tuple(_line(program, name, *costs[name]) for name in program.live)
    spent = [found for _, found in costs.values()]
    inputs = tuple((name, graph[name].shape) for name in graph.inputs)
    return program.knowing(
        values=tuple(low.values),
        plan=Plan(
            model=graph.name,
            sequence=request.sequence,
            inputs=inputs,
            sites=tuple((site.start, site.stop) for site in request.sites),
            outputs=tuple((name, graph[name].shape) for name in request.outputs),
            lines=lines,
            reference=(*reference, *kernels, *low.usual),
            tile=tile,
            loop_outputs=loop_outputs,
            epilogue=epilogue,
            written=written,
            results=tuple(results),
            guard=guard,
            references=tuple(reference_name(program, name).name for name in request.outputs),
            offsets=dict(low.offsets),
            bands=tuple(bands),
            active=active,
            scored=request.scored,
            minimum=lower_bound(program),
            mutants=_mutants(program, low, spent),
            seconds=(
                sum(found.seconds for found in spent),
                sum(naive(program, name).seconds for name in program.live),
            ),
        ),
    )


def _costs(program: Program) -> dict[str, tuple[str, cost.Cost]]:
    """Strategy and cost of each layer, where no other layer's cost speaks for another strategy.

    Forms that compile slowly must save something; and where all mutants fit into one tile, a
    convolution of few channels becomes a part of what reads it.
    """
    found = {name: here(program, name) for name in program.live}
    least = GAIN * sum(spent.operations for _, spent in found.values())
    alone = _fits_one_tile(program, [spent for _, spent in found.values()])
    for name, (strategy, spent) in found.items():
        if not strategy or name in dict(program.request.strategies):
            continue
        forms = strategies(program, name) if program.rules[name].layout == "conv" else {}
        if alone and strategy == "gemm" and "outer" in forms:
            found[name] = "outer", forms["outer"]
        elif strategy in LONG_TO_COMPILE:
            others = set(forms) - set(LONG_TO_COMPILE)
            simple = min(others, key=lambda form: forms[form].seconds, default=strategy)
            if forms[simple].operations - spent.operations < least:
                found[name] = simple, forms[simple]
    return found


def here(program: Program, name: str) -> tuple[str, cost.Cost]:
    """The strategy of a layer and what one mutant costs with it."""
    layer, form = program.graph[name], program.forms[name]
    inputs = tuple(program.graph[i] for i in layer.inputs)
    if form is Form.REFERENCE:
        return "", cost.Cost(0, 0.0)
    if name == program.request.sequence:
        return "", cost.elements(program.spans[name].width * prod(layer.shape[1:]))
    rule = program.rules[name]
    if program.looked_up(name):
        return "looked up", cost.Cost(0, 0.0)
    if form is Form.FULL:
        if rule.stop is not None and rule.stop.fn == "recurrent_stop":
            return "from the change", in_full(layer, inputs).half
        if rule.stop is None:
            return "whole", in_full(layer, inputs)
        width = program.spans[layer.inputs[0]].width
        if rule.stop.fn == "dense_stop":
            return "rows", cost.dense_cost(width, layer, inputs)
        return rule.stop.fn.removesuffix("_stop"), cost.elements(width * inputs[0].shape[-1])
    width = _width(program, name)
    if rule.layout == "conv":
        forms = strategies(program, name)
        best = dict(program.request.strategies).get(name, "")
        if best not in forms:
            best = min(forms, key=lambda key: forms[key].seconds)
        return best, forms[best]
    if layer.title == "Dense" and len(layer.shape) == 2:
        return "gemm", cost.dense_cost(width, layer, inputs)
    products = _products(program, name)
    if products.pair:
        return "gemm" if layer.title == "Dense" else "", _local(program, layer, products)
    return "", cost.Cost(0, 0.0) if rule.identity else cost.elements(width * prod(layer.shape[1:]))


def _local(program: Program, layer: Layer, products: Products) -> cost.Cost:
    """Products of what changes: of each position held, or of each position that is answered."""
    rule, width = program.rules[layer.name], _width(program, layer.name)
    answers, size = width, prod(layer.shape[1:])
    beside = rule.layout == "flanks"
    if beside:
        products = replace(products, local="convolution")
    held = program.forms[layer.name] is Form.DIFFERENCE and rule.window.stride == 1 and not beside
    if held or rule.window.up > 1:
        width = program.spans[layer.inputs[0]].width
    pairs = width * rule.window.size
    written = pairs if products.local in cost.WRITTEN else answers
    return cost.local(products, pairs, written * size, beside)


def strategies(program: Program, name: str) -> dict[str, cost.Cost]:
    """Every form of a convolution that acts on a difference, and what it costs."""
    layer = program.graph[name]
    (source,) = layer.inputs
    shape, reads = program.graph[source].shape, program.spans[source].width
    exact = program.request.precision == "float32"
    return cost.convolution(layer, shape, reads, _width(program, name), exact)


def _width(program: Program, name: str) -> int:
    """How many positions of a value are held."""
    slab = program.forms[name] is Form.SLAB
    return (program.extents if slab else program.spans)[name].width


def naive(program: Program, name: str) -> cost.Cost:
    """What the layer costs in the naive program, per mutant."""
    layer = program.graph[name]
    if name == program.request.sequence or not layer.inputs:
        return cost.Cost(0, 0.0)
    return layer.config.get("naive") or naive_cost(program, name)


def _products(program: Program, name: str) -> Products:
    layer = program.graph[name]
    return products_of_layer(layer, tuple(program.graph[i] for i in layer.inputs))


def naive_cost(program: Program, name: str) -> cost.Cost:
    """What the layer costs when it is recomputed in full."""
    layer = program.graph[name]
    return in_full(layer, tuple(program.graph[i] for i in layer.inputs))


def _line(program: Program, name: str, strategy: str, found: cost.Cost) -> Line:
    layer, form = program.graph[name], program.forms[name]
    rule = program.rules.get(name)
    width = layer.length
    if form in (Form.DIFFERENCE, Form.SLAB):
        width = _width(program, name)
    elif form is Form.FULL and rule is not None and rule.stop is not None:
        width = program.spans[layer.inputs[0]].width
    return Line(
        name=name,
        title=layer.title,
        role="input" if rule is None else rule.role.value,
        form=form.value,
        strategy=strategy,
        width=width,
        length=_read_length(layer, program)
        if strategy in ("rows", "mean", "global_max")
        else layer.length,
        operations=found.operations,
        naive=naive(program, name).operations,
        reason=rule.reason if rule is not None and not program.looked_up(name) else "",
    )


def _read_length(layer: Layer, program: Program) -> int:
    return program.graph[layer.inputs[0]].length


def _active(program: Program) -> tuple[int, ...]:
    """The sites that some requested output depends on, from left to right."""
    request = program.request
    need = program.need.get(request.sequence, Span(0, 0))
    touched = [i for i, site in enumerate(request.sites) if (site & need).width]
    changing = any(program.varies(name) for name in request.outputs)
    return tuple(sorted(touched, key=lambda i: request.sites[i])) if changing else ()


def _mutants(program: Program, low: StepBuilder, spent: list[cost.Cost]) -> int:
    """How many mutants a tile holds: time per mutant at its least, within the memory allowed."""
    letters = _letters(program)
    written = [
        4 * prod(size for size in step.shape if not isinstance(size, str)) for step in low.steps
    ]
    total = sum(found.temporary for found in spent) + sum(written)
    most = max(1, program.request.memory // max(1, 2 * total))
    largest = [found.temporary for found in spent if found.temporary]
    weights = sum(found.weights for found in spent)
    rates = cost.rates()
    once, late = _recurrences(program)
    all_mutants = _all_mutants(program)
    cache = rates.cache * (CORES if _fits_one_tile(program, spent) else 1)

    def seconds(count: int) -> float:
        spilled = sum(max(0.0, size - cache / count) for size in largest)
        read = 2 * weights / rates.bytes / count + spilled * 2 / rates.bytes
        return read + (once + TILE) / count + late * min(1.0, count / all_mutants)

    sizes = [letters * sites for sites in SITES]
    best = min((n for n in sizes if n <= most), key=seconds, default=1)
    return min(most, letters * program.request.tile) or max(1, best)


def _fits_one_tile(program: Program, spent: list[cost.Cost]) -> bool:
    """Whether a sequence takes so little that its tiles are not computed beside others."""
    return sum(found.seconds for found in spent) * _all_mutants(program) < 2 * cost.WORTH


def _all_mutants(program: Program) -> int:
    """How many mutants a one-hot sequence has."""
    return _letters(program) * len(program.request.sites)


def _letters(program: Program) -> int:
    """How many substitutions a one-hot site has."""
    return max(1, program.graph[program.request.sequence].shape[-1] - 1)


def _recurrences(program: Program) -> tuple[float, float]:
    """Seconds of recurrent layers: of a tile's steps whatever its size, and of half the steps.

    A tile steps from its first site on, so a tile of all sites saves none of that half.
    """
    once = late = 0.0
    for name in program.live:
        layer = program.graph[name]
        if layer.title == "Recurrent" and program.varies(name):
            strategy, found = here(program, name)
            restarts = strategy == "from the change"
            once += STEP * program.graph[layer.inputs[0]].length / (2 if restarts else 1)
            late += found.seconds if restarts else 0.0
    return once, late
