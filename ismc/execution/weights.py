"""What holds a model's weights, and what they are now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ismc.errors import VerificationError


def as_tf_variable(variable: Any) -> Any:
    """The variable of TensorFlow in one of Keras, or what there is in its place."""
    return variable.value if isinstance(variable, keras.Variable) else variable


def values(variables: Sequence[Any]) -> list[tf.Tensor]:
    """What variables, of Keras or of TensorFlow, hold at the moment."""
    return [
        tf.raw_ops.ReadVariableOp(resource=v.handle, dtype=v.dtype)  # a fifth of converting it
        if isinstance(v, tf.Variable)
        else tf.convert_to_tensor(v)
        for v in map(as_tf_variable, variables)
    ]


@dataclass(frozen=True)
class Bound:
    """That a program is right for some weights alone.

    Attributes:
        weights: the variables that hide where it is wrong, with what they hold.
        error: what is raised once they hold something else; nothing where it is right for all.
    """

    weights: Sequence[tuple[Any, np.ndarray]] = ()
    error: VerificationError | None = None

    def check(self) -> None:
        """Raises the error if one of the variables has changed."""
        if not all(
            np.array_equal(np.asarray(as_tf_variable(v)), value) for v, value in self.weights
        ):
            self.refuse()

    def refuse(self) -> None:
        """Raises the error, if there is one: what is saved may be given other weights."""
        if self.error is not None:
            raise self.error


UNBOUND = Bound()
