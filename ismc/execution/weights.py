"""Access to a model's weights as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ismc.errors import VerificationError


def as_tf_variable(variable: Any) -> Any:
    """The TensorFlow variable inside a Keras variable; any other value is returned unchanged."""
    return variable.value if isinstance(variable, keras.Variable) else variable


def values(variables: Sequence[Any]) -> list[tf.Tensor]:
    """The current values of variables of Keras or TensorFlow."""
    return [
        tf.raw_ops.ReadVariableOp(
            resource=variable.handle, dtype=variable.dtype
        )  # five times as fast as tf.convert_to_tensor
        if isinstance(variable, tf.Variable)
        else tf.convert_to_tensor(variable)
        for variable in map(as_tf_variable, variables)
    ]


@dataclass(frozen=True)
class Bound:
    """The weights for which a program is known to be correct.

    Attributes:
        weights: the variables whose values hide an error of the program, with those values.
        error: the error to raise once a value changes; ``None`` if the program is correct for all
            weights.
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
        """Raises the error, if any: a saved program may receive other weights."""
        if self.error is not None:
            raise self.error


UNBOUND = Bound()
