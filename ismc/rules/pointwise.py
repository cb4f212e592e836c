"""Rules of layers that act on single positions: activations, and Dense over the channels."""

from ismc.rules.base import IDENTITY, THE_LAYER, Example, Expr, Node, Role, Rule, describe, stop

NAMES = (
    "relu", "sigmoid", "tanh", "softplus", "softsign", "exponential", "silu", "elu", "selu",
    "relu6", "gelu", "softmax",
)  # fmt: skip


@describe(
    "Activation",
    examples=[
        Example({"activation": a}) for a in (*NAMES, "linear", "hard_sigmoid", "log_softmax")
    ],
)
def activation(node: Node) -> Rule:
    """Activation: any activation function; one that ismc does not have is called through Keras."""
    name = node.config["activation"]
    if name == "linear":
        return Rule(
            Role.SEE_THROUGH, linear=True, reference=IDENTITY, slab=IDENTITY, difference=IDENTITY
        )
    over_channels = name in ("softmax", "log_softmax", "sparsemax", "glu")
    if over_channels and node.rank < 3:
        return stop(f"{name} over the positions")
    if not node.config.get("pointwise", True):
        return stop("its activation function reads other positions")
    custom = "pointwise" in node.config  # a user's function
    reference = Expr(name) if name in NAMES else THE_LAYER
    wild = custom or name == "exponential"
    return Rule(Role.SEE_THROUGH, reference=reference, wild=wild, relative=custom)


@describe(
    "ReLU",
    examples=[
        Example(),
        Example({"max_value": 0.6, "negative_slope": 0.1, "threshold": 0.2}),
    ],
)
def relu(node: Node) -> Rule:
    """ReLU: with default settings the array function, else the original layer."""
    keys = ("max_value", "negative_slope", "threshold")
    kwargs = {key: node.config[key] for key in keys}
    if kwargs == {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}:
        return Rule(Role.SEE_THROUGH, reference=Expr("relu"))
    return Rule(Role.SEE_THROUGH, reference=THE_LAYER)


@describe(
    "ELU",
    "LeakyReLU",
    examples=[
        Example({"alpha": 0.7}, kind="ELU"),
        Example({"negative_slope": 0.1}, kind="LeakyReLU"),
    ],
)
def elu(_: Node) -> Rule:
    """ELU and LeakyReLU: the original layer on each position."""
    return Rule(Role.SEE_THROUGH, reference=THE_LAYER)


@describe(
    "Softmax",
    examples=[Example()],
)
def softmax(node: Node) -> Rule:
    """Softmax: see-through over the channels, a stop over the positions."""
    axes = node.axes(node.config["axis"])
    if 1 in axes or 0 in axes or node.rank < 3:
        return stop("softmax over the positions")
    return Rule(Role.SEE_THROUGH, reference=THE_LAYER)


@describe(
    "PReLU",
    examples=[Example({"alpha_initializer": "random_normal"}),
              Example({"alpha_initializer": "random_normal", "shared_axes": [1]})],
)  # fmt: skip
def prelu(node: Node) -> Rule:
    """PReLU: one slope per channel, or one per position and channel."""
    shared = 1 in node.axes(node.config.get("shared_axes") or ())
    return Rule(
        Role.SEE_THROUGH,
        reference=Expr("prelu", weights=True),
        positional=() if shared else ("alpha",),
    )


@describe("ismc.Cast", examples=[])
def cast(node: Node) -> Rule:
    """``ismc.Cast``: another dtype; integer dtypes drop the fractional part."""
    if node.rank < 3:
        return stop("its value has no positions", reference=_cast(node))
    return Rule(Role.SEE_THROUGH, reference=_cast(node))


def _cast(node: Node) -> Expr:
    return Expr("cast", (node.config["dtype"],))


@describe("Masking", examples=[Example({"mask_value": 0.0})])
def masking(_: Node) -> Rule:
    """Masking: zeros positions whose channels all equal ``mask_value``.

    The mask is a separate value of the graph; see `ismc.frontend.masks`.
    """
    return Rule(Role.SEE_THROUGH)


@describe("TimeDistributed", examples=[])
def time_distributed(_: Node) -> Rule:
    """TimeDistributed: applies a layer to each position separately."""
    return Rule(Role.SEE_THROUGH, wild=True, relative=True)


@describe("EinsumDense", examples=[Example({"equation": "blc,cd->bld", "output_shape": [12, 3]})])
def einsum_dense(node: Node) -> Rule:
    """EinsumDense: see-through if its equation keeps the batch and the positions."""
    terms, result = node.config["equation"].split("->")
    value, kernel = terms.split(",")
    if "." in terms or value[:2] != result[:2] or set(value[:2]) & set(kernel):
        return stop("its equation sums over positions or moves them")
    if node.config.get("bias_axes") and result[1] in node.config["bias_axes"]:
        return stop("its bias has a row for each position")
    return Rule(Role.SEE_THROUGH)


@describe("Dense", examples=[Example({"units": 3}), Example({"units": 3, "use_bias": False})])
def dense(node: Node) -> Rule:
    """Dense: linear over the channels; on flattened positions an exact stop."""
    reference = Expr("dense", weights=True)
    if node.rank < 3:
        return stop(
            "every unit reads every position",
            reference=reference,
            exact=Expr("dense_stop"),
            linear=True,
        )
    return Rule(
        Role.SEE_THROUGH,
        linear=True,
        reference=reference,
        difference=Expr("dense_difference", weights=True),
    )
