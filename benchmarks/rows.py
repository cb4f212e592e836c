"""What is raced: models, their sizes, and the sites where all would take too long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.environments import PEERS


@dataclass(frozen=True)
class Row:
    """One model at one size.

    Attributes:
        title: what the table and the plots call it.
        model: the name in the zoo or in `benchmarks.architectures`.
        arguments: of the function that builds it.
        sites: the first site and the one after the last, or ``None`` for all.
        against: the peers that are asked; a peer that is not asked has no entry.
        naive_mutants: about how many mutants one timing of the naive program holds.
        quick: whether `check` measures it by default.
    """

    title: str
    model: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    sites: tuple[int, int] | None = None
    against: tuple[str, ...] = PEERS
    naive_mutants: int = 256
    quick: bool = False


EXACT = ("fastism", "tangermeme")

ROWS: dict[str, Row] = {
    "basset": Row("Basset, 1000", "basset", quick=True),
    "package_basset": Row("Basset of yuzu, 1000", "package_basset"),
    "factorized_basset": Row("Factorized Basset, 1000", "factorized_basset"),
    "beluga": Row("Beluga, 2000", "beluga", naive_mutants=128),
    "deepstarr": Row("DeepSTARR, 249", "deepstarr", quick=True),
    "bpnet": Row("BPNet, 1000", "bpnet", quick=True),
    "bpnet_2114": Row("BPNet, 2114", "bpnet", {"length": 2114}, against=EXACT),
    "dilated_cnn": Row(
        "dilated CNN, 2114, 200 sites",
        "dilated_cnn",
        sites=(957, 1157),
        against=EXACT,
        naive_mutants=64,
    ),
    "topic_lstm": Row("deep-topic LSTM, 500", "topic_lstm", against=EXACT),
    "danq": Row("DanQ, 1000", "danq", against=EXACT),
    "enformer": Row(
        "Enformer, 8192, width 0.25, 64 sites",
        "enformer",
        {"length": 8192, "width": 0.25, "crop": 13},
        sites=(4064, 4128),
        against=EXACT,
        naive_mutants=32,
    ),
    "attention_pooling": Row("attention pooling, 128", "attention_pool_net", against=EXACT),
}
