"""Reductions of an output before it is compared: chosen targets, and one number per track."""

from __future__ import annotations

from typing import Any

from ismc.errors import InputError

TRACKS = ("sum", "mean", "max")


def reduce_output(y: Any, targets: tuple[int, ...] | slice | None, track: str | None) -> Any:
    """An output ``[n, *output]`` with the chosen targets, and reduced over its positions.

    Args:
        y: a TensorFlow tensor.
        targets: indices or a slice of the last axis, which remains; all of it if ``None``.
        track: ``"sum"``, ``"mean"`` or ``"max"`` over axis 1 of ``[n, L, T]``.

    Raises:
        InputError: when the output has no such target, or no positions.
    """
    import tensorflow as tf

    if targets is not None:
        y = _select(y, targets)
    if track is None:
        return y
    if y.shape.rank < 3:
        raise InputError(
            f"track={track} reduces the positions of an output [n, L, T], found {shape_of(y)}.",
            hint="Omit track, or choose an output with positions: outputs=.",
        )
    reducers = {"sum": tf.reduce_sum, "mean": tf.reduce_mean, "max": tf.reduce_max}
    return reducers[track](y, 1)


def _select(y: Any, targets: tuple[int, ...] | slice) -> Any:
    import tensorflow as tf

    count = y.shape[-1] if y.shape.rank > 1 else 0
    numbers = range(count)[targets] if isinstance(targets, slice) else targets
    wrong = [i for i in numbers if not -count <= i < count]
    if wrong or not numbers:
        description = f"number {wrong[0]}" if wrong else "none"
        raise InputError(
            f"targets chooses {description} of the {count} targets of an output {shape_of(y)}.",
            hint="Targets are counted along the last axis, from 0; -1 is the last one.",
        )
    if isinstance(targets, slice):
        return y[..., targets]
    return tf.gather(y, [i % count for i in numbers], axis=-1)


def shape_of(y: Any) -> str:
    """The shape of an output for messages: ``[n, 100, 2]``."""
    return f"[{', '.join(['n', *map(str, y.shape[1:])])}]"
