"""Layers known to look at every position, with the reason that `explain()` prints."""

from ismc.rules.base import Expr, Node, Rule, describe, stop

REASONS = {
    "LSTM": "each position depends on all before it",
    "GRU": "each position depends on all before it",
    "SimpleRNN": "each position depends on all before it",
    "RNN": "each position depends on all before it",
    "Bidirectional": "each position depends on all others",
    "ConvLSTM1D": "each position depends on all before it",
    "MultiHeadAttention": "each position attends to all others",
    "GroupQueryAttention": "each position attends to all others",
    "Attention": "each position attends to all others",
    "AdditiveAttention": "each position attends to all others",
    "Lambda": "a function of the user's may look at every position; declare it with rules=",
    "GroupNormalization": "normalises over the positions",
    "RepeatVector": "every position takes the whole vector",
    "Dot": "its axes may be those of the positions",
}


@describe(*REASONS, examples=[])
def known_stop(node: Node) -> Rule:
    """A stop."""
    return stop(REASONS[node.layer.title])


@describe("Item", examples=[])
def item(node: Node) -> Rule:
    """One of the several results of a call."""
    return stop("one of several results", reference=Expr("item", (node.config["index"],)))
