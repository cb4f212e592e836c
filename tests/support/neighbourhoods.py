"""Every rule behind every other one: chains of the rules' own examples, in models of many branches.

``python -m tests.support.neighbourhoods pairs`` tries all ordered pairs, ``wide`` those with a
convolution whose channels and sites are wide enough for every form of it, and
``triples FIRST COUNT`` a seeded sample of triples. Programs run eagerly, and every value inside is
compared with the model's own.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from math import prod
from multiprocessing import get_context
from typing import Any

import keras
import numpy as np
from keras import layers

from ismc import api
from ismc.errors import UnsupportedModelError
from ismc.execution.inputs import random_inputs, site_spans
from ismc.execution.substitutions import kinds
from ismc.frontend.masks import with_masks
from ismc.frontend.read import read
from ismc.passes import Form, Program, Request
from ismc.passes.choose_recompute import choose_recompute
from ismc.passes.flatten import flatten
from ismc.passes.propagate import propagate
from ismc.passes.schedule import strategies
from ismc.rules import Example, examples
from ismc.verification.intermediates import first_fault

LENGTH, CHANNELS = 24, 4
WIDE_LENGTH, WIDE, SITE = 96, 40, 36
BRANCHES = 32
Chain = tuple["Unit", ...]


@dataclass(frozen=True)
class Unit:
    """One example of one rule."""

    kind: str
    example: Example
    number: int

    def __str__(self) -> str:
        return f"{self.kind}-{self.number}"

    @property
    def is_convolution(self) -> bool:
        """Whether it has several forms."""
        return self.kind == "Conv1D"


WIDER: dict[int, dict[str, Any]] = {
    0: {"filters": 4, "kernel_size": 9},  # few filters: products of blocks
    2: {"dilation_rate": 16},  # blocks of positions in pairs
    3: {"dilation_rate": 1, "kernel_size": 13},
}
"""What examples of Conv1D have in wide chains, so that every form is met."""

UNITS = [Unit(kind, e, i) for kind, found in examples().items() for i, e in enumerate(found)]


def pairs() -> list[Chain]:
    """All ordered pairs."""
    return list(product(UNITS, UNITS))


def wide_pairs() -> list[Chain]:
    """The ordered pairs with a Conv1D."""
    return [pair for pair in pairs() if any(unit.is_convolution for unit in pair)]


def triples(first: int, count: int) -> list[Chain]:
    """A seeded sample of triples; the numbers of a sample say which of an endless row."""
    chains = []
    for seed in range(first, first + count):
        rng = np.random.default_rng(seed)
        chains.append(tuple(UNITS[i] for i in rng.integers(0, len(UNITS), 3)))
    return chains


def some(chains: Sequence[Chain], count: int, seed: int = 0) -> list[Chain]:
    """A seeded sample."""
    rng = np.random.default_rng(seed)
    return [chains[i] for i in rng.permutation(len(chains))[:count]]


def groups(chains: Sequence[Chain]) -> Iterator[list[Chain]]:
    """Chains, as many as one model has branches."""
    for i in range(0, len(chains), BRANCHES):
        yield list(chains[i : i + BRANCHES])


def faults(chains: Sequence[Chain], wide: bool = False, seed: int = 0) -> tuple[list[str], int]:
    """What is wrong in a model with one branch for each chain, and how many branches it has."""
    keras.utils.clear_session(free_memory=False)
    rng = np.random.default_rng(seed)
    length = WIDE_LENGTH if wide else LENGTH
    x = keras.Input((length, CHANNELS))
    branches = {}
    for i, chain in enumerate(chains):
        value = _branch(x, chain, wide, i)
        if value is not None:
            branches[f"branch{i}"] = (chain, value)
    if not branches:
        return [], 0
    model = keras.Model(x, [value for _, value in branches.values()])
    _randomise(model, rng)
    try:
        program, compiled = _assembled(model, _sites(length, wide), rng, tile=seed % 3)
    except UnsupportedModelError:  # such as a softmax over a mask that does not fit
        if len(branches) == 1:
            return [], 0
        alone = [faults([chain], wide, seed) for chain, _ in branches.values()]
        return [text for texts, _ in alone for text in texts], sum(count for _, count in alone)
    inputs = random_inputs(compiled.plan.signature, 1, rng)
    for value in inputs.values():
        value[:, 3:5] = 0
    found = []
    for letters in kinds(compiled.plan)[-2 if wide else 0 : -1]:
        fault = first_fault(compiled, program, inputs, letters)
        if fault is not None:
            found.append(str(fault))
    if found and len(branches) > 1:
        return [
            f"{' > '.join(map(str, chain))}: {text}"
            for chain, _ in branches.values()
            for text in faults([chain], wide, seed)[0]
        ] or found, len(branches)
    return found, len(branches)


def _sites(length: int, wide: bool) -> list[tuple[int, int]]:
    width = SITE if wide else 1
    middle = length // 2
    return [(0, width), (middle, middle + width), (length - width, length)]


def _branch(x: Any, chain: Chain, wide: bool, number: int) -> Any:
    """The units one behind the other; nothing where one cannot take what the one before gives."""
    value = x
    if number % 2:
        value = layers.Conv1D(CHANNELS, 3, padding="same" if number % 4 == 1 else "valid")(value)
    for unit in chain:
        value = _applied(unit, value, wide)
        if value is None:
            return None
    if len(value.shape) == 4:
        value = layers.Reshape((value.shape[1], prod(value.shape[2:])))(value)
    if len(value.shape) == 3 and value.shape[1] > 3:
        return layers.Conv1D(3, 3)(value)
    return value


def _applied(unit: Unit, value: Any, wide: bool) -> Any:
    example = _fitted(unit, value, wide)
    if example is None:
        return None
    shape, *others = example.shapes
    operands = [_shaped(value, shape, wide and unit.is_convolution)]
    for i, other in enumerate(others):
        operand = layers.Dense(prod(other[1:]), ("tanh", "relu")[i % 2])(_sequence(value))
        operands.append(_shaped(operand, other))
    try:
        if example.code:
            names = {"ops": keras.ops, "np": np, "x": operands[0], "y": operands[-1]}
            return eval(example.code, names)  # noqa: S307  (the text of our own rules)
        layer = getattr(layers, unit.kind)(**example.config)
        return layer(operands if len(operands) > 1 else operands[0])
    except (ValueError, TypeError):
        return None  # such as a kernel that is longer than what is left


def _fitted(unit: Unit, value: Any, wide: bool) -> Example | None:
    """The example for a value of this length; nothing where it is only for its own."""
    if len(value.shape) < 3 or value.shape[1] < 2:
        return None
    length, own = value.shape[1], unit.example.shapes[0][0]
    config = dict(unit.example.config)
    if wide and unit.is_convolution:
        config["filters"] = WIDE
        config |= WIDER.get(unit.number, {})
    if unit.kind == "EinsumDense":
        config["output_shape"] = [length, 3]
    if "target_shape" in config and length != own:
        if length % 2:
            return None
        first, *rest = config["target_shape"]
        config["target_shape"] = [first * length // own, *rest]
    if "ops.reshape(x, (-1, 6" in unit.example.code and length != own:
        return None
    return replace(unit.example, config=config)


def _sequence(value: Any) -> Any:
    """A value of several axes of channels as ``[B, L, C]``."""
    if len(value.shape) == 3:
        return value
    return layers.Reshape((value.shape[1], prod(value.shape[2:])))(value)


def _shaped(value: Any, shape: Sequence[int], wide: bool = False) -> Any:
    """A value with as many channels as an example has; as it is where it has them."""
    _, *tail = shape
    if tuple(value.shape[2:]) == tuple(tail) and not wide:
        return value
    value = _sequence(value)
    channels = WIDE if wide else prod(tail)
    if value.shape[2] != channels:
        value = layers.Dense(channels)(value)
    return layers.Reshape((value.shape[1], *tail))(value) if len(tail) > 1 else value


def _randomise(model: keras.Model, rng: np.random.Generator) -> None:
    for weight in model.weights:
        if "seed" in weight.path:
            continue
        if "variance" in weight.path:
            weight.assign(rng.uniform(0.3, 1.2, weight.shape))
        else:
            scale = 1.2 / np.sqrt(max(1, prod(weight.shape[:-1])))
            weight.assign(rng.normal(scale=scale, size=weight.shape))


def _assembled(model: keras.Model, sites: Any, rng: np.random.Generator, tile: int) -> Any:
    """The program, with any of the forms that a convolution has, and its callable."""
    lowered = read(model)
    request = Request(
        lowered.graph.inputs[0], site_spans(sites, model.input.shape[1]), lowered.graph.outputs,
        cut="", tile=tile,
    )  # fmt: skip
    program = flatten(Program(lowered.graph, request))
    program = program.knowing(graph=with_masks(program.graph, program.request.outputs))
    request = replace(program.request, strategies=_forms(program, rng))
    program = program.knowing(request=request)
    structure = list(lowered.graph.outputs)
    return api._assembled(program, lowered, lowered.graph.outputs, structure, None)


def _forms(program: Program, rng: np.random.Generator) -> tuple[tuple[str, str], ...]:
    """One form at random for each convolution that acts on a difference."""
    for step in api.PLANNING:
        program = step(program)
        if step in (propagate, choose_recompute):
            break
    chosen = []
    for name, rule in program.rules.items():
        if rule.layout == "conv" and program.forms.get(name) is Form.DIFFERENCE:
            form = str(rng.choice(sorted(strategies(program, name))))
            chosen.append((name, form))
            FORMS[form] += 1
    return tuple(chosen)


FORMS: Counter[str] = Counter()


def chosen(kind: str, first: int = 0, count: int = 10**9) -> list[Chain]:
    """The chains of a kind from a first one on; of triples, those of a seed."""
    if kind == "triples":
        return triples(first, count)
    return {"pairs": pairs, "wide": wide_pairs}[kind]()[first : first + count]


def _prepare(*request: Any) -> None:
    warnings.simplefilter("ignore")
    GROUPS[:] = groups(chosen(*request))


GROUPS: list[list[Chain]] = []  # of this process


def _try(index: int, wide: bool) -> tuple[list[str], int, Counter[str]]:
    """What is wrong in one group, how many of its chains fit, and the forms that were drawn."""
    FORMS.clear()
    return *faults(GROUPS[index], wide, index), FORMS.copy()


def main(kind: str, first: int = 0, count: int = 10**9) -> int:
    """Tries chains on every core, and prints how many, what is wrong and how long it took."""
    request = (kind, first, count)
    chains = chosen(*request)
    began, wrong, tried, forms = time.perf_counter(), 0, 0, Counter[str]()
    with ProcessPoolExecutor(
        os.cpu_count(),
        mp_context=get_context("spawn"),
        initializer=_prepare,
        initargs=request,
    ) as pool:
        indices = range(len(list(groups(chains))))
        each = pool.map(partial(_try, wide=kind == "wide"), indices)
        for i, (found, branches, drawn) in enumerate(each):
            tried += branches
            wrong += len(found)
            forms += drawn
            for text in found:
                print("wrong:", text, flush=True)
            if i % 50 == 49:
                print(f"{tried} of {len(chains)}, {time.perf_counter() - began:.0f} s", flush=True)
    print(
        f"{len(chains)} {kind}: {tried} neighbourhoods, {len(chains) - tried} that do not fit, "
        f"{wrong} wrong, {time.perf_counter() - began:.0f} s; forms {dict(forms)}"
    )
    return wrong


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1], *map(int, sys.argv[2:]))))
