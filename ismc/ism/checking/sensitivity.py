"""How far scores move where the outputs they are computed from are rounded otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ismc.ism.checking.tolerance import ROUNDING

Array = np.ndarray


def rounding_sensitivity(score: Any) -> Any:
    """How far a score moves where the outputs are rounded otherwise, as a score."""

    def most(reference: tf.Tensor, mutant: tf.Tensor) -> tf.Tensor:
        step, own = ROUNDING * tf.reduce_max(tf.abs(reference)), score(reference, mutant)
        ends = tf.stack([tf.abs(score(reference, mutant + off) - own) for off in (step, -step)])
        return tf.reduce_max(tf.where(tf.math.is_finite(ends), ends, tf.zeros_like(ends)), 0)

    return most


def over_letters(compiled: Any, found: list[Array]) -> list[Array]:
    """The same of all letters of a site, where the score compares them: each moves the others."""
    if compiled.compares_letters:
        return [np.broadcast_to(2 * y.max(2, keepdims=True), y.shape) for y in found]
    return found
