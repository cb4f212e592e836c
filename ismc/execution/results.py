"""What calls return: how results are called and nested, and their shapes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ismc.errors import InputError
from ismc.ir import pytree as nest
from ismc.plan.plan import Plan

Shapes = Sequence[Sequence[int]]


@dataclass(repr=False, kw_only=True)
class Results(ABC):
    """The results of a call, flat and as the user has them.

    Attributes:
        plan: what the compiler decided.
        structure: the nest of output names, as results are returned.
        chosen: the outputs, one per flat result.
        labels: what a user calls each of them.
    """

    plan: Plan
    structure: Any
    chosen: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def output_names(self) -> list[str]:
        """What the outputs are called, in the order of a flat result."""
        return list(self.labels)

    def flat(self, results: Any) -> list[Any]:
        """The results of a call, one per chosen output."""
        flat, names = nest.leaves(results), nest.leaves(self.structure)
        return [flat[names.index(name)] for name in self.chosen]

    def nested_results(self, flat: Sequence[Any]) -> Any:
        """Results, one per chosen output, as calls return them."""
        by_name = dict(zip(self.chosen, flat, strict=True))
        return nest.map_leaves(lambda name: by_name[name], self.structure)

    @abstractmethod
    def shapes(self) -> Shapes:
        """The shapes of what is returned for one mutant."""

    def reference_shapes(self) -> Shapes:
        """The shapes of the model's own outputs for one sequence."""
        return [list(shape) for _, shape in self.plan.outputs]

    @property
    @abstractmethod
    def score_name(self) -> str:
        """The score, spelled in full, or nothing where answers are the model's own outputs."""


def result_shapes(plan: Plan, score: Any, mutants: int = 1) -> list[list[int]]:
    """Shapes of the results of so many mutants, after the score: ``[mutants, ...]`` each."""
    return [[mutants, *shape] for shape in scored_shapes(score, dict(plan.outputs))]


def scored_shapes(score: Any, outputs: Mapping[str, Sequence[int]]) -> list[list[int]]:
    """Shapes of the scores of one mutant, for outputs of these shapes.

    Raises:
        InputError: when a named score does not fit an output; it says which.
    """
    if score is None:
        return [list(shape) for shape in outputs.values()]
    import tensorflow as tf

    traced, found = tf.function(score, autograph=False), []
    for name, shape in outputs.items():
        spec = tf.TensorSpec([2, *shape], tf.float32)
        try:
            made = traced.get_concrete_function(spec, spec)
        except InputError as error:
            told, _, _ = str(error).partition("\nHint: ")
            raise InputError(f"The score does not fit {name!r}: {told}", hint=error.hint) from error
        found.append(list(made.output_shapes[1:]))
    return found
