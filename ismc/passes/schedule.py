"""Chooses strategies and tiles, and assembles the plan.

Before: spans and forms of every value
After:  ``Plan``: steps, offsets, tile size, and what each layer costs here and in the naive program
Needs:  every fact. Sets: ``plan``, ``values``.

The tile is as large as the cache allows, because what a tile writes must still be cached when it is
read. It is larger if the weights are so large that reading them for few mutants costs more.
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

SECONDS_PER_STEP, SECONDS_PER_TILE = 1e-5, 5e-4  # of a recurrence and in all, however small
SLOW_TO_COMPILE = ("toom", "pairs")
MIN_SAVED_SHARE = 0.005  # of a mutant's operations, for strategies that are slow to compile
SITES_PER_TILE = (1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 28, 32, 48, 64, 96, 128, 256)
CORES = 4  # about; their caches together hold a tile that runs alone


def schedule(program: Program) -> Program:
    """The program with its plan."""
    graph, request = program.graph, program.request
    costs = _costs(program)
    builder = StepBuilder(program, {name: strategy for name, (strategy, _) in costs.items()})
    for name in program.live:
        emit(builder, graph[name])
    results = []
    for name in request.outputs:
        results.append(builder.bind(name, "y", builder.full(name), graph[name].shape).name)
        builder.references.add(name)
    guard = builder.guard()
    reference = reference_steps(program, builder.references)
    active = _active(program)
    rows = len(active) * graph[request.sequence].shape[-1] if active else 0
    answers = [*results, guard] if guard else results
    loops = hoist_dense(builder.steps, answers, builder.bands, rows, request.memory * 3 // 4)
    tile, loop_outputs, epilogue = loops or (tuple(builder.steps), (), ())
    tile, epilogue, kernels = (
        rounding(steps, request.precision) for steps in (tile, epilogue, builder.kernels)
    )
    tile, materialized = materialize(
        tile,
        [step.target for step in loop_outputs] or answers,
        {name: _products(program, name) for name in program.live},
        {step.target for step in builder.kernels},
    )
    bands = [replace(band, by_position=loops is not None) for band in builder.bands]
    lines = tuple(_line(program, name, *costs[name]) for name in program.live)
    layer_costs = [layer_cost for _, layer_cost in costs.values()]
    inputs = tuple((name, graph[name].shape) for name in graph.inputs)
    return program.knowing(
        values=tuple(builder.values),
        plan=Plan(
            model=graph.name,
            sequence=request.sequence,
            inputs=inputs,
            sites=tuple((site.start, site.stop) for site in request.sites),
            outputs=tuple((name, graph[name].shape) for name in request.outputs),
            lines=lines,
            reference=(*reference, *kernels, *builder.typical_sizes),
            tile=tile,
            loop_outputs=loop_outputs,
            epilogue=epilogue,
            written=materialized,
            results=tuple(results),
            guard=guard,
            references=tuple(reference_name(program, name).name for name in request.outputs),
            offsets=dict(builder.offsets),
            bands=tuple(bands),
            active=active,
            scored=request.scored,
            minimum=lower_bound(program),
            mutants=_mutants(program, builder, layer_costs),
            seconds=(
                sum(layer_cost.seconds for layer_cost in layer_costs),
                sum(naive_cost(program, name).seconds for name in program.live),
            ),
        ),
    )


def _costs(program: Program) -> dict[str, tuple[str, cost.Cost]]:
    """The cheapest strategy of each layer in isolation, and its cost, with two exceptions.

    Strategies that are slow to compile are chosen only if they save enough operations. If all
    mutants fit into one tile, a convolution with few channels is fused into its readers.
    """
    costs = {name: choose_strategy(program, name) for name in program.live}
    min_saving = MIN_SAVED_SHARE * sum(layer_cost.operations for _, layer_cost in costs.values())
    single_tile = _fits_one_tile(program, [layer_cost for _, layer_cost in costs.values()])
    for name, (strategy, layer_cost) in costs.items():
        if not strategy or name in dict(program.request.strategies):
            continue
        forms = strategies(program, name) if program.rules[name].layout == "conv" else {}
        if single_tile and strategy == "gemm" and "outer" in forms:
            costs[name] = "outer", forms["outer"]
        elif strategy in SLOW_TO_COMPILE:
            alternatives = set(forms) - set(SLOW_TO_COMPILE)
            simple = min(alternatives, key=lambda form: forms[form].seconds, default=strategy)
            if forms[simple].operations - layer_cost.operations < min_saving:
                costs[name] = simple, forms[simple]
    return costs


def choose_strategy(program: Program, name: str) -> tuple[str, cost.Cost]:
    """The strategy of a layer, and what one mutant costs with it."""
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
        strategy = dict(program.request.strategies).get(name, "")
        if strategy not in forms:
            strategy = min(forms, key=lambda key: forms[key].seconds)
        return strategy, forms[strategy]
    if layer.title == "Dense" and len(layer.shape) == 2:
        return "gemm", cost.dense_cost(width, layer, inputs)
    products = _products(program, name)
    if products.pair:
        return "gemm" if layer.title == "Dense" else "", _local(program, layer, products)
    return "", cost.Cost(0, 0.0) if rule.identity else cost.elements(width * prod(layer.shape[1:]))


def _local(program: Program, layer: Layer, products: Products) -> cost.Cost:
    """The cost of products on changed positions, counted per input or per output position."""
    rule, width = program.rules[layer.name], _width(program, layer.name)
    outputs, size = width, prod(layer.shape[1:])
    flanks = rule.layout == "flanks"
    if flanks:
        products = replace(products, local="convolution")
    by_input = (
        program.forms[layer.name] is Form.DIFFERENCE and rule.window.stride == 1 and not flanks
    )
    if by_input or rule.window.up > 1:
        width = program.spans[layer.inputs[0]].width
    pairs = width * rule.window.size
    count = pairs if products.local in cost.UNFUSED_SPEEDS else outputs
    return cost.local(products, pairs, count * size, flanks)


def strategies(program: Program, name: str) -> dict[str, cost.Cost]:
    """The strategies of a convolution on a difference, with what each costs."""
    layer = program.graph[name]
    (source,) = layer.inputs
    shape, reads = program.graph[source].shape, program.spans[source].width
    exact = program.request.precision == "float32"
    return cost.convolution(layer, shape, reads, _width(program, name), exact)


def _width(program: Program, name: str) -> int:
    """How many positions of a value are held."""
    slab = program.forms[name] is Form.SLAB
    return (program.extents if slab else program.spans)[name].width


def naive_cost(program: Program, name: str) -> cost.Cost:
    """What the layer costs per mutant in the naive program."""
    layer = program.graph[name]
    if name == program.request.sequence or not layer.inputs:
        return cost.Cost(0, 0.0)
    return layer.config.get("naive") or full_cost(program, name)


def _products(program: Program, name: str) -> Products:
    layer = program.graph[name]
    return products_of_layer(layer, tuple(program.graph[i] for i in layer.inputs))


def full_cost(program: Program, name: str) -> cost.Cost:
    """What the layer costs per mutant when it is recomputed in full."""
    layer = program.graph[name]
    return in_full(layer, tuple(program.graph[i] for i in layer.inputs))


def _line(program: Program, name: str, strategy: str, layer_cost: cost.Cost) -> Line:
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
        operations=layer_cost.operations,
        naive=naive_cost(program, name).operations,
        reason=rule.reason if rule is not None and not program.looked_up(name) else "",
    )


def _read_length(layer: Layer, program: Program) -> int:
    return program.graph[layer.inputs[0]].length


def _active(program: Program) -> tuple[int, ...]:
    """The sites that some requested output depends on, in order of position."""
    request = program.request
    need = program.need.get(request.sequence, Span(0, 0))
    touched = [i for i, site in enumerate(request.sites) if (site & need).width]
    changing = any(program.varies(name) for name in request.outputs)
    return tuple(sorted(touched, key=lambda i: request.sites[i])) if changing else ()


def _mutants(program: Program, builder: StepBuilder, costs: list[cost.Cost]) -> int:
    """The number of mutants in a tile that gives the least time per mutant within the memory."""
    letters = _letters(program)
    step_bytes = [
        4 * prod(size for size in step.shape if not isinstance(size, str)) for step in builder.steps
    ]
    total = sum(layer_cost.temporary for layer_cost in costs) + sum(step_bytes)
    max_mutants = max(1, program.request.memory // max(1, 2 * total))
    temporaries = [layer_cost.temporary for layer_cost in costs if layer_cost.temporary]
    weights = sum(layer_cost.weights for layer_cost in costs)
    rates = cost.rates()
    per_tile, per_mutant = _recurrences(program)
    all_mutants = _all_mutants(program)
    cache = rates.cache * (CORES if _fits_one_tile(program, costs) else 1)

    def seconds(count: int) -> float:
        spilled = sum(max(0.0, size - cache / count) for size in temporaries)
        memory_seconds = 2 * weights / rates.bytes / count + spilled * 2 / rates.bytes
        return (
            memory_seconds
            + (per_tile + SECONDS_PER_TILE) / count
            + per_mutant * min(1.0, count / all_mutants)
        )

    sizes = [letters * sites for sites in SITES_PER_TILE]
    mutants = min((n for n in sizes if n <= max_mutants), key=seconds, default=1)
    return min(max_mutants, letters * program.request.tile) or max(1, mutants)


def _fits_one_tile(program: Program, costs: list[cost.Cost]) -> bool:
    """Whether a sequence takes too little time to spread its tiles over cores."""
    return (
        sum(layer_cost.seconds for layer_cost in costs) * _all_mutants(program)
        < 2 * cost.MIN_SECONDS_PER_THREAD
    )


def _all_mutants(program: Program) -> int:
    """How many mutants a one-hot sequence has."""
    return _letters(program) * len(program.request.sites)


def _letters(program: Program) -> int:
    """How many substitutions a one-hot site has."""
    return max(1, program.graph[program.request.sequence].shape[-1] - 1)


def _recurrences(program: Program) -> tuple[float, float]:
    """Seconds of recurrent layers per tile, and seconds per mutant that small tiles save.

    The first number is the time of a tile's steps, whatever its size. A tile starts at its first
    site, so on average it skips half of the steps; a tile of all sites skips none.
    """
    per_tile = per_mutant = 0.0
    for name in program.live:
        layer = program.graph[name]
        if layer.title == "Recurrent" and program.varies(name):
            strategy, layer_cost = choose_strategy(program, name)
            restarts = strategy == "from the change"
            per_tile += (
                SECONDS_PER_STEP * program.graph[layer.inputs[0]].length / (2 if restarts else 1)
            )
            per_mutant += layer_cost.seconds if restarts else 0.0
    return per_tile, per_mutant
