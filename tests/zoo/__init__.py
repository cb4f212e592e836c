"""The model zoo: architectures people run, rebuilt with random weights at any size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import keras

from tests.zoo.attention import AttentionPooling, attention_pool_net
from tests.zoo.basset import basset, factorized_basset
from tests.zoo.beluga import beluga
from tests.zoo.bpnet import bpnet, bpnet_dense
from tests.zoo.chrombpnet import chrombpnet, chrombpnet_nobias
from tests.zoo.deepstarr import deepstarr
from tests.zoo.dilated import dilated_cnn
from tests.zoo.inputs import one_hot, random_inputs
from tests.zoo.inputs_and_ranges import (
    alternate_ranges,
    conv_net,
    sequence_and_features,
    two_sequences,
)
from tests.zoo.nested import nested_dense, nested_residual
from tests.zoo.toolkits import basenji, danq, legnet, mtsplice, spliceai, topic_cnn, topic_lstm
from tests.zoo.weights import randomise
from tests.zoo.xpresso import xpresso

__all__ = ["ZOO", "AttentionPooling", "Entry", "one_hot", "random_inputs", "randomise"]

Sites = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Entry:
    """A model of the zoo and how it is used.

    Attributes:
        build: takes ``length=`` and ``width=``; without arguments, the published size.
        length: positions of the mutated sequence at the published size.
        small: arguments of ``build`` for a version that all sites of are quickly scanned.
        sites: the sites for a length, or ``None`` for every position.
        sequence_input: the index of the mutated input.
        gain: the gain of the random weights; residual sums need a smaller one.
        published: whether the ordinary tests run the published size as well.
    """

    build: Callable[..., keras.Model]
    length: int
    small: Mapping[str, Any]
    sites: Callable[[int], Sites] | None = None
    sequence_input: int = 0
    gain: float = sqrt(2)
    published: bool = False

    def model(self, seed: int = 0, *, small: bool = False) -> keras.Model:
        """The model with seeded random weights."""
        model = self.build(**(self.small if small else {}))
        return randomise(model, seed, self.gain)


ZOO: dict[str, Entry] = {
    "basset": Entry(basset, 1000, {"length": 160, "width": 0.04}, published=True),
    "factorized_basset": Entry(
        factorized_basset, 1000, {"length": 120, "width": 0.05}, published=True
    ),
    "beluga": Entry(beluga, 2000, {"length": 330, "width": 0.02}, published=True),
    "deepstarr": Entry(deepstarr, 249, {"length": 67, "width": 0.1}, published=True),
    "bpnet": Entry(bpnet, 1000, {"length": 90, "width": 0.1, "depth": 4}, gain=1.0, published=True),
    "bpnet_transposed": Entry(
        lambda **size: bpnet(transposed=True, **size),
        1000,
        {"length": 50, "width": 0.1, "depth": 2},
        gain=1.0,
    ),
    "bpnet_dense": Entry(
        bpnet_dense, 2114, {"length": 100, "width": 0.1, "depth": 3}, gain=0.8, published=True
    ),
    "chrombpnet_nobias": Entry(
        chrombpnet_nobias,
        2114,
        {"length": 110, "width": 0.015, "depth": 3, "out_length": 40, "kernel": 9},
        gain=0.9,
        published=True,
    ),
    "chrombpnet": Entry(
        chrombpnet,
        2114,
        {"length": 90, "width": 0.015, "depth": 3, "out_length": 30, "kernel": 5},
        gain=0.9,
    ),
    "xpresso": Entry(xpresso, 10500, {"length": 650, "width": 0.1}, published=True),
    "dilated_cnn": Entry(
        dilated_cnn, 2114, {"length": 100, "width": 0.02, "depth": 4, "classes": 5}
    ),
    "alternate_ranges": Entry(conv_net, 100, {"length": 50, "width": 0.4}, sites=alternate_ranges),
    "two_sequences": Entry(two_sequences, 100, {"length": 48, "width": 0.3}),
    "sequence_and_features": Entry(
        sequence_and_features, 100, {"length": 41, "width": 0.3}, sequence_input=1
    ),
    "nested_residual": Entry(nested_residual, 100, {"length": 46, "width": 0.4}),
    "nested_dense": Entry(nested_dense, 100, {"length": 43, "width": 0.4}),
    "attention_pool_net": Entry(attention_pool_net, 128, {"length": 61, "width": 0.2}),
    "danq": Entry(danq, 1000, {"length": 105, "width": 0.03}),
    "topic_lstm": Entry(topic_lstm, 500, {"length": 90, "width": 0.04}),
    "topic_cnn": Entry(topic_cnn, 500, {"length": 75, "width": 0.03}),
    "legnet": Entry(legnet, 150, {"length": 50, "width": 0.07}),
    "basenji": Entry(basenji, 1024, {"length": 130, "width": 0.1, "crop": 2}),
    "spliceai": Entry(spliceai, 1000, {"length": 120, "width": 0.15, "context": 30}),
    "mtsplice": Entry(mtsplice, 400, {"length": 40, "width": 0.1}),
}
