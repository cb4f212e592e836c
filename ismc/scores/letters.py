"""The part of scores that compares the letters of a site, and the reference letter of each site."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ismc.errors import InputError

Array = np.ndarray
Sites = Sequence[tuple[int, int]]


def centred(scores: Any, present: Any) -> Any:
    """``d - mean d`` over all letters of a site, for scores ``[B, S, C, *score]``.

    The reference letter counts with ``d = 0``. The scores of a site sum to 0, as is usual for
    hypothetical contributions from in-silico mutagenesis in TF-MoDISco.
    """
    import tensorflow as tf

    del present
    return scores - tf.reduce_mean(scores, 2, keepdims=True)


def centred_alternatives(scores: Any, present: Any) -> Any:
    """``d - mean d`` over the alternative letters of a site: three, or four for N.

    The reference letter, with ``d = 0``, gets minus the mean effect of replacing it.
    """
    import tensorflow as tf

    alternatives = _expand(1 - present, scores)
    total = tf.reduce_sum(scores * alternatives, 2, keepdims=True)
    return scores - total / tf.maximum(tf.reduce_sum(alternatives, 2, keepdims=True), 1)


def apply_across(
    score: Any, answers: Sequence[Any], x: Any, spans: Any, width: int, alternatives_only: bool
) -> list[Any]:
    """The answers for all letters of all sites, after the part of a score that compares letters.

    Args:
        score: a `Score`, another function, or ``None``.
        answers: ``[B, S, C, *score]`` each, TensorFlow tensors.
        x: the sequences, ``[B, L, C]``, a tensor.
        spans: ``int32[S, 2]``, the start and stop of each site.
        width: the width of the widest site.
        alternatives_only: whether the reference letter's answer comes from the reference alone.
    """
    import tensorflow as tf

    across = part_across(score)
    zero = getattr(score, "zero", False) and not alternatives_only
    if across is None and not zero:
        return list(answers)
    same = tf.reduce_all(x[:, :, None] == tf.eye(x.shape[2]), 3)
    places = tf.minimum(spans[:, :1] + tf.range(width), spans[:, 1:] - 1)
    is_reference = tf.reduce_all(tf.gather(same, places, axis=1), 2)
    results = []
    for y in answers:
        y = tf.where(_expand(is_reference, y), tf.zeros_like(y), y) if zero else y
        results.append(across(y, tf.cast(is_reference, y.dtype)) if across else y)
    return results


def present(x: Array, sites: Sites) -> Array:
    """The letter that fills each site: ``float32[B, S, C]`` of 1 and 0, from ``[B, L, C]``."""
    same = (x[:, :, None] == np.eye(x.shape[2], dtype=x.dtype)).all(3)
    return same[:, _places(sites)].all(2).astype(np.float32)


def part_across(score: Any) -> Any:
    """The part of a score that compares letters, or ``None``; plain functions have no such part."""
    return getattr(score, "across", None)


def needs_every_letter(name: str) -> InputError:
    """The error for a score that compares letters when a single block is substituted."""
    return InputError(
        f"The score {name} compares all letters of a site, so it is undefined for a single "
        "substituted block.",
        hint="Call saturate(x), or compile with another score, such as 'difference'.",
    )


def _places(sites: Sites) -> Array:
    """The positions of each site, padded with its last one to the widest site: ``[S, W]``."""
    starts, stops = np.asarray(sites, np.int32).T[:, :, None]
    return np.minimum(starts + np.arange((stops - starts).max(), dtype=np.int32), stops - 1)


def _expand(values: Any, y: Any) -> Any:
    """``[B, S, C]`` with trailing axes of length one, up to the rank of ``y``."""
    import tensorflow as tf

    return tf.reshape(values, [*values.shape, *[1] * (y.shape.rank - 3)])
