"""Functions that toolkits built on Keras 3 have under the same names, compiled."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np

from ismc.errors import InputError
from ismc.execution.tiling import MAX_ANSWER_BYTES, batch_of
from ismc.io.sequences.alphabet import foreign, one_hot_of
from ismc.scores import Score, named

Array = np.ndarray

ATTRIBUTE = "__ismc_mutagenesis__"
"""Where the programs of a model are: on the model itself, so that they are gone when it is."""


def mutagenesis(
    X: Any,  # noqa: N803  (it is called so there)
    model: Any,
    class_index: int | Sequence[int] | None = None,
    batch_size: int = 256,
) -> Array:
    """In-silico mutagenesis with the conventions of CREsted's function of this name.

    At each position and for each letter A, C, G, T the score is that of the mutant minus that of
    the sequence, so it is 0 at the letter that is there (at N there are four mutants), where the
    score of a sequence is

    * the model's output for a class, with a ``class_index``;
    * the L2 norm of its outputs over all classes, ``sqrt(sum y^2)``, with ``None``. That is what
      CREsted does; it is above 0 where a mutation moves the outputs away from zero.

    Beside what CREsted takes, ``class_index`` may be several classes, whose scores are averaged,
    ``X`` may be one sequence, and text; numbers are float32.

    The program is compiled at the first call and kept as long as the model lives; weights that
    change are seen.

    Args:
        X: ``(N, L, 4)`` or ``(L, 4)`` one-hot, N all zeros; or a string, or several of one length.
        model: a Keras model with one output ``(N, classes)``.
        class_index: of the class that is explained; ``None`` for all of them together.
        batch_size: is accepted, and of no effect: how many mutants go together is planned.

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
            hint="For other outputs use ismc.compile(model, score='difference', outputs=..).",
        )
    classes = None if class_index is None else _classes(class_index, shape[0])
    size = batch_of(program.plan, program.shapes(), MAX_ANSWER_BYTES)
    parts = [_scores(program, x[i : i + size], classes) for i in range(0, max(len(x), 1), size)]
    return np.concatenate(parts)


def _scores(program: Any, x: Array, classes: list[int] | None) -> Array:
    """The scores of some sequences, ``[b, L, 4]``; classes are picked where the answers are."""
    import tensorflow as tf

    (scores,) = program.flat(program.saturate(x))
    if classes is not None:
        scores = tf.reduce_mean(tf.gather(scores, classes, axis=-1), -1)
    return np.asarray(scores)


def _norm(reference: Any, mutant: Any) -> Any:
    """``|m| - |r|``, L2 norms over classes: ``[]`` of outputs ``[n, classes]``."""
    import tensorflow as tf

    return tf.norm(mutant, axis=-1) - tf.norm(reference, axis=-1)


def _program(model: Any, score: str, x: Array) -> Any:
    """The program of a model with a score, compiled when it is first asked for."""
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
    return found.at(x) if isinstance(found, OpenISM) else found


class _Programs:
    """The programs of a model; an object of its own, which Keras does not look into."""

    def __init__(self) -> None:
        self.programs: dict[str, Any] = {}


def _classes(index: Any, count: int) -> list[int]:
    several = [index] if np.ndim(index) == 0 else list(index)
    known = (isinstance(i, Integral) and -count <= int(i) < count for i in several)
    if not several or not all(known):
        raise InputError(
            f"class_index is {index!r}, expected one or more of {-count} to {count - 1}.",
            hint="None explains the L2 norm over all classes.",
        )
    return [int(i) % count for i in several]


def _one_hot(sequences: Any) -> Array:
    """Sequences as ``float32[N, L, 4]``.

    Raises:
        InputError: for other letters than ACGTN, other lengths, or no array of that shape.
    """
    texts = [sequences] if isinstance(sequences, str) else sequences
    if isinstance(texts, list | tuple) and texts and all(isinstance(t, str) for t in texts):
        codes = [text.encode("utf-8") for text in texts]
        for i, code in enumerate(codes):
            if strange := foreign(code):
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
