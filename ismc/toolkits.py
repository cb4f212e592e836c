"""Compiled versions of functions in toolkits built on Keras 3, under the same names."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np

from ismc.errors import InputError
from ismc.execution.tiling import MAX_ANSWER_BYTES, batch_of
from ismc.io.sequences.alphabet import one_hot_of, unknown_letters
from ismc.scores import Score, named

Array = np.ndarray

ATTRIBUTE = "__ismc_mutagenesis__"
"""The attribute of a model that stores its programs, so that they are freed with the model."""


def mutagenesis(
    X: Any,  # noqa: N803  (its name in CREsted)
    model: Any,
    class_index: int | Sequence[int] | None = None,
    batch_size: int = 256,
) -> Array:
    """In-silico mutagenesis with the conventions of CREsted's function of the same name.

    The result for a position and a letter A, C, G or T is the mutant's score minus the sequence's.
    It is 0 for the reference letter; at an N all four letters are mutants. The score of a sequence
    is

    * with a ``class_index``, the model's output for that class;
    * with ``None``, the L2 norm of its outputs over all classes, ``sqrt(sum y^2)``, as in CREsted.
      The result is above 0 where a mutation moves the outputs away from zero.

    Unlike in CREsted, ``class_index`` may be several classes, whose scores are averaged, and ``X``
    may be a single sequence or text. Results are float32.

    The first call compiles the program, which is cached on the model. Changed weights take effect
    without a new compilation.

    Args:
        X: one-hot ``(N, L, 4)`` or ``(L, 4)`` with zeros for N; or a string, or strings of one
            length.
        model: a Keras model with one output ``(N, classes)``.
        class_index: the class or classes to explain; ``None`` for the norm over all classes.
        batch_size: accepted for compatibility and ignored: the plan sets how many mutants are
            computed together.

    Returns:
        ``(N, L, 4)`` float32.

    Raises:
        InputError: when the sequences, the class or the model's output do not fit.
    """
    if batch_size < 1:
        raise InputError(f"batch_size is {batch_size}, expected at least 1.")
    x = _one_hot(X)
    program = _program(model, "norm" if class_index is None else "difference", x)
    (shape,) = program.reference_shapes()[:1]
    if len(program.output_names) != 1 or len(shape) != 1:
        raise InputError(
            f"The model has the outputs {[list(s) for s in program.reference_shapes()]} per "
            "sequence, expected one [classes].",
            hint="For other outputs use ismc.compile(model, score='difference', outputs=...).",
        )
    classes = None if class_index is None else _classes(class_index, shape[0])
    size = batch_of(program.plan, program.shapes(), MAX_ANSWER_BYTES)
    parts = [_scores(program, x[i : i + size], classes) for i in range(0, max(len(x), 1), size)]
    return np.concatenate(parts)


def _scores(program: Any, x: Array, classes: list[int] | None) -> Array:
    """The scores of one batch, ``[b, L, 4]``; classes are selected on the device."""
    import tensorflow as tf

    (scores,) = program.saturated(program.inputs(x))
    if classes is not None:
        scores = tf.reduce_mean(tf.gather(scores, classes, axis=-1), -1)
    return np.asarray(scores)


def _norm(reference: Any, mutant: Any) -> Any:
    """``|m| - |r|``, L2 norms over classes: ``[]`` of outputs ``[n, classes]``."""
    import tensorflow as tf

    return tf.norm(mutant, axis=-1) - tf.norm(reference, axis=-1)


def _program(model: Any, score: str, x: Array) -> Any:
    """The program of a model with a score, compiled at its first use."""
    from ismc.api import compile as compiled
    from ismc.ism.open_length import OpenISM

    known = getattr(model, ATTRIBUTE, None)
    if known is None:
        known = _Programs()
        object.__setattr__(model, ATTRIBUTE, known)
    if score not in known.programs:
        norm = Score("norm", "|m| - |r|, L2 norms over classes", _norm, zero=True)
        known.programs[score] = compiled(model, score=norm if score == "norm" else named(score))
    found = known.programs[score]
    return (found.at(x) if isinstance(found, OpenISM) else found).program


class _Programs:
    """The programs of a model, in an object that Keras does not track."""

    def __init__(self) -> None:
        self.programs: dict[str, Any] = {}


def _classes(index: Any, count: int) -> list[int]:
    indices = [index] if np.ndim(index) == 0 else list(index)
    known = (isinstance(i, Integral) and -count <= int(i) < count for i in indices)
    if not indices or not all(known):
        raise InputError(
            f"class_index is {index!r}, expected one or more of {-count} to {count - 1}.",
            hint="None explains the L2 norm over all classes.",
        )
    return [int(i) % count for i in indices]


def _one_hot(sequences: Any) -> Array:
    """The sequences as ``float32[N, L, 4]``.

    Raises:
        InputError: when a letter is none of ACGTN, or the lengths differ.
    """
    texts = [sequences] if isinstance(sequences, str) else sequences
    if isinstance(texts, list | tuple) and texts and all(isinstance(t, str) for t in texts):
        codes = [text.encode("utf-8") for text in texts]
        for i, code in enumerate(codes):
            if strange := unknown_letters(code):
                raise InputError(
                    f"Sequence {i} has {strange[:1].decode('latin-1')!r}, expected A, C, G, T or N."
                )
            if len(code) != len(codes[0]):
                raise InputError(
                    f"Sequence {i} has {len(code)} letters, expected {len(codes[0])} as the first."
                )
        return one_hot_of(np.frombuffer(b"".join(codes), np.uint8).reshape(len(codes), -1)).astype(
            np.float32
        )
    array = np.asarray(sequences, np.float32)
    return array[None] if array.ndim == 2 else array
