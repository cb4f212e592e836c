"""How far rounding of a model's outputs moves its scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ismc.ism.checking.tolerance import ROUNDING

Array = np.ndarray


def rounding_sensitivity(score: Any) -> Any:
    """A function ``(reference, mutant)``: how far rounding of the outputs moves the score."""

    def sensitivity(reference: tf.Tensor, mutant: tf.Tensor) -> tf.Tensor:
        step, exact = ROUNDING * tf.reduce_max(tf.abs(reference)), score(reference, mutant)
        ends = tf.stack([tf.abs(score(reference, mutant + off) - exact) for off in (step, -step)])
        return tf.reduce_max(tf.where(tf.math.is_finite(ends), ends, tf.zeros_like(ends)), 0)

    return sensitivity


def over_letters(compiled: Any, sensitivities: list[Array]) -> list[Array]:
    """Twice the maximum over a site's letters, if the score compares them; else unchanged."""
    if compiled.compares_letters:
        return [np.broadcast_to(2 * y.max(2, keepdims=True), y.shape) for y in sensitivities]
    return sensitivities
