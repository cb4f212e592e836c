"""The results of calls: their names, nesting and shapes."""

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
    """The results of a call, flat and nested as the user sees them.

    Attributes:
        plan: the compiler's plan.
        structure: the nest of output names, in the form that calls return.
        chosen: the output of each flat result.
        labels: the user's name of each flat result.
    """

    plan: Plan
    structure: Any
    chosen: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs, in the order of a flat result."""
        return list(self.labels)

    def flat(self, results: Any) -> list[Any]:
        """The results of a call as a flat list, one per chosen output."""
        flat, names = nest.leaves(results), nest.leaves(self.structure)
        return [flat[names.index(name)] for name in self.chosen]

    def nested_results(self, flat: Sequence[Any]) -> Any:
        """A flat list of results, one per chosen output, in the nest that calls return."""
        by_name = dict(zip(self.chosen, flat, strict=True))
        return nest.map_leaves(lambda name: by_name[name], self.structure)

    @abstractmethod
    def shapes(self) -> Shapes:
        """The shape of each result for one mutant."""

    def reference_shapes(self) -> Shapes:
        """The shapes of the model's own outputs for one sequence."""
        return [list(shape) for _, shape in self.plan.outputs]

    @property
    @abstractmethod
    def score_name(self) -> str:
        """The score, with all settings; empty if results are the model's own outputs."""


def result_shapes(plan: Plan, score: Any, mutants: int = 1) -> list[list[int]]:
    """Shapes of the results of some mutants, after the score: ``[mutants, ...]`` each."""
    return [[mutants, *shape] for shape in scored_shapes(score, dict(plan.outputs))]


def scored_shapes(score: Any, outputs: Mapping[str, Sequence[int]]) -> list[list[int]]:
    """Shapes of the scores of one mutant, from the shapes of the outputs.

    Raises:
        InputError: when a named score does not fit an output; the message names the output.
    """
    if score is None:
        return [list(shape) for shape in outputs.values()]
    import tensorflow as tf

    traced, shapes = tf.function(score, autograph=False), []
    for name, shape in outputs.items():
        spec = tf.TensorSpec([2, *shape], tf.float32)
        try:
            concrete = traced.get_concrete_function(spec, spec)
        except InputError as error:
            message, _, _ = str(error).partition("\nHint: ")
            raise InputError(
                f"The score does not fit {name!r}: {message}", hint=error.hint
            ) from error
        shapes.append(list(concrete.output_shapes[1:]))
    return shapes
