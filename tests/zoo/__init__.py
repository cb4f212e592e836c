"""The model zoo: architectures people run, rebuilt with random weights at any size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import sqrt
from typing import Any

import keras

from tests.zoo.attention import AttentionPooling, attention_pool_net
from tests.zoo.basenji import basenji
from tests.zoo.basset import basset, factorized_basset
from tests.zoo.beluga import beluga
from tests.zoo.borzoi import borzoi
from tests.zoo.bpnet import bpnet, bpnet_dense
from tests.zoo.chrombpnet import chrombpnet, chrombpnet_nobias
from tests.zoo.danq import danq
from tests.zoo.deepstarr import deepstarr
from tests.zoo.dilated import dilated_cnn
from tests.zoo.enformer import enformer
from tests.zoo.inputs import one_hot, random_inputs
from tests.zoo.inputs_and_ranges import (
    alternate_ranges,
    conv_net,
    sequence_and_features,
    two_sequences,
)
from tests.zoo.legnet import legnet
from tests.zoo.mtsplice import mtsplice
from tests.zoo.nested import nested_dense, nested_residual
from tests.zoo.spliceai import spliceai
from tests.zoo.topic import topic_cnn, topic_lstm
from tests.zoo.weights import randomise
from tests.zoo.xpresso import xpresso

__all__ = [
    "ARCHITECTURES",
    "ZOO",
    "AttentionPooling",
    "Entry",
    "one_hot",
    "random_inputs",
    "randomise",
]

Sites = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Entry:
    """A model of the zoo and how it is used.

    Attributes:
        build: takes ``length=`` and ``width=``; without arguments, the published size.
        length: positions of the mutated sequence at the published size.
        small: arguments of ``build`` for a version that all sites of are quickly scanned.
        row: the title in the table of architectures; empty for models that are no architecture.
        table: arguments of ``build`` for the table; none for the published size.
        sites: the sites for a length, or ``None`` for every position.
        sequence_input: the index of the mutated input.
        gain: the gain of the random weights; residual sums need a smaller one.
        published: whether the ordinary tests run the published size as well.
    """

    build: Callable[..., keras.Model]
    length: int
    small: Mapping[str, Any]
    row: str = ""
    table: Mapping[str, Any] = field(default_factory=dict)
    sites: Callable[[int], Sites] | None = None
    sequence_input: int = 0
    gain: float = sqrt(2)
    published: bool = False

    def model(self, seed: int = 0, *, small: bool = False) -> keras.Model:
        """The model with seeded random weights."""
        model = self.build(**(self.small if small else {}))
        return randomise(model, seed, self.gain)

    def table_model(self, seed: int = 0) -> keras.Model:
        """The model at the size of the table, with seeded random weights."""
        return randomise(self.build(**self.table), seed, self.gain)


ARCHITECTURES: dict[str, Entry] = {
    "basset": Entry(basset, 1000, {"length": 160, "width": 0.04}, "Basset", published=True),
    "factorized_basset": Entry(
        factorized_basset, 1000, {"length": 120, "width": 0.05}, "Factorized Basset", published=True
    ),
    "beluga": Entry(beluga, 2000, {"length": 330, "width": 0.02}, "Beluga", published=True),
    "deepstarr": Entry(deepstarr, 249, {"length": 67, "width": 0.1}, "DeepSTARR", published=True),
    "bpnet": Entry(
        bpnet,
        1000,
        {"length": 90, "width": 0.1, "depth": 4},
        "BPNet",
        gain=1.0,
        published=True,
    ),
    "bpnet_transposed": Entry(
        partial(bpnet, transposed=True),
        1000,
        {"length": 50, "width": 0.1, "depth": 2},
        "BPNet, profile by Conv2DTranspose",
        gain=1.0,
    ),
    "bpnet_dense": Entry(
        bpnet_dense,
        2114,
        {"length": 100, "width": 0.1, "depth": 3, "kernel": 5},
        "BPNet dense, with control tracks",
        gain=0.8,
        published=True,
    ),
    "chrombpnet_nobias": Entry(
        chrombpnet_nobias,
        2114,
        {"length": 110, "width": 0.015, "depth": 3, "out_length": 40, "kernel": 9},
        "ChromBPNet without bias",
        gain=0.9,
        published=True,
    ),
    "chrombpnet": Entry(
        chrombpnet,
        2114,
        {"length": 90, "width": 0.015, "depth": 3, "out_length": 30, "kernel": 5},
        "ChromBPNet",
        gain=0.9,
    ),
    "dilated_cnn": Entry(
        dilated_cnn, 2114, {"length": 100, "width": 0.02, "depth": 4, "classes": 5}, "dilated CNN"
    ),
    "topic_cnn": Entry(
        topic_cnn, 500, {"length": 150, "width": 0.01}, "deep-topic CNN", published=True
    ),
    "topic_lstm": Entry(topic_lstm, 500, {"length": 90, "width": 0.04}, "deep-topic LSTM"),
    "legnet": Entry(legnet, 230, {"length": 50, "width": 0.07, "per_group": 4}, "LegNet"),
    "basenji": Entry(
        basenji,
        131072,
        {"length": 130, "width": 0.02, "tower": 2, "depth": 4, "crop": 2},
        "Basenji",
        {"length": 16384, "width": 0.5, "crop": 8},
    ),
    "enformer": Entry(
        enformer,
        196608,
        {"length": 96, "width": 0.01, "tower": 2, "depth": 2, "crop": 2},
        "Enformer",
        {"length": 8192, "width": 0.25, "crop": 13},
    ),
    "enformer_ops": Entry(
        partial(enformer, pooling="ops"),
        196608,
        {"length": 64, "width": 0.01, "tower": 2, "depth": 1, "crop": 1},
        "Enformer, pooling by functions of Keras",
        {"length": 8192, "width": 0.25, "crop": 13},
    ),
    "borzoi": Entry(
        borzoi,
        524288,
        {"length": 96, "width": 0.01, "tower": 2, "depth": 2, "crop": 4},
        "Borzoi",
        {"length": 8192, "width": 0.25, "crop": 80},
        gain=1.0,
    ),
    "spliceai": Entry(
        spliceai,
        10001,
        {"length": 120, "width": 0.15, "context": 30, "units": 2, "dilations": (1, 2, 3, 1)},
        "SpliceAI, one position",
        gain=0.8,
        published=True,
    ),
    "spliceai_101": Entry(
        spliceai,
        10101,
        {
            "length": 104,
            "width": 0.15,
            "context": 64,
            "units": 1,
            "kernels": (3, 3, 5, 7),
            "dilations": (1, 2, 2, 3),
        },
        "SpliceAI, 101 positions",
        {"length": 10101},
        gain=0.8,
    ),
    "mtsplice": Entry(mtsplice, 400, {"length": 40, "width": 0.1}, "MTSplice", published=True),
    "xpresso": Entry(xpresso, 10500, {"length": 650, "width": 0.1}, "Xpresso", published=True),
    "danq": Entry(danq, 1000, {"length": 105, "width": 0.03}, "DanQ"),
}

ZOO: dict[str, Entry] = ARCHITECTURES | {
    "alternate_ranges": Entry(conv_net, 100, {"length": 50, "width": 0.4}, sites=alternate_ranges),
    "two_sequences": Entry(two_sequences, 100, {"length": 48, "width": 0.3}),
    "sequence_and_features": Entry(
        sequence_and_features, 100, {"length": 41, "width": 0.3}, sequence_input=1
    ),
    "nested_residual": Entry(nested_residual, 100, {"length": 46, "width": 0.4}),
    "nested_dense": Entry(nested_dense, 100, {"length": 43, "width": 0.4}),
    "attention_pool_net": Entry(attention_pool_net, 128, {"length": 61, "width": 0.2}),
}
