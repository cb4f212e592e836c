"""The sequences for verification: random letters, and other content that real data has.

The compared sites have letters, so that the program for one-hot sequences applies. Between the
sites, the second sequence has positions without a letter, mixtures of letters, a run of one letter,
and the motifs that the filters of the first layer detect. The first sequence has motifs over the
sites, so that mutations remove the largest activations.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ismc.execution.inputs import random_inputs
from ismc.frontend.model import Model
from ismc.ir.graph import Graph
from ismc.plan.plan import Plan

Array = np.ndarray
PARTS = 6  # letters, a motif, mixtures, a run of one letter, letters, no letters


def probes(
    plan: Plan, model: Model, graph: Graph, chosen: Sequence[int], rng: np.random.Generator
) -> dict[str, Array]:
    """Inputs of two sequences, ``[2, ...]`` each.

    Args:
        plan: the plan of the program to verify.
        model: the model, for the filters of its first layer.
        graph: its layers, with nested models inlined.
        chosen: indices of the sites to compare.
        rng: the source of random numbers.
    """
    inputs = random_inputs(plan.signature, 2, rng)
    x, sites = inputs[plan.sequence], [plan.sites[i] for i in chosen]
    motifs = best_windows(first_kernel(model, graph, plan.sequence, x.shape[2]))
    _write_motifs(x[0], motifs, [start for start, _ in sites[::2]])
    _write_motifs(x[1], motifs, [x.shape[1] * 3 // (2 * PARTS)])
    letters = x[1].copy()
    _write_parts(x[1], rng, soft="float" in graph[plan.sequence].dtype)
    for start, stop in sites:
        x[1, start:stop] = letters[start:stop]
    return inputs


def _write_parts(x: Array, rng: np.random.Generator, soft: bool) -> None:
    """Writes mixtures, a run and positions without a letter into a sequence ``[L, C]``."""
    length, channels = x.shape
    cuts = np.linspace(0, length, PARTS + 1).astype(int)
    parts = [slice(*map(int, pair)) for pair in pairwise(cuts)]
    if soft:
        x[parts[2]] = rng.dirichlet(np.ones(channels), parts[2].stop - parts[2].start)
    x[parts[3]] = np.eye(channels, dtype=x.dtype)[rng.integers(channels)]
    x[parts[5]] = 0


def _write_motifs(x: Array, motifs: Array, places: Sequence[int]) -> None:
    """Writes motifs ``[F, K, C]`` into a sequence, one centred at each place, in order."""
    width = min(motifs.shape[1], len(x)) if len(motifs) else 0
    for motif, place in zip(motifs, places, strict=False):
        start = int(np.clip(place - width // 2, 0, len(x) - width))
        x[start : start + width] = motif[:width]


def best_windows(kernel: Array | None) -> Array:
    """The letters that maximize each filter of a kernel ``[K, C, F]``: ``[F, K, C]``.

    Filters with the largest maximum come first.
    """
    if kernel is None:
        return np.zeros((0, 0, 0), np.float32)
    letters = np.eye(kernel.shape[1], dtype=np.float32)[kernel.argmax(1)]
    order = np.argsort(-kernel.max(1).sum(0), kind="stable")
    return letters.transpose(1, 0, 2)[order]


def first_kernel(model: Model, graph: Graph, sequence: str, channels: int) -> Array | None:
    """The first weights ``[K, C, F]`` applied to the sequence; ``None`` if there are none."""
    reached = graph.descendants(sequence)
    owners = dict.fromkeys(layer.owner for layer in graph if layer.name in reached and layer.owner)
    for owner in owners:
        for variable in model.variables.get(owner, {}).values():
            kernel = _as_kernel(variable, channels)
            if kernel is not None:
                return kernel
    return None


def _as_kernel(variable: Any, channels: int) -> Array | None:
    """Finite weights as ``[K, C, F]``, without axes of length one; ``None`` for other shapes."""
    shape = tuple(variable.shape)
    if len(shape) < 3:
        return None
    sizes = [size for size in shape[:-1] if size != 1]
    if len(sizes) != 2 or sizes[1] != channels:
        return None
    kernel = np.asarray(variable, np.float32).reshape(*sizes, shape[-1])
    return kernel if np.isfinite(kernel).all() else None
