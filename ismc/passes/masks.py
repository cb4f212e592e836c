"""Which layers a Keras mask reaches, where any of them looks at it."""

from __future__ import annotations

from ismc.ir import Graph, Layer

LOOKING = (
    "LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM1D", "TimeDistributed",
    "MultiHeadAttention", "GroupQueryAttention", "Attention", "AdditiveAttention", "Softmax",
    "GlobalAveragePooling1D", "Lambda", "Add", "Subtract", "Multiply", "Average", "Maximum",
    "Minimum", "Concatenate", "Dot",
)  # fmt: skip


def masked(graph: Graph) -> dict[str, str]:
    """The layers that a mask reaches, with the layer that makes it.

    A mask goes on through layers that support it. Where none of the layers that it reaches looks
    at it, it does nothing, and the answer is empty.
    """
    found: dict[str, str] = {}
    for layer in graph:
        if _makes(layer):
            region = _region(graph, layer)
            if any(_looks(graph[name]) for name in region):
                found |= dict.fromkeys((layer.name, *region), layer.name)
    return found


def _makes(layer: Layer) -> bool:
    zero = layer.kind == "keras.Embedding" and layer.config.get("mask_zero")
    return layer.kind == "keras.Masking" or bool(zero)


def _looks(layer: Layer) -> bool:
    own = layer.kind.startswith("keras.") or layer.kind.startswith("ismc.")
    return not own or layer.title in LOOKING


def _region(graph: Graph, maker: Layer) -> list[str]:
    region: list[str] = []
    waiting = [maker.name]
    while waiting:
        for reader in graph.consumers(waiting.pop()):
            if reader.name in region:
                continue
            region.append(reader.name)
            if not reader.kind.startswith("keras.ops.") and _supports(reader):
                waiting.append(reader.name)
    return region


def _supports(layer: Layer) -> bool:
    """Whether the layer hands the mask on; a split-off activation does as its layer."""
    return bool(getattr(layer.source, "supports_masking", True))
