"""Random functions ``[B, L, C] -> [B, L', C']`` of ``keras.ops`` and of arithmetic and indexing.

A maker draws a function for a length and a channel count, or declines with ``None``. Functions
stay continuous and tame: nothing grows without bound, and no denominator comes near zero.
"""

# ruff: noqa: ARG001  (every function of a menu takes the same arguments)

from __future__ import annotations

from typing import Any

from keras import layers, ops

from tests.generators.draw import MAX_LENGTH, Draw, Function, Maker

POINTWISE: tuple[Function, ...] = (
    lambda t: t * 0.5 + 1,
    lambda t: 1 - t,
    lambda t: -t,
    lambda t: t / 3,
    lambda t: 1 / (1.5 + ops.abs(t)),
    lambda t: t / (1 + ops.abs(t)),
    lambda t: ops.tanh(t) ** 2,
    lambda t: ops.clip(t, -2, 2) ** 2,
    lambda t: ops.square(ops.softsign(t)),
    lambda t: ops.clip(t, -0.5, 0.5),
    lambda t: ops.maximum(t, 0.1),
    lambda t: ops.minimum(0.5, t),
    lambda t: ops.exp(ops.tanh(t)),
    lambda t: ops.exp(-ops.square(t)),
    lambda t: layers.Activation("exponential")(layers.Activation("tanh")(t)),
    lambda t: ops.sqrt(ops.abs(t) + 0.2),
    lambda t: ops.rsqrt(ops.square(t) + 0.5),
    lambda t: ops.log1p(ops.abs(t)),
    lambda t: ops.log(ops.sigmoid(t) + 0.5),
    lambda t: ops.where(t > 0, t, 0.1 * t),
    lambda t: ops.where(ops.greater(t, 0.5), t - 0.5, ops.zeros_like(t)),
    lambda t: ops.relu(t) - 0.1,
    lambda t: ops.leaky_relu(t),
    lambda t: ops.gelu(t),
    lambda t: ops.gelu(t, approximate=False),
    lambda t: ops.silu(t),
    lambda t: ops.softplus(t),
    lambda t: ops.elu(t),
    lambda t: ops.tanh(t),
    lambda t: ops.sigmoid(t),
    lambda t: ops.hard_sigmoid(t),
    lambda t: t * ops.sigmoid(1.702 * t),
    lambda t: ops.sin(t) + ops.cos(t),
    lambda t: ops.cast(ops.cast(t, "float32"), "float32"),
    lambda t: ops.stop_gradient(t) * t,
    lambda t: layers.Lambda(lambda u: u * ops.sigmoid(u))(t),
    lambda t: layers.Rescaling(0.5, 0.1)(t),
    lambda t: layers.Rescaling(2.0)(t),
)
PAIRS: tuple[Function, ...] = (
    lambda xy: xy[0] * 0.5 + xy[1],
    lambda xy: xy[0] - xy[1] / 2,
    lambda xy: xy[0] / (1 + ops.abs(xy[1])),
    lambda xy: xy[0] * ops.sigmoid(xy[1]),
    lambda xy: ops.maximum(xy[0], xy[1]),
    lambda xy: ops.minimum(xy[0], 1 - xy[1]),
    lambda xy: ops.add(ops.tanh(xy[0]), xy[1]),
    lambda xy: ops.multiply(xy[0], ops.tanh(xy[1])),
    lambda xy: ops.subtract(xy[0], xy[1]),
    lambda xy: ops.where(xy[0] > 0, xy[1], xy[1] + 0.5 * xy[0]),
    lambda xy: ops.logaddexp(xy[0], xy[1]),
    lambda xy: ops.mean(ops.stack([xy[0], xy[1]], axis=-1), axis=-1),
    lambda xy: ops.max(ops.stack([xy[0], xy[1]], axis=2), axis=2),
    lambda xy: ops.concatenate([xy[0], xy[1][..., :1]], axis=-1),
    lambda xy: ops.concatenate([xy[0], xy[1]], axis=1)[:, :MAX_LENGTH],
    lambda xy: ops.concatenate([ops.stack([xy[0], xy[1]], axis=1)[:, 1], xy[0]], axis=2)[..., ::2],
)
"""Functions of two tensors of one shape."""


def _pointwise(draw: Draw, length: int, channels: int) -> Function | None:
    """One function, or one of another."""
    outer, inner = draw.pick(POINTWISE), draw.pick(POINTWISE)
    return (lambda t: outer(inner(t))) if draw.chance(0.5) else outer


def _constant(draw: Draw, length: int, channels: int) -> Function | None:
    """A constant array for each channel, each position, or both; the latter two have rows."""
    shape = draw.pick(((channels,), (1, channels), (length, 1), (length, channels)), (4, 1, 1, 1))
    array = draw.normal(*shape)
    return draw.pick(
        (
            lambda t: t + array,
            lambda t: t - array,
            lambda t: t * array,
            lambda t: ops.subtract(array, t),
            lambda t: ops.maximum(t, array),
            lambda t: ops.add(array, t),
        )
    )


def _matrix(draw: Draw, length: int, channels: int) -> Function | None:
    """Products with constant arrays."""
    matrix = draw.normal(channels, draw.integer(1, 5)) / channels
    kernel = draw.normal(3, channels, 2) / channels
    return draw.pick(
        (
            lambda t: ops.matmul(t, matrix),
            lambda t: ops.einsum("blc,cd->bld", t, matrix),
            lambda t: ops.tensordot(t, matrix, axes=1),
            lambda t: ops.conv(t, kernel, padding="same"),
        ),
        (2, 1, 0.5, 1),
    )


def _slice(draw: Draw, length: int, channels: int) -> Function | None:
    left, right, step = draw.integer(0, 4), draw.integer(1, 4), draw.integer(2, 3)
    if length - left - right < 3:
        return None
    return draw.pick(
        (
            lambda t: t[:, left:-right],
            lambda t: t[:, left:],
            lambda t: t[:, :-right],
            lambda t: t[:, left : length - right, :],
            lambda t: t[:, ::step],
            lambda t: t[:, left::step],
            lambda t: t[:, left:-right:step, :],
            lambda t: ops.split(t, [left + 1], axis=1)[1],
        )
    )


def _slice_channels(draw: Draw, length: int, channels: int) -> Function | None:
    if channels < 2:
        return None
    at = draw.integer(1, channels - 1)
    return draw.pick(
        (
            lambda t: t[..., :at],
            lambda t: t[..., at:],
            lambda t: t[:, :, ::-1],
            lambda t: ops.expand_dims(t[..., at], 2),
            lambda t: t[:, :, at][:, :, None],
            lambda t: ops.take(t, [at, 0], axis=-1),
            lambda t: ops.concatenate(ops.split(t, [at], axis=-1)[::-1], axis=-1),
        )
    )


def _channels(draw: Draw, length: int, channels: int) -> Function | None:
    """Functions along the channels."""
    if channels < 2:
        return None
    return draw.pick(
        (
            lambda t: ops.softmax(t, axis=-1),
            lambda t: ops.log_softmax(t),
            lambda t: ops.mean(t, axis=-1, keepdims=True),
            lambda t: ops.sum(t, axis=2, keepdims=True) / 2,
            lambda t: ops.expand_dims(ops.max(t, axis=-1), -1),
            lambda t: t - ops.min(t, axis=-1, keepdims=True),
            lambda t: t - ops.mean(t, axis=-1, keepdims=True),
            lambda t: ops.logsumexp(t, axis=-1, keepdims=True),
            lambda t: ops.var(t, axis=-1, keepdims=True),
            lambda t: ops.repeat(t[..., :2], 2, axis=-1),
            lambda t: ops.pad(t, [[0, 0], [0, 0], [1, 0]]),
            lambda t: ops.cumsum(t, axis=-1) / 2,
            lambda t: ops.roll(t, 1, axis=-1),
            lambda t: ops.flip(t, axis=2),
            lambda t: ops.glu(t[..., :2], axis=-1),
        )
    )


def _regroup(draw: Draw, length: int, channels: int) -> Function | None:
    """Axes that come and go; positions stay where they are."""
    back = (-1, length, channels)
    if channels % 2:
        return draw.pick(
            (
                lambda t: ops.squeeze(ops.tanh(ops.expand_dims(t, 2)), axis=2),
                lambda t: ops.squeeze(ops.transpose(ops.expand_dims(t, 2), (0, 1, 3, 2)), -1),
                lambda t: ops.reshape(ops.relu(ops.reshape(t, (-1, length * channels))), back),
            ), (2, 2, 1),
        )  # fmt: skip
    pairs, apart = (-1, length, 2, channels // 2), (-1, length, channels // 2, 2)
    split, mixed = layers.Reshape(apart[1:]), layers.Dense(2, "relu")
    return draw.pick(
        (
            lambda t: ops.reshape(ops.transpose(ops.reshape(t, pairs), (0, 1, 3, 2)), back),
            lambda t: layers.Reshape(back[1:])(layers.Permute((1, 3, 2))(split(t))),
            lambda t: ops.max(ops.reshape(t, apart), axis=3),
            lambda t: ops.mean(layers.Reshape(pairs[1:])(t), axis=2),
            lambda t: ops.reshape(ops.softmax(ops.reshape(t, apart), axis=-1), back),
            lambda t: ops.reshape(ops.swapaxes(ops.reshape(t, apart), 2, 3), back),
            lambda t: ops.reshape(ops.moveaxis(ops.reshape(t, pairs), 3, 2), back),
            lambda t: layers.Reshape((-1, channels))(mixed(split(t))),
        )
    )  # fmt: skip


def _lengthen(draw: Draw, length: int, channels: int) -> Function | None:
    if length * 2 > MAX_LENGTH:
        return None
    left, right, times = draw.integer(0, 3), draw.integer(0, 3), draw.pick((2, 2, 3))
    if length * times > MAX_LENGTH:
        return None
    return draw.pick(
        (
            lambda t: ops.pad(t, [[0, 0], [left, right], [0, 0]]),
            lambda t: ops.pad(t, [[0, 0], [left, right], [0, 0]], constant_values=0.5),
            lambda t: ops.repeat(t, times, axis=1),
            lambda t: ops.concatenate([t, ops.tanh(t)], axis=1),
        ),
        (2, 0.5, 1, 1),
    )


def _pool(draw: Draw, length: int, channels: int) -> Function | None:
    size, strides, padding = draw.integer(2, 4), draw.integer(1, 3), draw.pick(("valid", "same"))
    if length < 6:
        return None
    if draw.chance(0.3) and length % 2 == 0:
        halves = (-1, length // 2, 2, channels)
        return draw.pick(
            (
                lambda t: ops.max(ops.reshape(t, halves), axis=2),
                lambda t: ops.mean(ops.reshape(t, halves), axis=2),
                lambda t: ops.logsumexp(ops.reshape(t, halves), axis=2),
            )
        )
    kind = draw.pick((ops.max_pool, ops.average_pool))
    return lambda t: kind(t, size, strides, padding)


def _blurred(t: Any) -> Any:
    """Neighbours added by slices of one tensor."""
    return (t[:, :-2] + 2 * t[:, 1:-1] + t[:, 2:]) / 4


def _neighbours(draw: Draw, length: int, channels: int) -> Function | None:
    return _blurred if length > 4 else None


def _everywhere(draw: Draw, length: int, channels: int) -> Function | None:
    """Functions along the positions."""
    if length < 2:
        return None
    return draw.pick(
        (
            lambda t: ops.flip(t, axis=1),
            lambda t: t[:, ::-1],
            lambda t: ops.roll(t, 2, axis=1),
            lambda t: ops.cumsum(t, axis=1) / length,
            lambda t: ops.softmax(t, axis=1),
            lambda t: t - ops.mean(t, axis=1, keepdims=True),
            lambda t: t - ops.max(t, axis=1, keepdims=True),
            lambda t: t * ops.sigmoid(ops.sum(t, axis=1, keepdims=True)),
            lambda t: ops.concatenate([t, ops.min(t, axis=1, keepdims=True)], axis=1),
            lambda t: t + ops.expand_dims(t[:, 0], 1),
            lambda t: t * ops.tanh(t[:, -1:]),
            lambda t: ops.diff(t, axis=1),
            lambda t: ops.pad(t, [[0, 0], [1, 1], [0, 0]], mode="reflect"),
            lambda t: layers.Lambda(lambda u: ops.cumsum(u, axis=1) / length)(t),
        )
    )


LOCAL_FUNCTIONS: tuple[tuple[float, Maker], ...] = (
    (4, _pointwise), (1.5, _constant), (0.7, _matrix), (1.5, _slice), (1, _slice_channels),
    (1.2, _channels), (1.2, _regroup), (0.8, _lengthen), (1, _pool), (0.4, _neighbours),
)  # fmt: skip
FUNCTIONS = (*LOCAL_FUNCTIONS, (1.2, _everywhere))
