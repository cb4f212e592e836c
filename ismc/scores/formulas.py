"""The formulas of named scores: reference and mutant ``[n, *output]`` to ``[n, *score]``.

All are exactly 0 where the mutant equals the reference, and are tensors of TensorFlow.
"""

from __future__ import annotations

from math import log
from typing import Any

from ismc.errors import InputError
from ismc.scores.reducers import shape_of

ROUNDED = 1e-5  # of the reference: how far below 0 rounding may take an output that is 0


def difference(reference: Any, mutant: Any) -> Any:
    """``m - r``: ``[*output]``.

    The plain score of in-silico mutagenesis, above 0 where the mutation raises the output; what
    CREsted's ``mutagenesis`` returns for one class.
    """
    return mutant - reference


def log2_ratio(reference: Any, mutant: Any, pseudocount: float = 1e-6) -> Any:
    """``log2((m + pseudocount) / (r + pseudocount))``: ``[*output]``, of outputs of at least 0.

    The log2 fold change of predicted coverage or expression. The pseudocount bounds it where an
    output is about 0: there float32 outputs hold rounding errors of some 1e-7, and 1e-6 keeps these
    from looking like fold changes, while outputs above 1e-4 are hardly moved. Give a larger one for
    outputs that count in hundreds. What rounding takes below 0 counts as 0; a truly negative output
    gives NaN.

    Raises:
        InputError: when the pseudocount is not above 0.
    """
    import tensorflow as tf

    if not pseudocount > 0:
        raise InputError(f"pseudocount is {pseudocount}, expected a number above 0.")
    low = -ROUNDED * tf.abs(reference)
    mutant = tf.where((mutant < 0) & (mutant >= low), tf.zeros_like(mutant), mutant)
    return tf.math.log((mutant + pseudocount) / (reference + pseudocount)) / log(2.0)


def l2(reference: Any, mutant: Any) -> Any:
    """``sqrt(sum (m - r)^2)`` over all numbers of an output: ``[]``.

    The Euclidean distance by which a mutation moves the whole output, whatever its shape.
    """
    import tensorflow as tf

    return tf.sqrt(tf.reduce_sum((mutant - reference) ** 2, list(range(1, mutant.shape.rank))))


def counts(reference: Any, mutant: Any) -> Any:
    """``sum (m - r)`` over the last axis of a head ``[n, T]`` of log counts: ``[]``.

    ChromBPNet's and BPNet's counts heads predict the natural logarithm of (1 +) the counts, so
    this is their natural-log fold change; ChromBPNet's own contributions sum the head likewise.

    Raises:
        InputError: when the output is no ``[n, T]``.
    """
    import tensorflow as tf

    if mutant.shape.rank != 2:
        raise InputError(
            f"The score counts takes a head [n, T] of log counts, found {shape_of(mutant)}.",
            hint="Choose the counts head with outputs=.",
        )
    return tf.reduce_sum(mutant - reference, 1)


def profile(reference: Any, mutant: Any, normalised: bool = False) -> Any:
    """``sum softmax(r) (m - r)`` over positions: ``[]`` of ``[n, L]``, ``[T]`` of ``[n, L, T]``.

    The change of profile logits, weighted by the predicted profile of the sequence, as BPNet's and
    ChromBPNet's profile contributions weight them. These first take the mean over positions off all
    logits, so that a constant added to them changes nothing: ``normalised=True`` does, too.

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

    ``[]`` of logits ``[n, L]``, ``[T]`` of ``[n, L, T]``: the Jensen-Shannon distance as
    ``scipy.spatial.distance.jensenshannon(p, q, base=2)`` has it (ChromBPNet's variant scores take
    the same with base e).

    With ``u = log q - log p`` and ``t = tanh(u / 2)`` the divergence is the mean, over ``(p + q) /
    2``, of ``h = (1 + t) log(1 + t) + (1 - t) log(1 - t) = t u + log(1 - t^2)``: positive terms
    alone, for the textbook's nearly cancel where mutations change little, and leave 3e-4 in
    float32.

    Raises:
        InputError: when the output has another rank.
    """
    import tensorflow as tf

    _check_profile("jensen_shannon", mutant)
    before, after = (tf.nn.log_softmax(y, 1) for y in (reference, mutant))
    u = after - before
    t, size = tf.tanh(u / 2), tf.abs(u)
    near = t * u + tf.math.log1p(-t * t)
    far = size * (tf.abs(t) - 1) + 2 * log(2.0) - 2 * tf.math.log1p(tf.exp(-size))
    terms = (tf.exp(before) + tf.exp(after)) / 2 * tf.where(size < 1, near, far)
    return tf.sqrt(tf.reduce_sum(terms, 1) / (2 * log(2.0)))


def _check_profile(name: str, output: Any) -> None:
    if output.shape.rank not in (2, 3):
        raise InputError(
            f"The score {name} takes profile logits [n, L] or [n, L, T], found {shape_of(output)}.",
            hint="Choose the profile with outputs=.",
        )
