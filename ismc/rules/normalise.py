"""Rules of normalisation at inference: linear with batch statistics, not with a position's own."""

from ismc.rules.base import Example, Expr, Node, Role, Rule, describe, stop


@describe(
    "BatchNormalization",
    examples=[Example(), Example({"center": False, "scale": False, "epsilon": 0.1})],
)
def batch_normalization(node: Node) -> Rule:
    """BatchNormalization: a scale and an offset per channel."""
    if node.axes(node.config["axis"]) != (node.rank - 1,):
        return stop("normalises each position by its own statistics")
    kwargs = {"epsilon": node.config["epsilon"]}
    reference = Expr("batch_norm", kwargs=kwargs, weights=True)
    if node.rank < 3:
        return stop("normalises each position by its own statistics", reference=reference)
    return Rule(
        Role.SEE_THROUGH,
        linear=True,
        reference=reference,
        difference=Expr("batch_norm_difference", kwargs=kwargs, weights=True),
    )


@describe(
    "LayerNormalization",
    examples=[Example(), Example({"center": False, "scale": False, "epsilon": 0.1})],
)
def layer_normalization(node: Node) -> Rule:
    """LayerNormalization: the mean and variance over the channels of each position."""
    if node.rank < 3 or node.axes(node.config["axis"]) != (node.rank - 1,):
        return stop("normalises over the positions")
    if node.config.get("rms_scaling"):
        return Rule(Role.SEE_THROUGH)
    kwargs = {"epsilon": node.config["epsilon"]}
    return Rule(Role.SEE_THROUGH, reference=Expr("layer_norm", kwargs=kwargs, weights=True))


@describe(
    "RMSNormalization",
    "UnitNormalization",
    examples=[Example(kind="UnitNormalization")],
)
def over_channels(node: Node) -> Rule:
    """RMSNormalization and UnitNormalization: a norm over the channels of each position."""
    if node.rank < 3 or {0, 1} & set(node.axes(node.config["axis"])):
        return stop("normalises over the positions")
    return Rule(Role.SEE_THROUGH)


@describe(
    "Rescaling",
    "Normalization",
    examples=[Example({"scale": 2.0, "offset": 1.0}, kind="Rescaling")],
)
def rescaling(node: Node) -> Rule:
    """Rescaling and Normalization: a fixed scale and offset per channel."""
    return Rule(Role.SEE_THROUGH) if node.rank > 2 else stop("its value has no positions")
