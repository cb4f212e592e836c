"""The shapes of what a program returns."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ismc.plan import Plan


def result_shapes(plan: Plan, score: Any, mutants: int = 1) -> list[list[int]]:
    """Shapes of the results of so many mutants, after the score: ``[mutants, ...]`` each."""
    shapes = [[mutants, *shape] for _, shape in plan.outputs]
    if score is None:
        return shapes
    found = []
    for shape in shapes:
        spec = tf.TensorSpec([max(shape[0], 1), *shape[1:]], tf.float32)
        traced = tf.function(score).get_concrete_function(spec, spec)
        found.append([mutants, *traced.output_shapes[1:]])
    return found
