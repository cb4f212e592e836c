"""Recurrent layers step by step, from the first position that a mutation reaches.

Formulas: Keras 3, LSTM (gates i, f, c, o), GRU (gates z, r, h; both forms of the reset) and
SimpleRNN. States are ``[.., S * U]``: the output ``h``, and for an LSTM the cell state beside it.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from ismc.runtime.pointwise import ACTIVATIONS
from ismc.runtime.positions import per_mutant
from ismc.runtime.types import Tensor, Weights

Cell = Callable[[Tensor, Tensor], Tensor]


def recurrent_states(
    x: Tensor, w: Weights, *, cell: str, functions: tuple[str, str], after: bool, backwards: bool
) -> Tensor:
    """The states after every position of ``[B, L, C]``, from zeros: ``[B, L, S * U]``."""
    step = _cell(w, cell, functions, after)
    inputs = tf.transpose(_project(x, w, after), [1, 0, 2])
    units = w["recurrent_kernel"].shape[0] * (2 if cell == "LSTM" else 1)
    zero = tf.zeros([x.shape[0], units], x.dtype)
    array = tf.TensorArray(x.dtype, x.shape[1], element_shape=zero.shape)

    def body(i: Tensor, state: Tensor, made: tf.TensorArray) -> tuple:
        p = x.shape[1] - 1 - i if backwards else i
        state = step(inputs[p], state)
        return i + 1, state, made.write(p, state)

    done = tf.while_loop(lambda i, *_: i < x.shape[1], body, (0, zero, array))
    return tf.transpose(done[2].stack(), [1, 0, 2])


def recurrent_output(
    _: Tensor, states: Tensor, *, units: int, backwards: bool, sequences: bool
) -> Tensor:
    """What the layer answers: ``h`` at every position, or after the last one it comes to."""
    h = states[:, :, :units]
    return h if sequences else h[:, 0 if backwards else -1]


def recurrent_stop(
    states: Tensor,
    x: Tensor,
    d: Tensor,
    starts: Tensor,
    w: Weights,
    *,
    cell: str,
    functions: tuple[str, str],
    after: bool,
    backwards: bool,
    sequences: bool,
) -> Tensor:
    """The answer for mutants: steps begin at the first position changed in the tile.

    Args:
        states: ``[B, L, S * U]`` the states of the reference.
        x: ``[B, L, C]`` the reference of the layer's input.
        d: ``[N, W, C]`` its difference.
        starts: ``int32[M]`` where the differences are.
        w: the weights of the layer.
        cell: ``"LSTM"``, ``"GRU"`` or ``"SimpleRNN"``.
        functions: names of the activation and the recurrent activation.
        after: whether a GRU resets after the product.
        backwards: whether it runs from the last position to the first.
        sequences: whether every position's ``h`` is the answer, ``[N, L, U]``, or ``[N, U]``.
    """
    count, length, width = d.shape[0], x.shape[1], d.shape[1]
    units = w["recurrent_kernel"].shape[0]
    step = _cell(w, cell, functions, after)
    reference = tf.transpose(_project(x, w, after), [1, 0, 2])
    change = tf.tensordot(d, w["kernel"], 1)
    there = tf.tile(starts, [count // starts.shape[0]])
    edge = tf.zeros([states.shape[0], 1, states.shape[2]], states.dtype)
    known = tf.transpose(tf.concat([edge, states, edge], 1), [1, 0, 2])
    if backwards:
        first = tf.clip_by_value(tf.reduce_max(starts) + width - 1, -1, length - 1)
        steps, begin = first + 1, known[first + 2]
    else:
        first = tf.clip_by_value(tf.reduce_min(starts), 0, length)
        steps, begin = length - first, known[first]
    array = tf.TensorArray(x.dtype, length if sequences else 1, element_shape=[count, units])
    if sequences:
        h = tf.transpose(states[:, :, :units], [1, 0, 2])
        array = array.unstack(tf.vectorized_map(lambda row: per_mutant(row, count), h))

    def body(i: Tensor, state: Tensor, made: tf.TensorArray) -> tuple:
        p = first - i if backwards else first + i
        inside = (p >= there) & (p < there + width)
        moved = tf.gather(change, tf.clip_by_value(p - there, 0, width - 1), axis=1, batch_dims=1)
        z = per_mutant(reference[p], count) + tf.where(inside[:, None], moved, 0.0)
        state = step(z, state)
        return i + 1, state, made.write(p, state[:, :units]) if sequences else made

    start = (0, per_mutant(begin, count), array)
    done = tf.while_loop(lambda i, *_: i < steps, body, start)
    if sequences:
        return tf.transpose(done[2].stack(), [1, 0, 2])
    return done[1][:, :units]


def _project(x: Tensor, w: Weights, after: bool) -> Tensor:
    """The part of every gate that comes from the input."""
    z = tf.tensordot(x, w["kernel"], 1)
    if "bias" not in w:
        return z
    return z + (w["bias"][0] if after else w["bias"])


def _cell(w: Weights, cell: str, functions: tuple[str, str], after: bool) -> Cell:
    """One step: the input's part of the gates ``[N, G * U]`` and the state to the next state."""
    act, gate = (FUNCTIONS[name] for name in functions)
    kernel = w["recurrent_kernel"]
    units = kernel.shape[0]

    def lstm(z: Tensor, state: Tensor) -> Tensor:
        h, c = state[:, :units], state[:, units:]
        i, f, new, o = tf.split(z + h @ kernel, 4, 1)
        c = gate(f) * c + gate(i) * act(new)
        return tf.concat([gate(o) * act(c), c], 1)

    def gru(x: Tensor, h: Tensor) -> Tensor:
        x_gates, x_new = x[:, : 2 * units], x[:, 2 * units :]
        if after:
            inner = h @ kernel + (w["bias"][1] if "bias" in w else 0.0)
            z, r = tf.split(gate(x_gates + inner[:, : 2 * units]), 2, 1)
            new = act(x_new + r * inner[:, 2 * units :])
        else:
            z, r = tf.split(gate(x_gates + h @ kernel[:, : 2 * units]), 2, 1)
            new = act(x_new + (r * h) @ kernel[:, 2 * units :])
        return z * h + (1.0 - z) * new

    def simple(z: Tensor, h: Tensor) -> Tensor:
        return act(z + h @ kernel)

    return {"LSTM": lstm, "GRU": gru, "SimpleRNN": simple}[cell]


def _linear(x: Tensor) -> Tensor:
    return x


def _hard_sigmoid(x: Tensor) -> Tensor:
    return tf.nn.relu6(x + 3.0) / 6.0


FUNCTIONS = {**ACTIVATIONS, "linear": _linear, "hard_sigmoid": _hard_sigmoid}
