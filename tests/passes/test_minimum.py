"""The lower bound against counting by hand: every input, tap and output that can matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import ismc
from ismc.plan.explain import table
from tests.zoo import ZOO

Array = np.ndarray
Pair = tuple[int, int]

CONVOLUTIONS = (layers.Conv1D, layers.DepthwiseConv1D)
POOLS = (layers.MaxPooling1D, layers.AveragePooling1D)
MOVES = (layers.Cropping1D, layers.ZeroPadding1D)


def read_by(layer: Any, length: int, out: int) -> list[Pair]:
    """Every input position and output position that reads it; padding is nobody's position."""
    if isinstance(layer, (*CONVOLUTIONS, *POOLS)):
        pool = isinstance(layer, POOLS)
        (size,) = layer.pool_size if pool else layer.kernel_size
        (stride,), (dilation,) = layer.strides, (1,) if pool else layer.dilation_rate
        before = 0
        if layer.padding == "same":
            before = max(0, (out - 1) * stride + (size - 1) * dilation + 1 - length) // 2
        if layer.padding == "causal":
            before = (size - 1) * dilation
        reads = [(o * stride - before + j * dilation, o) for o in range(out) for j in range(size)]
        return [(p, o) for p, o in reads if 0 <= p < length]
    if isinstance(layer, layers.Conv1DTranspose):
        (size,), (stride,) = layer.kernel_size, layer.strides
        crop = max(0, (length - 1) * stride + size - out) // 2
        spread = [(p, p * stride + j - crop) for p in range(length) for j in range(size)]
        return [(p, o) for p, o in spread if 0 <= o < out]
    if isinstance(layer, layers.Cropping1D):
        return [(o + layer.cropping[0], o) for o in range(out)]
    if isinstance(layer, layers.ZeroPadding1D):
        return [(p, p + layer.padding[0]) for p in range(length)]
    if isinstance(layer, layers.GlobalMaxPooling1D) or len(layer.output.shape) == 2:
        return [(p, 0) for p in range(length)]
    return [(p, p) for p in range(length)]


def by_hand(model: keras.Model, sites: Sequence[Pair]) -> int:
    """Operations, from masks that go through the model position by position."""
    calls = [layer for layer in model.layers if not isinstance(layer, layers.InputLayer)]
    shapes = {layer.output.name: layer.output.shape[1:] for layer in model.layers}
    lengths = {name: shape[0] if len(shape) == 2 else 1 for name, shape in shapes.items()}
    flat = {layer.output.name for layer in calls if isinstance(layer, layers.Flatten)}
    origin = {layer.output.name: layer.input.name for layer in calls if layer.output.name in flat}
    origin_of = lambda name: origin.get(name, name)  # noqa: E731

    def operands(layer: Any) -> list[str]:
        found = layer.input if isinstance(layer.input, list) else [layer.input]
        return [origin_of(tensor.name) for tensor in found]

    calls = [layer for layer in calls if layer.output.name not in flat]
    edges = {
        layer.name: read_by(layer, lengths[operands(layer)[0]], lengths[layer.output.name])
        for layer in calls
    }
    need = {name: np.zeros(length, bool) for name, length in lengths.items()}
    for output in model.outputs:
        need[output.name][:] = True
    for layer in reversed(calls):
        for name in operands(layer):
            for p, o in edges[layer.name]:
                need[name][p] |= need[layer.output.name][o]
    total = 0
    for start, stop in sites:
        (x,) = model.inputs
        dirty, letters = {x.name: np.zeros(x.shape[1], bool)}, {x.name}
        dirty[x.name][start:stop] = True
        for layer in calls:
            sources, out = operands(layer), layer.output.name
            dirty[out] = np.zeros(lengths[out], bool)
            count = 0
            for name in sources:
                for p, o in edges[layer.name]:
                    touched = dirty[name][p] and need[name][p] and need[out][o]
                    dirty[out][o] |= touched
                    count += int(touched)
            direct = set(sources) <= letters and stop - start == 1
            letters |= {out} if direct and isinstance(layer, MOVES) else set()
            total += 0 if direct else count * products(layer, shapes, sources[0])
    return 2 * (3 if all(stop - start == 1 for start, stop in sites) else 4) * total


def products(layer: Any, shapes: dict[str, Any], source: str) -> int:
    """Multiply-adds of one input position and one output position."""
    filters, channels = layer.output.shape[-1], shapes[source][-1]
    if isinstance(layer, layers.DepthwiseConv1D):
        return filters
    if isinstance(layer, layers.Conv1D):
        return channels // layer.groups * filters
    if isinstance(layer, layers.Conv1DTranspose | layers.Dense):
        return channels * filters
    return 0


def chain(*calls: Any, length: int = 23) -> keras.Model:
    """A model of one layer after the other."""
    x = y = keras.Input((length, 4))
    for layer in calls:
        y = layer(y)
    return keras.Model(x, y)


def residual() -> keras.Model:
    """Two branches of different reach, of which some positions are asked for."""
    x = keras.Input((30, 4))
    y = layers.Conv1D(6, 5, padding="same", activation="relu")(x)
    z = layers.Conv1D(6, 3, padding="same", dilation_rate=2, activation="relu")(y)
    z = layers.Concatenate()([layers.Add()([y, z]), y])
    return keras.Model(x, layers.Cropping1D((4, 9))(layers.Conv1D(2, 1)(z)))


def conv(filters: int, size: int, **options: Any) -> Any:
    return layers.Conv1D(filters, size, **options)


CASES = {
    "valid": lambda: chain(conv(5, 4), conv(3, 3, activation="relu"), conv(2, 3)),
    "same": lambda: chain(conv(5, 4, padding="same"), conv(3, 5, padding="same")),
    "causal": lambda: chain(conv(5, 4), conv(3, 3, padding="causal", dilation_rate=2)),
    "strides": lambda: chain(conv(5, 6), conv(3, 3, strides=2, padding="same"), conv(2, 2)),
    "groups": lambda: chain(conv(6, 4), conv(9, 3, groups=3), layers.DepthwiseConv1D(2)),
    "dilated": lambda: chain(
        conv(4, 9, padding="same"), conv(4, 3, padding="same", dilation_rate=4), conv(4, 2)
    ),
    "max pooling": lambda: chain(conv(5, 4), layers.MaxPooling1D(3), conv(4, 3), length=29),
    "overlapping pools": lambda: chain(
        conv(5, 3, padding="same"),
        layers.MaxPooling1D(3, strides=2, padding="same"),
        conv(4, 3, padding="same"),
        layers.AveragePooling1D(2, strides=1),
        conv(3, 2),
    ),
    "pools with gaps": lambda: chain(conv(5, 1), layers.MaxPooling1D(2, strides=3), conv(4, 1)),
    "flatten": lambda: chain(
        conv(5, 4, activation="relu"), layers.MaxPooling1D(2), layers.Flatten(), layers.Dense(7)
    ),
    "flatten, dense, dense": lambda: chain(
        conv(5, 4), layers.ReLU(), layers.Flatten(), layers.Dense(7, activation="relu"),
        layers.Dense(3),
    ),
    "dense on positions": lambda: chain(
        conv(5, 4), layers.Dense(6, activation="relu"), layers.GlobalMaxPooling1D(),
        layers.Dense(2),
    ),
    "cropped": lambda: chain(
        conv(5, 3, padding="same"), layers.ReLU(), conv(4, 5, padding="same"), layers.ReLU(),
        conv(3, 3, padding="same"), layers.Cropping1D((6, 9)),
    ),
    "padded": lambda: chain(layers.ZeroPadding1D((2, 1)), conv(5, 4), conv(3, 2)),
    "transposed": lambda: chain(
        conv(5, 3), layers.Conv1DTranspose(4, 4, strides=3), conv(2, 3), length=14
    ),
    "residual": residual,
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_equals_counting_by_hand(name: str) -> None:
    model = CASES[name]()
    plan = ismc.compile(model, verify=False).plan
    length = model.inputs[0].shape[1]
    assert plan.minimum == by_hand(model, [(i, i + 1) for i in range(length)])
    assert plan.minimum > 0


def test_holes_that_a_dilation_leaves_count() -> None:
    model = chain(conv(4, 2, dilation_rate=3), layers.ReLU(), conv(4, 2))
    plan = ismc.compile(model, sites=[(10, 11)], verify=False).plan
    assert by_hand(model, [(10, 11)]) == 2 * 3 * 16 * 2 * 2
    assert plan.minimum == 2 * 3 * 16 * 2 * 4


def test_sites_of_any_width_and_order() -> None:
    model = chain(conv(5, 4, padding="same"), layers.ReLU(), conv(3, 3, padding="same"))
    for sites in ([(3, 4), (20, 21), (0, 1)], [(5, 9), (21, 23), (0, 2)], [(4, 5), (6, 8)]):
        plan = ismc.compile(model, sites=sites, verify=False).plan
        assert plan.minimum == by_hand(model, sites)


def test_outputs_that_are_not_asked_for_cost_nothing() -> None:
    x = keras.Input((20, 4))
    y = layers.Conv1D(4, 3, activation="relu")(x)
    one, two = layers.Conv1D(3, 3, name="one")(y), layers.Conv1D(5, 3, name="two")(y)
    both = ismc.compile(keras.Model(x, [one, two]), verify=False).plan.minimum
    parts = [
        ismc.compile(keras.Model(x, [one, two]), outputs=name, verify=False).plan.minimum
        for name in ("one", "two")
    ]
    assert sum(parts) == both
    assert parts[0] * 5 == parts[1] * 3


def test_the_cut_of_the_plan_does_not_matter() -> None:
    model = chain(
        conv(4, 3, padding="same"),
        *(conv(4, 9, padding="same", activation="relu") for _ in range(4)),
        length=16,
    )
    plan = ismc.compile(model, verify=False).plan
    assert any(line.form == "full" for line in plan.lines)
    stopped = ismc.compile(model, stop_at=model.layers[1].name, verify=False).plan
    assert plan.minimum == stopped.minimum == by_hand(model, [(i, i + 1) for i in range(16)])


def test_what_follows_attention_is_counted_in_full() -> None:
    x = keras.Input((12, 4))
    y = layers.Conv1D(8, 3, padding="same", activation="relu")(x)
    z = layers.MultiHeadAttention(2, 4, name="attention")(y, y)
    model = keras.Model(x, layers.Conv1D(5, 3, padding="same")(z))
    plan = ismc.compile(model, verify=False).plan
    whole = next(line.naive for line in plan.lines if line.name == "attention")
    assert plan.minimum == 36 * (whole + 2 * 12 * 3 * 8 * 5)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_recurrence_starts_at_the_first_change(backwards: bool) -> None:
    model = chain(conv(3, 1), layers.LSTM(6, go_backwards=backwards), length=9)
    steps = sum(range(1, 10)) * 6 * 6 + 9 * 3 * 6
    assert ismc.compile(model, verify=False).plan.minimum == 3 * 2 * 4 * steps


def test_a_model_of_two_dimensions_counts_as_its_twin() -> None:
    x = keras.Input((20, 4))
    y = layers.Reshape((20, 1, 4))(x)
    y = layers.Conv2D(5, (3, 1), activation="relu")(y)
    y = layers.Conv2D(6, (4, 1), padding="same")(y)
    twin = chain(conv(5, 3), layers.ReLU(), conv(6, 4, padding="same"), length=20)
    plans = [ismc.compile(model, verify=False).plan for model in (keras.Model(x, y), twin)]
    assert plans[0].minimum == plans[1].minimum


def test_an_einsum_counts_as_the_dense_that_it_is() -> None:
    dense = chain(conv(5, 3), layers.ReLU(), layers.Dense(6))
    shape = (dense.output.shape[1], 6)
    summed = chain(conv(5, 3), layers.ReLU(), layers.EinsumDense("blc,cd->bld", shape))
    plans = [ismc.compile(model, verify=False).plan for model in (dense, summed)]
    assert plans[0].minimum == plans[1].minimum


def test_never_more_than_the_naive_program_nor_than_the_plan() -> None:
    for name in ("basset", "bpnet", "deepstarr", "danq", "spliceai", "xpresso", "topic_lstm"):
        model = ZOO[name].model(small=True)
        plan = ismc.compile(model, verify=False).plan
        mutants = (plan.sequence_shape[1] - 1) * len(plan.active)
        assert 0 < plan.minimum <= mutants * min(plan.operations), name


def test_explain_says_it() -> None:
    model = chain(conv(5, 4), layers.ReLU(), conv(3, 3))
    plan = ismc.compile(model, verify=False).plan
    assert "operations per mutant are needed" in table(plan)
