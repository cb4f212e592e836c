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

from ismc.ir.window import Span
from ismc.passes.costs import (
    choose_strategy,
    naive_cost,
    products_in,
    strategies,
    value_width,
)
from ismc.passes.lowering.builder import StepBuilder, reference_name
from ismc.passes.lowering.emit import emit
from ismc.passes.lowering.hoist_dense import hoist_dense
from ismc.passes.lowering.lower_bound import lower_bound
from ismc.passes.lowering.materialize import materialize
from ismc.passes.lowering.one_tile import one_tile
from ismc.passes.lowering.reference import reference_steps
from ismc.passes.lowering.rounding import rounding
from ismc.passes.program import Form, Program
from ismc.plan import cost
from ismc.plan.plan import Line, Plan
from ismc.strategies import STRATEGIES

MIN_SAVED_SHARE = 0.005  # of a mutant's operations, for strategies that are slow to compile
SITES_PER_TILE = (1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 28, 32, 48, 64, 96, 128, 256)


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
    loops = hoist_dense(builder.steps, answers, builder.bands, rows, _memory(program) * 3 // 4)
    tile, loop_outputs, epilogue = loops or (tuple(builder.steps), (), ())
    tile, epilogue = (rounding(steps, request.precision) for steps in (tile, epilogue))
    tile = one_tile(tile)
    tile, materialized = (
        (tile, ())
        if request.target.seconds_per_branch
        else materialize(
            tile,
            [step.target for step in loop_outputs] or answers,
            {name: products_in(program, name) for name in program.live},
            {step.target for step in builder.kernels},
        )
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
            reference=(*reference, *builder.kernels, *builder.typical_sizes),
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
            target=request.target,
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
    fits_one = _fits_one_tile(program, [layer_cost for _, layer_cost in costs.values()])
    for name, (strategy, layer_cost) in costs.items():
        if not strategy or name in dict(program.request.strategies):
            continue
        forms = strategies(program, name) if program.rules[name].layout == "conv" else {}
        fused = [form for form in forms if strategy in STRATEGIES[form].replaces]
        if fits_one and fused:
            costs[name] = fused[0], forms[fused[0]]
        elif strategy in forms and STRATEGIES[strategy].slow_to_compile:
            alternatives = [form for form in forms if not STRATEGIES[form].slow_to_compile]
            simple = min(alternatives, key=lambda form: forms[form].seconds, default=strategy)
            if forms[simple].operations - layer_cost.operations < min_saving:
                costs[name] = simple, forms[simple]
    return costs


def _line(program: Program, name: str, strategy: str, layer_cost: cost.Cost) -> Line:
    layer, form = program.graph[name], program.forms[name]
    rule = program.rules.get(name)
    width = length = layer.length
    if form in (Form.DIFFERENCE, Form.SLAB):
        width = value_width(program, name)
    elif form is Form.FULL and rule is not None and rule.stop is not None:
        width, length = program.spans[layer.inputs[0]].width, program.graph[layer.inputs[0]].length
    return Line(
        name=name,
        title=layer.title,
        role="input" if rule is None else rule.role.value,
        form=form.value,
        strategy=strategy,
        width=width,
        length=length,
        operations=layer_cost.operations,
        naive=naive_cost(program, name).operations,
        reason=rule.reason if rule is not None and not program.looked_up(name) else "",
    )


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
    max_mutants = max(1, _memory(program) // max(1, 2 * total))
    temporaries = [layer_cost.temporary for layer_cost in costs if layer_cost.temporary]
    weights = sum(layer_cost.weights for layer_cost in costs)
    target = program.request.target
    per_tile, per_mutant = _recurrences(program)
    all_mutants = _all_mutants(program)
    cache = target.cache * (target.cores if _fits_one_tile(program, costs) else 1)

    def seconds(count: int) -> float:
        spilled = sum(max(0.0, size - cache / count) for size in temporaries)
        memory_seconds = 2 * weights / target.bytes / count + spilled * 2 / target.bytes
        return (
            memory_seconds
            + (per_tile + target.seconds_per_tile) / count
            + per_mutant * min(1.0, count / all_mutants)
        )

    sizes = [letters * sites for sites in SITES_PER_TILE]
    mutants = min((n for n in sizes if n <= max_mutants), key=seconds, default=1)
    return min(max_mutants, letters * program.request.tile) or max(1, mutants)


def _memory(program: Program) -> int:
    """Bytes that the tiles may take."""
    return program.request.memory or program.request.target.memory


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
            restarts = program.rules[name].stop is not None
            steps = program.graph[layer.inputs[0]].length / (2 if restarts else 1)
            per_tile += program.request.target.seconds_per_step * steps
            per_mutant += choose_strategy(program, name)[1].seconds if restarts else 0.0
    return per_tile, per_mutant
