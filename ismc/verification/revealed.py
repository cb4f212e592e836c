"""Verification with other weights, for models whose own weights may hide a fault.

A residual branch that ends in a kernel of zeros, or in a scale of zero, adds nothing. A program may
compute such a branch wrongly and still answer correctly, until the model is trained. Programs are
therefore also compared with other weights: small random numbers replace weights that are constant,
tiny or mostly zero. The user's model is not changed: programs take weights as arguments, and Keras
can evaluate a model with given weights.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import tensorflow as tf

from ismc.artifacts.cache.cached import CachedProgram
from ismc.errors import VerificationError
from ismc.execution.module import Run
from ismc.execution.substitutions import Substitutions
from ismc.execution.tiling import Arrangement
from ismc.execution.weights import Bound, as_tf_variable
from ismc.frontend.evaluate import answers
from ismc.ism.naive import NaiveISM
from ismc.ism.program import CompiledProgram

Array = np.ndarray
Given = Mapping[str, Mapping[str, Any]]

MAX_HIDING = 1e-3  # weights up to this size hide what they multiply
REPLACEMENT_RANGE = (0.05, 0.15)
SEED = 0


def verify_revealed(
    compiled: CompiledProgram, program: Any, compare: Callable[[CompiledProgram, Any], None]
) -> CompiledProgram:
    """Compares a program with other weights, if the model's own weights may hide a fault.

    Args:
        compiled: a compiled program, already verified with the model's own weights.
        program: the same program as the passes describe it.
        compare: raises if a program differs from the model, as
            `ismc.verification.verify.verify_program` does.

    Returns:
        ``compiled``. If it is right only for the model's present weights, a warning is issued and
        it is bound to them: it raises once they change.
    """
    hidden = [v for _, _, v in compiled.variables if hides(np.asarray(as_tf_variable(v)))]
    if not hidden:
        return compiled
    other = reveal(compiled, hidden)
    try:
        compare(other, program)
        return compiled
    except VerificationError as cause:
        error = cause
    except ValueError as cause:  # layers of `tf_keras` only run with their own weights
        if not other.is_lowered:
            return compiled
        error = VerificationError(
            f"The compiled program is wrong for other weights ({cause}).",
            hint="Compile with stop_at= the first layer whose rule may be wrong.",
        )
    text = (
        "The answers are right with the present weights but wrong with others, so calls are "
        f"refused once the model is trained. {error}"
    )
    warnings.warn(text, RuntimeWarning, stacklevel=3)
    values = tuple((v, np.asarray(as_tf_variable(v)).copy()) for v in hidden)
    return replace(compiled, bound=Bound(values, error))


def hides(weight: Array) -> bool:
    """Whether a weight may hide a fault in what it multiplies or in its addition.

    >>> hides(np.zeros((3, 4))), hides(np.ones(4)), hides(np.array(0.5)), hides(np.arange(4.0))
    (True, True, False, False)
    """
    if weight.dtype.kind != "f" or not weight.size:
        return False
    if float(np.abs(weight).max()) <= MAX_HIDING or (
        weight.size > 1 and float(np.ptp(weight)) == 0.0
    ):
        return True
    return weight.ndim > 1 and 2 * int(np.count_nonzero(weight)) <= weight.size


def reveal_weight(weight: Array, rng: np.random.Generator) -> Array:
    """A replacement for a weight that hides: small random numbers, and constants slightly varied.

    Positive numbers, such as variances, stay positive.
    """
    small = rng.uniform(*REPLACEMENT_RANGE, weight.shape)
    varied = weight * (1.0 + small)
    return np.where(np.abs(weight) <= MAX_HIDING, small, varied).astype(weight.dtype)


def reveal(compiled: CompiledProgram, hidden: Sequence[Any]) -> RevealedProgram:
    """The same programs with small random numbers instead of the hidden weights."""
    rng, known = np.random.default_rng(SEED), {id(v) for v in hidden}
    variables = {
        owner: {
            name: tf.Variable(tf.constant(reveal_weight(np.asarray(as_tf_variable(v)), rng)))
            if id(v) in known
            else v
            for name, v in weights.items()
        }
        for owner, weights in compiled.model.variables.items()
    }
    same = {f.name: getattr(compiled, f.name) for f in fields(compiled) if f.init}
    model = replace(compiled.model, variables=variables)
    return RevealedProgram(**same | {"model": model, "original": compiled, "hits": None})


@dataclass(repr=False, kw_only=True)
class RevealedProgram(CompiledProgram):
    """The programs of a `CompiledProgram`, called with other weights.

    Attributes:
        original: the `CompiledProgram`.
    """

    original: CompiledProgram

    def oracle(self, sites: Any, score: Any = None, **options: Any) -> NaiveISM:
        """The naive program with these weights, at these sites."""
        naive = self.original.oracle(sites, score, **options)
        naive.answers = self._model_answers if self._is_stateless else self.evaluate_reference
        return naive

    @property
    def _is_stateless(self) -> bool:
        """Whether Keras can evaluate the model with given weights, as Keras 3 can."""
        return hasattr(self.model.model, "stateless_call")

    @property
    def is_lowered(self) -> bool:
        """Whether all programs take weights as arguments; others read the model's variables."""
        runs = [program.run for program in self.programs.values()]
        return all(run.module is not None for run in runs if isinstance(run, CachedProgram))

    def _model_answers(self, inputs: dict[str, Array]) -> list[Array]:
        """The model's outputs with these weights."""
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        weights = {
            owner: {name: tf.convert_to_tensor(as_tf_variable(v)) for name, v in variables.items()}
            for owner, variables in self.model.variables.items()
        }
        outputs = answers(self.original.model, self.graph, self.chosen, tensors, weights)
        return [np.asarray(y) for y in outputs]

    def _load(self, letters: Substitutions, batch: int, arrangement: Arrangement) -> Run:
        return self.original.lowered(letters, batch, arrangement)

    def _model(self, batch: int) -> Run:
        return self.original.lowered_model(batch)
