"""Rules of layers that read every position, with the reason that `explain()` prints."""

from math import prod

from ismc.rules.base import Expr, Node, Rule, describe, stop
from ismc.rules.products import Products, counts_products

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
    "Lambda": "a user's function may read every position; declare its rule with rules=",
    "GroupNormalization": "normalises over the positions",
    "RepeatVector": "every position reads the whole vector",
    "Dot": "its axes may include the positions",
}


@describe(*REASONS, examples=[])
def known_stop(node: Node) -> Rule:
    """A stop with the reason for this class."""
    return stop(REASONS[node.layer.title])


@counts_products("MultiHeadAttention", "GroupQueryAttention", "GroupedQueryAttention")
def multi_head_attention_products(node: Node) -> Products:
    """The projections of queries, keys, values and outputs, and the attention itself."""
    config, query, value = node.config, node.shape, node.inputs[min(1, len(node.inputs) - 1)].shape
    heads = config.get("num_heads") or config["num_query_heads"]
    keys = config.get("num_heads") or config["num_key_value_heads"]
    key_size = config.get("key_dim") or config["head_dim"]
    value_size = config.get("value_dim") or key_size
    projections = query[0] * heads * (query[-1] * key_size + value_size * node.layer.shape[-1])
    projections += value[0] * keys * value[-1] * (key_size + value_size)
    weights = heads * query[0] * value[0]
    between = 2 * prod(node.layer.shape) + weights
    return Products(
        projections + weights * (key_size + value_size), between=between, speed="attention"
    )


@counts_products("Attention")
def attention_products(node: Node) -> Products:
    """The attention weights of every pair of positions, and the weighted sums of values."""
    query, value = node.shape, node.inputs[min(1, len(node.inputs) - 1)].shape
    weights = query[0] * value[0]
    return Products(weights * (query[-1] + value[-1]), between=weights, speed="attention")


@counts_products("AdditiveAttention")
def additive_attention_products(node: Node) -> Products:
    """The same number as for dot-product attention: one scale per channel replaces the product."""
    return attention_products(node)


@describe("Item", examples=[])
def item(node: Node) -> Rule:
    """``Item``: one result of a call that has several."""
    return stop("one of several results", reference=Expr("item", (node.config["index"],)))
