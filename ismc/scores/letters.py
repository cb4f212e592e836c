"""What scores do across the letters of a site, and which of these is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ismc.errors import InputError

Array = np.ndarray
Sites = Sequence[tuple[int, int]]


def centred(scores: Any, present: Any) -> Any:
    """``d - mean d`` over all letters of a site, of scores ``[B, S, C, *score]``.

    The letter that is there counts with ``d = 0``. They sum to 0 at each site, as those who give
    in-silico mutagenesis to TF-MoDISco as hypothetical contributions want them.
    """
    import tensorflow as tf

    del present
    return scores - tf.reduce_mean(scores, 2, keepdims=True)


def centred_alternatives(scores: Any, present: Any) -> Any:
    """``d - mean d`` over the letters of a site that are not there: three, or four of N.

    The letter that is there, with ``d = 0``, gets minus the mean effect of replacing it.
    """
    import tensorflow as tf

    others = _beside(1 - present, scores)
    total = tf.reduce_sum(scores * others, 2, keepdims=True)
    return scores - total / tf.maximum(tf.reduce_sum(others, 2, keepdims=True), 1)


def finished(
    score: Any, answers: Sequence[Any], x: Any, spans: Any, width: int, alternatives_only: bool
) -> list[Any]:
    """The answers for all letters of all sites, after what a score does across them.

    Args:
        score: a `Score`, another function, or ``None``.
        answers: ``[B, S, C, *score]`` each, tensors of TensorFlow.
        x: ``[B, L, C]`` sequences, a tensor.
        spans: ``int32[S, 2]``, the first position of each site and the one after its last.
        width: of the widest site.
        alternatives_only: whether the letter that is there was answered for by the reference alone.
    """
    import tensorflow as tf

    across = part_across(score)
    exact = getattr(score, "zero", False) and not alternatives_only
    if across is None and not exact:
        return list(answers)
    same = tf.reduce_all(x[:, :, None] == tf.eye(x.shape[2]), 3)
    places = tf.minimum(spans[:, :1] + tf.range(width), spans[:, 1:] - 1)
    there = tf.reduce_all(tf.gather(same, places, axis=1), 2)
    found = []
    for y in answers:
        y = tf.where(_beside(there, y), tf.zeros_like(y), y) if exact else y
        found.append(across(y, tf.cast(there, y.dtype)) if across else y)
    return found


def present(x: Array, sites: Sites) -> Array:
    """Which letter fills each site: ``float32[B, S, C]`` of sequences ``[B, L, C]``, 1 or 0."""
    same = (x[:, :, None] == np.eye(x.shape[2], dtype=x.dtype)).all(3)
    return same[:, _places(sites)].all(2).astype(np.float32)


def part_across(score: Any) -> Any:
    """What a score does across letters, or ``None``; a plain function does nothing."""
    return getattr(score, "across", None)


def needs_every_letter(name: str) -> InputError:
    """What is said where one block is written and the score compares letters."""
    return InputError(
        f"The score {name} compares all letters of a site, so it has no value for one block that "
        "is written.",
        hint="Call saturate(x), or compile with another score, such as 'difference'.",
    )


def _places(sites: Sites) -> Array:
    """The positions of each site, its last one again up to the width of the widest: ``[S, W]``."""
    starts, stops = np.asarray(sites, np.int32).T[:, :, None]
    return np.minimum(starts + np.arange((stops - starts).max(), dtype=np.int32), stops - 1)


def _beside(there: Any, y: Any) -> Any:
    """``[B, S, C]`` with axes of length one, as many as ``y`` has."""
    import tensorflow as tf

    return tf.reshape(there, [*there.shape, *[1] * (y.shape.rank - 3)])
