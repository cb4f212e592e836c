"""Recurrent layers step by step, from the first position that a mutation reaches.

Formulas: Keras 3, LSTM (gates i, f, c, o), GRU (gates z, r, h; both forms of the reset) and
SimpleRNN. States are ``[.., S * U]``: the output ``h``, followed for an LSTM by the cell state.

Each step looks up the input of the next step. A look-up inside of the functions of the gates would
keep XLA from vectorizing them, which takes three times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import tensorflow as tf

from ismc.runtime.pointwise import ACTIVATIONS
from ismc.runtime.positions import per_mutant
from ismc.runtime.traits import reduces
from ismc.runtime.types import Tensor, Weights

Cell = Callable[[Tensor, Tensor], Tensor]


@reduces
def recurrent_states(
    x: Tensor, w: Weights, *, cell: str, functions: tuple[str, str], after: bool, backwards: bool
) -> Tensor:
    """The states after every position of ``[B, L, C]``, from zeros: ``[B, L, S * U]``."""
    step = _cell(w, cell, functions, after)
    inputs = tf.transpose(_project(x, w, after), [1, 0, 2])
    units = w["recurrent_kernel"].shape[0] * (2 if cell == "LSTM" else 1)
    zero = tf.zeros([x.shape[0], units], x.dtype)
    array, last = tf.TensorArray(x.dtype, x.shape[1], element_shape=zero.shape), x.shape[1] - 1

    def at(i: Tensor) -> Tensor:
        return tf.clip_by_value(last - i if backwards else i, 0, last)

    def body(i: Tensor, state: Tensor, states: tf.TensorArray, z: Tensor) -> tuple:
        state = step(z, state)
        return i + 1, state, states.write(at(i), state), inputs[at(i + 1)]

    start = tf.constant(0)
    result = tf.while_loop(lambda i, *_: i <= last, body, (start, zero, array, inputs[at(start)]))
    return tf.transpose(result[2].stack(), [1, 0, 2])


@reduces
def recurrent_output(
    _: Tensor, states: Tensor, *, units: int, backwards: bool, sequences: bool
) -> Tensor:
    """The output of the layer: ``h`` at every position, or after the last step."""
    h = states[:, :, :units]
    return h if sequences else h[:, 0 if backwards else -1]


@reduces
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
    """The output for mutants: steps begin at the first position changed in the tile.

    Args:
        states: ``[B, L, S * U]`` the states of the reference.
        x: ``[B, L, C]`` the reference of the layer's input.
        d: ``[N, W, C]`` its difference.
        starts: ``int32[M]`` first positions of the differences.
        w: the weights of the layer.
        cell: ``"LSTM"``, ``"GRU"`` or ``"SimpleRNN"``.
        functions: names of the activation and the recurrent activation.
        after: whether a GRU resets after the product.
        backwards: whether the layer runs from the last position to the first.
        sequences: whether the output is ``h`` at every position, ``[N, L, U]``, or ``[N, U]``.
    """
    count, length, width = d.shape[0], x.shape[1], d.shape[1]
    units = w["recurrent_kernel"].shape[0]
    step = _cell(w, cell, functions, after)
    reference = tf.transpose(_project(x, w, after), [1, 0, 2])
    change = tf.tensordot(d, w["kernel"], 1)
    span_starts = tf.tile(starts, [count // starts.shape[0]])
    edge = tf.zeros([states.shape[0], 1, states.shape[2]], states.dtype)
    reference_states = tf.transpose(tf.concat([edge, states, edge], 1), [1, 0, 2])
    if backwards:
        first = tf.clip_by_value(tf.reduce_max(starts) + width - 1, -1, length - 1)
        steps, initial = first + 1, reference_states[first + 2]
    else:
        first = tf.clip_by_value(tf.reduce_min(starts), 0, length)
        steps, initial = length - first, reference_states[first]
    changing = tf.minimum(tf.reduce_max(starts) - tf.reduce_min(starts) + width, steps)
    array = tf.TensorArray(x.dtype, length if sequences else 1, element_shape=[count, units])
    if sequences:
        h = tf.transpose(states[:, :, :units], [1, 0, 2])
        array = array.unstack(tf.vectorized_map(lambda row: per_mutant(row, count), h))

    def difference_at(p: Tensor) -> Tensor:
        """The difference at a position: ``[N, G * U]``."""
        inside = (p >= span_starts) & (p < span_starts + width)
        at = tf.clip_by_value(p - span_starts, 0, width - 1)
        d = change[:, 0] if width == 1 else tf.gather(change, at, axis=1, batch_dims=1)
        return tf.where(inside[:, None], d, 0.0)

    def inputs(i: Tensor, changes: bool) -> Tensor:
        """The input's part of the gates at a step, ``[N, G * U]``, or that of the reference."""
        p = tf.clip_by_value(first - i if backwards else first + i, 0, length - 1)
        return per_mutant(reference[p], count) + difference_at(p) if changes else reference[p]

    def body(i: Tensor, state: Tensor, outputs: tf.TensorArray, z: Tensor, changes: bool) -> tuple:
        p = first - i if backwards else first + i
        state = step(per_mutant(z, count), state)
        outputs = outputs.write(p, state[:, :units]) if sequences else outputs
        return i + 1, state, outputs, inputs(i + 1, changes)

    result = (tf.constant(0), per_mutant(initial, count), array)
    for end, changes in ((changing, True), (steps, False)):
        result = tf.while_loop(
            lambda i, *_, end=end: i < end,
            partial(body, changes=changes),
            (*result[:3], inputs(result[0], changes)),
        )
    if sequences:
        return tf.transpose(result[2].stack(), [1, 0, 2])
    return result[1][:, :units]


def _project(x: Tensor, w: Weights, after: bool) -> Tensor:
    """The input's part of every gate."""
    z = tf.tensordot(x, w["kernel"], 1)
    if "bias" not in w:
        return z
    return z + (w["bias"][0] if after else w["bias"])


def _cell(w: Weights, cell: str, functions: tuple[str, str], after: bool) -> Cell:
    """The step function, from gate inputs ``[N, G * U]`` and a state to the next state."""
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
            z, r = map(gate, tf.split(x_gates + inner[:, : 2 * units], 2, 1))
            new = act(x_new + r * inner[:, 2 * units :])
        else:
            z, r = map(gate, tf.split(x_gates + h @ kernel[:, : 2 * units], 2, 1))
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
