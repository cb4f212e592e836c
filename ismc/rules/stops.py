"""Layers known to look at every position, with the reason that `explain()` prints."""

from math import prod

from ismc.rules.base import Expr, Node, Rule, describe, stop
from ismc.rules.products import Products, counts

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


@counts("MultiHeadAttention", "GroupQueryAttention", "GroupedQueryAttention")
def attended(node: Node) -> Products:
    """Queries, keys, values and the answer, and each position's weights of all others."""
    config, query, value = node.config, node.shape, node.inputs[min(1, len(node.inputs) - 1)].shape
    heads = config.get("num_heads") or config["num_query_heads"]
    keys = config.get("num_heads") or config["num_key_value_heads"]
    size = config.get("key_dim") or config["head_dim"]
    given = config.get("value_dim") or size
    projected = query[0] * heads * (query[-1] * size + given * node.layer.shape[-1])
    projected += value[0] * keys * value[-1] * (size + given)
    met = heads * query[0] * value[0]
    between = 2 * prod(node.layer.shape) + met
    return Products(projected + met * (size + given), between=between, speed="attention")


@counts("Attention")
def weighed(node: Node) -> Products:
    """Each position's weights of all others, and the sums that they make."""
    query, value = node.shape, node.inputs[min(1, len(node.inputs) - 1)].shape
    met = query[0] * value[0]
    return Products(met * (query[-1] + value[-1]), between=met, speed="attention")


@counts("AdditiveAttention")
def added(node: Node) -> Products:
    """The same, of sums in place of products: one scale for each channel."""
    return weighed(node)


@describe("Item", examples=[])
def item(node: Node) -> Rule:
    """One of the several results of a call."""
    return stop("one of several results", reference=Expr("item", (node.config["index"],)))
