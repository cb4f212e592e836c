"""What holds a model's weights, and what they are now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


def held(variable: Any) -> Any:
    """The variable of TensorFlow in one of Keras, or what there is in its place."""
    return variable.value if isinstance(variable, keras.Variable) else variable


def values(variables: Sequence[Any]) -> list[tf.Tensor]:
    """What variables, of Keras or of TensorFlow, hold at the moment."""
    return [
        tf.raw_ops.ReadVariableOp(resource=v.handle, dtype=v.dtype)  # a fifth of converting it
        if isinstance(v, tf.Variable)
        else tf.convert_to_tensor(v)
        for v in map(held, variables)
    ]
