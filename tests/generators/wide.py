"""Random wide models, each from one seed: every form of a convolution is used in some of them.

``python -m tests.generators.wide 0 300`` counts the forms in the plans of 300 seeds from 0.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

import ismc
from tests.generators.draw import Draw
from tests.generators.heads import HEADS
from tests.generators.models import Case
from tests.zoo.inputs import one_hot
from tests.zoo.weights import randomise

Step = Callable[[Draw, Any], Any]

STREAM = 18  # apart from the numbers that `random_case` draws
ACTIVATIONS = ("gelu", "elu", "relu", "softplus", "tanh", None)
SHORT, MANY = 64, 2e11  # positions of which all are sites; operations of the mutants of a case
FORMS = ("conv", "gemm", "toom", "pairs", "blocks", "toeplitz", "outer")


def random_wide_case(seed: int) -> Case:
    """The wide case of a seed; even seeds saturate, odd seeds replace.

    Sequences have 30 to 600 positions; convolutions 32 to 160 channels, kernels to 25, dilations
    to 128.
    """
    draw = Draw(np.random.default_rng([STREAM, seed]))
    length = draw.integer(*draw.pick(((30, SHORT), (65, 240), (241, 600)), (4, 3, 3)))
    sequence = keras.Input((length, 4), name="sequence")
    x = _first(draw, sequence)
    for _ in range(draw.integer(1, 5)):
        x = draw.from_menu(STEPS, x)
    model = keras.Model(sequence, draw.from_menu(WIDE_HEADS, x))
    randomise(model, seed, gain=1.2)
    sites = _sites(draw, length, model)
    return Case(
        seed,
        model,
        _sequences(draw, length),
        sites,
        _replacement(draw, sites),
        0,
        None,
        saturate=seed % 2 == 0,
    )


def _channels(draw: Draw) -> int:
    return draw.pick((32, 40, 48, 64, 96, 128, 160, draw.integer(33, 160)))


def _first(draw: Draw, x: Any) -> Any:
    """A scan for motifs, or a pool or the letters themselves before it."""
    if draw.chance(0.15):
        x = _pool(draw, x)
    elif draw.chance(0.1):
        x = layers.ZeroPadding1D((draw.integer(0, 9), draw.integer(0, 9)))(x)
    kernel = min(draw.integer(1, 25), x.shape[1])
    activation = draw.pick((*ACTIVATIONS, "exponential"), (*[1] * len(ACTIVATIONS), 0.5))
    padding = draw.pick(("same", "valid", "causal"))
    return layers.Conv1D(_channels(draw), kernel, padding=padding, activation=activation)(x)


def _conv(draw: Draw, x: Any) -> Any:
    """A convolution with one of: a dilation, a stride, groups; kernels of three most often."""
    length, channels = x.shape[1:]
    kernel = draw.pick((3, draw.integer(1, 9), draw.integer(10, 25)), (3, 4, 2))
    kind = draw.pick(("plain", "dilated", "strided", "grouped"), (5, 3, 1, 1))
    dilation = draw.pick((2, 4, 8, 16, 32, 64, 128, draw.integer(2, 128)))
    dilation = dilation if kind == "dilated" else 1
    padding = draw.pick(("valid", "same", "causal"))
    if padding == "valid" and length - (kernel - 1) * dilation < 2:
        return None
    groups = draw.pick((1, 2, 4, 16, channels)) if kind == "grouped" else 1
    if channels % groups:
        return None
    return layers.Conv1D(
        max(1, _channels(draw) // groups) * groups,
        kernel,
        strides=draw.integer(2, 4) if kind == "strided" else 1,
        dilation_rate=dilation,
        padding=padding,
        groups=groups,
        use_bias=draw.chance(0.8),
        activation=draw.pick(ACTIVATIONS),
    )(x)


def _pool(draw: Draw, x: Any) -> Any:
    """A pool of any padding, with strides below, at and above its size."""
    kind = draw.pick((layers.MaxPooling1D, layers.AveragePooling1D), (3, 1))
    size = draw.integer(1, 8)
    if size > x.shape[1] // 2:
        return None
    strides = draw.pick((None, 1, 2, 3, draw.integer(1, 8)))
    y = kind(size, strides, padding=draw.pick(("valid", "same")))(x)
    return y if y.shape[1] >= 2 else None


def _padded_pool(draw: Draw, x: Any) -> Any:
    """A maximum whose last window is padded, and a convolution of what it gives, at the ends too.

    Either may reach beyond the sequence, where a maximum has nothing to hold.
    """
    size, kernel = draw.integer(2, 5), draw.integer(2, 12)
    strides = draw.integer(1, size)
    y = layers.MaxPooling1D(size, strides, padding="same")(x)
    padding = draw.pick(("valid", "causal"), (3, 1))
    if kernel >= y.shape[1]:
        return None
    activation = draw.pick(ACTIVATIONS)
    return layers.Conv1D(_channels(draw), kernel, padding=padding, activation=activation)(y)


def _few(draw: Draw, x: Any) -> Any:
    """Few filters with a long kernel, as profiles have, and wide again."""
    kernel = draw.integer(5, 25)
    if kernel > x.shape[1]:
        return None
    y = layers.Conv1D(draw.integer(1, 4), kernel, padding=draw.pick(("same", "valid")))(x)
    return layers.Conv1D(_channels(draw), draw.pick((1, 3)), padding="same", activation="elu")(y)


def _residual(draw: Draw, x: Any) -> Any:
    """A sum with what one or two convolutions of the same length make of it."""
    y = x
    for _ in range(draw.integer(1, 2)):
        dilation = 2 ** draw.integer(0, 7)
        y = layers.Activation(draw.pick(("relu", "gelu")))(y) if draw.chance(0.5) else y
        y = layers.Conv1D(
            x.shape[2], draw.pick((1, 3, 3, 5)), dilation_rate=dilation, padding="same"
        )(y)
    return layers.Add()([x, y])


def _dilated(draw: Draw, x: Any) -> Any:
    """BPNet's stack: kernels of three, dilations that double, each cropped or padded, added."""
    channels = min(x.shape[2], 64)
    x = x if x.shape[2] == channels else layers.Conv1D(channels, 1)(x)
    for i in range(1, draw.integer(3, 8)):
        padding = draw.pick(("same", "valid"))
        if padding == "valid" and x.shape[1] - 2 * 2**i < 2:
            break
        y = layers.Conv1D(
            channels, 3, dilation_rate=2**i, padding=padding, activation=draw.pick(("relu", "gelu"))
        )(x)
        spare = x.shape[1] - y.shape[1]
        x = layers.Add()([layers.Cropping1D((spare // 2, spare - spare // 2))(x), y])
    return x


def _depthwise(draw: Draw, x: Any) -> Any:
    kernel, padding = draw.integer(3, 9), draw.pick(("valid", "same"))
    if kernel > x.shape[1]:
        return None
    depthwise = layers.DepthwiseConv1D(kernel, padding=padding, activation="gelu")
    separable = layers.SeparableConv1D(_channels(draw), kernel, padding=padding)
    return draw.pick((depthwise, separable))(x)


def _alone(draw: Draw, x: Any) -> Any:
    """What acts on each position alone."""
    return draw.pick(
        (
            layers.BatchNormalization(),
            layers.LayerNormalization(),
            layers.Activation(draw.pick(ACTIVATIONS[:-1])),
            layers.Dense(_channels(draw), draw.pick(ACTIVATIONS)),
        )
    )(x)


def _padded(draw: Draw, x: Any) -> Any:
    kind = draw.pick((layers.ZeroPadding1D, layers.Cropping1D))
    sides = (draw.integer(0, 9), draw.integer(0, 9))
    return kind(sides)(x) if x.shape[1] > 30 else None


def _profile(draw: Draw, x: Any) -> Any:
    """Few filters at every position, with a kernel of up to 75."""
    kernel, padding = draw.integer(5, 75), draw.pick(("valid", "same"))
    if padding == "valid" and kernel >= x.shape[1]:
        return None
    return layers.Conv1D(draw.integer(1, 4), kernel, padding=padding)(x)


STEPS: tuple[tuple[float, Step], ...] = (
    (7, _conv), (3, _pool), (3, _padded_pool), (1, _few), (2, _residual), (1.5, _dilated),
    (0.5, _depthwise), (1, _alone), (0.7, _padded),
)  # fmt: skip
WIDE_HEADS = (*HEADS, (4, _profile))


def _sequences(draw: Draw, length: int) -> np.ndarray:
    """One or two sequences with some N; in half of all cases with runs of N, some at an end."""
    x = one_hot(draw.rng, draw.integer(1, 2), length, 4, draw.pick((0.0, 0.03, 0.3)))
    if draw.chance(0.5):
        for row in x:
            size = draw.integer(2, max(3, length // 4))
            start = draw.pick((0, length - size, draw.integer(0, length - size)))
            row[start : start + size] = 0
    return x


def _sites(draw: Draw, length: int, model: keras.Model) -> Any:
    """All of a short sequence; else a few at both ends and in the middle, or wide ranges."""
    few = max(6, min(16, int(MANY / (12 * _operations(model)))))
    kind = draw.pick(("all", "positions", "ranges"), (2, 3, 2) if length <= SHORT else (0, 3, 2))
    if kind == "all":
        return None
    if kind == "positions":
        inside = draw.rng.integers(0, length, few - 5).tolist()
        return [0, 1, length // 2, *inside, length - 2, length - 1]
    ranges = []
    for i in range(few // 2):
        size = draw.integer(1, min(60, length // 2))
        start = (0, length - size, draw.integer(0, length - size))[min(i, 2)]
        ranges.append((start, start + size))
    return ranges


def _operations(model: keras.Model) -> int:
    """About how many operations one call takes."""
    kernels = [(layer, layer.kernel) for layer in model.layers if hasattr(layer, "kernel")]
    lengths = (getattr(layer.output, "shape", (0, 1))[1] for layer, _ in kernels)
    return sum(
        2 * int(np.prod(k.shape)) * (n if len(k.shape) == 3 else 1)
        for n, (_, k) in zip(lengths, kernels, strict=True)
    )


def _replacement(draw: Draw, sites: Any) -> Any:
    """Zero, a letter, or letters as many as the widest site has positions."""
    kind = draw.pick(("zero", "letter", "block"))
    if kind == "zero":
        return 0
    if kind == "letter":
        return np.eye(4)[draw.integer(0, 3)].tolist()
    width = max((b - a for a, b in sites), default=1) if sites and np.ndim(sites) == 2 else 1
    return np.eye(4, dtype=np.float32)[draw.rng.integers(4, size=width)]


def forms_of(case: Case) -> Counter[str]:
    """How many convolutions of a case have each form; planned alone, nothing is compiled."""
    ism = ismc.compile(case.model, **case.options, verify=False, cache=False)
    return Counter(line.strategy for line in ism.plan.lines if line.strategy in FORMS)


def counted(seeds: range) -> str:
    """How many convolutions, and models, have each form in the plans of ``seeds``."""
    calls, models = Counter(), Counter()
    for seed in seeds:
        found = forms_of(random_wide_case(seed))
        calls.update(found)
        models.update(set(found))
        keras.backend.clear_session()
    rows = [f"{form:9} {calls[form]:5d} convolutions, {models[form]:4d} models" for form in FORMS]
    return "\n".join(rows)


if __name__ == "__main__":
    first, number = (int(argument) for argument in sys.argv[1:])
    print(counted(range(first, first + number)))
