"""Verification with weights that hide nothing.

A residual branch that ends in a kernel of zeros, or in a scale of zero, adds nothing yet: whatever
a program makes of it, the answers are right, until the model is trained. So a program is also
compared at other weights, in which those that are constant, tiny or mostly zero are small random
numbers. The user's model is not touched: programs take weights as arguments, and Keras computes a
model with other weights than its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import tensorflow as tf

from ismc.errors import VerificationError
from ismc.execution.module import Run
from ismc.execution.substitutions import Substitutions
from ismc.execution.tiling import Arrangement
from ismc.execution.weights import Bound, as_tf_variable
from ismc.frontend import answers
from ismc.ism.compiled import CompiledISM
from ismc.ism.naive import NaiveISM

Array = np.ndarray
Given = Mapping[str, Mapping[str, Any]]

TINY = 1e-3  # below that, a weight hides what it multiplies
SMALL = (0.05, 0.15)
SEED = 0


def verify_revealed(
    compiled: CompiledISM, program: Any, compare: Callable[[CompiledISM, Any], None]
) -> CompiledISM:
    """Compares a program at weights that hide nothing, if its own may hide something.

    Args:
        compiled: what was verified with its own weights.
        program: its program.
        compare: raises where the two do not agree; see `ismc.verification.verify.verify`.

    Returns:
        The same; where it is right for its own weights alone, with a warning, and bound to them:
        it refuses to answer once they have changed.
    """
    hidden = [v for _, _, v in compiled.variables if hides(np.asarray(as_tf_variable(v)))]
    if not hidden:
        return compiled
    other = revealed(compiled, hidden)
    try:
        compare(other, program)
        return compiled
    except VerificationError as found:
        error = found
    except ValueError as found:  # layers of `tf_keras` are not run with other weights than theirs
        if not other.is_lowered:
            return compiled
        error = VerificationError(
            f"The compiled program is wrong for other weights ({found}).",
            hint="Compile with stop_at= the first layer whose rule may be wrong.",
        )
    text = (
        "With the weights as they are the answers are right, but with others they are not, so "
        f"they are refused once the model is trained. {error}"
    )
    warnings.warn(text, RuntimeWarning, stacklevel=3)
    kept = tuple((v, np.asarray(as_tf_variable(v)).copy()) for v in hidden)
    return replace(compiled, bound=Bound(kept, error))


def hides(weight: Array) -> bool:
    """Whether a weight may hide what it multiplies, or that it is added.

    >>> hides(np.zeros((3, 4))), hides(np.ones(4)), hides(np.array(0.5)), hides(np.arange(4.0))
    (True, True, False, False)
    """
    if weight.dtype.kind != "f" or not weight.size:
        return False
    if float(np.abs(weight).max()) <= TINY or (weight.size > 1 and float(np.ptp(weight)) == 0.0):
        return True
    return weight.ndim > 1 and 2 * int(np.count_nonzero(weight)) <= weight.size


def shown(weight: Array, rng: np.random.Generator) -> Array:
    """A weight in the place of one that hides: small numbers, and constants a little apart.

    Numbers that were positive, such as variances, stay so.
    """
    small = rng.uniform(*SMALL, weight.shape)
    apart = weight * (1.0 + small)
    return np.where(np.abs(weight) <= TINY, small, apart).astype(weight.dtype)


def revealed(compiled: CompiledISM, hidden: Sequence[Any]) -> RevealedISM:
    """The same programs, with small random numbers in the place of some of the weights."""
    rng, known = np.random.default_rng(SEED), {id(v) for v in hidden}
    given = {
        owner: {
            name: tf.Variable(tf.constant(shown(np.asarray(as_tf_variable(v)), rng)))
            if id(v) in known
            else v
            for name, v in own.items()
        }
        for owner, own in compiled.model.variables.items()
    }
    same = {f.name: getattr(compiled, f.name) for f in fields(compiled) if f.init}
    model = replace(compiled.model, variables=given)
    return RevealedISM(**same | {"model": model, "original": compiled, "hits": None})


@dataclass(repr=False, kw_only=True)
class RevealedISM(CompiledISM):
    """The programs of another, called with weights of its own.

    Attributes:
        original: what has the programs.
    """

    original: CompiledISM

    def oracle(self, sites: Any, score: Any = None, **options: Any) -> NaiveISM:
        """The naive program with these weights, at some sites."""
        found = self.original.oracle(sites, score, **options)
        found.answers = self._true if self._is_stateless else self.evaluate_reference
        return found

    @property
    def _is_stateless(self) -> bool:
        """Whether Keras itself computes the model with other weights: Keras 3 does."""
        return hasattr(self.model.model, "stateless_call")

    @property
    def is_lowered(self) -> bool:
        """Whether all programs take weights as arguments; what is not lowered reads its own."""
        made: list[Any] = [getattr(program, "run", None) for program in self.programs.values()]
        lowered = [run for run in (*made, *self.programs.values()) if hasattr(run, "module")]
        return all(run.module is not None for run in lowered)

    def _true(self, inputs: dict[str, Array]) -> list[Array]:
        """The model's outputs with these weights."""
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        given = {
            owner: {name: tf.convert_to_tensor(as_tf_variable(v)) for name, v in own.items()}
            for owner, own in self.model.variables.items()
        }
        found = answers(self.original.model, self.graph, self.chosen, tensors, given)
        return [np.asarray(y) for y in found]

    def _load(self, letters: Substitutions, batch: int, arrangement: Arrangement) -> Run:
        return self.original.lowered(letters, batch, arrangement)

    def _model(self, batch: int) -> Run:
        return self.original.lowered_model(batch)
