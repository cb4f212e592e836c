"""The formulas of named scores: reference and mutant ``[n, *output]`` to ``[n, *score]``.

Every score is a TensorFlow tensor, and exactly 0 where the mutant equals the reference.
"""

from __future__ import annotations

from math import log
from typing import Any

from ismc.errors import InputError
from ismc.scores.reducers import shape_of

MAX_ROUNDING = 1e-5  # relative to the reference: how far rounding may move an output below 0


def difference(reference: Any, mutant: Any) -> Any:
    """``m - r``: ``[*output]``.

    The standard score of in-silico mutagenesis, positive where the mutation raises the output;
    CREsted's ``mutagenesis`` returns it for one class.
    """
    return mutant - reference


def log2_ratio(reference: Any, mutant: Any, pseudocount: float = 1e-6) -> Any:
    """``log2((m + pseudocount) / (r + pseudocount))``: ``[*output]``, for outputs of at least 0.

    The log2 fold change of predicted coverage or expression. The pseudocount bounds it where an
    output is about 0. There float32 outputs contain rounding errors of about 1e-7; a pseudocount of
    1e-6 keeps them from looking like fold changes, and hardly affects outputs above 1e-4. Use a
    larger one for outputs in the hundreds. An output that only rounding makes negative counts as 0;
    a truly negative output gives NaN.

    Raises:
        InputError: when the pseudocount is not positive.
    """
    import tensorflow as tf

    if not pseudocount > 0:
        raise InputError(f"pseudocount is {pseudocount}, expected a number above 0.")
    bound = -MAX_ROUNDING * tf.abs(reference)
    mutant = tf.where((mutant < 0) & (mutant >= bound), tf.zeros_like(mutant), mutant)
    return tf.math.log((mutant + pseudocount) / (reference + pseudocount)) / log(2.0)


def l2(reference: Any, mutant: Any) -> Any:
    """``sqrt(sum (m - r)^2)`` over all numbers of an output: ``[]``.

    The Euclidean distance between the outputs for reference and mutant, for outputs of any shape.
    """
    import tensorflow as tf

    return tf.sqrt(tf.reduce_sum((mutant - reference) ** 2, list(range(1, mutant.shape.rank))))


def counts(reference: Any, mutant: Any) -> Any:
    """``sum (m - r)`` over the last axis of a head ``[n, T]`` of log counts: ``[]``.

    The counts heads of ChromBPNet and BPNet predict the natural logarithm of (1 +) the counts, so
    this is their natural-log fold change. ChromBPNet's own contributions also sum the head.

    Raises:
        InputError: when the output does not have the shape ``[n, T]``.
    """
    import tensorflow as tf

    if mutant.shape.rank != 2:
        raise InputError(
            f"The score counts takes a head [n, T] of log counts, found {shape_of(mutant)}.",
            hint="Choose the counts head with outputs=.",
        )
    return tf.reduce_sum(mutant - reference, 1)


def profile(reference: Any, mutant: Any, normalised: bool = False) -> Any:
    """``sum softmax(r) (m - r)`` over positions: ``[]`` for ``[n, L]``, ``[T]`` for ``[n, L, T]``.

    The change of profile logits, weighted by the predicted profile of the sequence, as in the
    profile contributions of BPNet and ChromBPNet. These first subtract the mean over positions from
    all logits, so that a constant added to the logits has no effect; so does ``normalised=True``.

    Raises:
        InputError: when the output has another rank.
    """
    import tensorflow as tf

    _check_profile("profile", mutant)
    change = mutant - reference
    if normalised:
        change -= tf.reduce_mean(change, 1, keepdims=True)
    return tf.reduce_sum(tf.nn.softmax(reference, 1) * change, 1)


def jensen_shannon(reference: Any, mutant: Any) -> Any:
    """``sqrt(JSD(softmax(r), softmax(m)))`` over positions, in base 2, from 0 to 1.

    ``[]`` for logits ``[n, L]``, ``[T]`` for ``[n, L, T]``: the Jensen-Shannon distance of
    ``scipy.spatial.distance.jensenshannon(p, q, base=2)``. ChromBPNet's variant scores use base e.

    With ``u = log q - log p`` and ``t = tanh(u / 2)`` the divergence is the mean, weighted by
    ``(p + q) / 2``, of ``h = (1 + t) log(1 + t) + (1 - t) log(1 - t) = t u + log(1 - t^2)``. No
    ``h`` is negative, whereas the terms of the textbook formula nearly cancel for mutations with
    small effects, which leaves an error of 3e-4 in float32.

    Raises:
        InputError: when the output has another rank.
    """
    import tensorflow as tf

    _check_profile("jensen_shannon", mutant)
    before, after = (tf.nn.log_softmax(y, 1) for y in (reference, mutant))
    u = after - before
    t, size = tf.tanh(u / 2), tf.abs(u)
    small = t * u + tf.math.log1p(-t * t)
    large = size * (tf.abs(t) - 1) + 2 * log(2.0) - 2 * tf.math.log1p(tf.exp(-size))
    terms = (tf.exp(before) + tf.exp(after)) / 2 * tf.where(size < 1, small, large)
    return tf.sqrt(tf.reduce_sum(terms, 1) / (2 * log(2.0)))


def _check_profile(name: str, output: Any) -> None:
    if output.shape.rank not in (2, 3):
        raise InputError(
            f"The score {name} takes profile logits [n, L] or [n, L, T], found {shape_of(output)}.",
            hint="Choose the profile with outputs=.",
        )
