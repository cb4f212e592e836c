"""Rules of global pooling: stops that are exact from the changed positions only."""

from ismc.rules.base import Example, Expr, Node, Rule, describe, stop

EXAMPLES = [Example(), Example({"keepdims": True})]


@describe("GlobalAveragePooling1D", examples=EXAMPLES)
def global_average(node: Node) -> Rule:
    """GlobalAveragePooling1D: the mean over positions, which is linear."""
    kwargs = {"keepdims": bool(node.config.get("keepdims"))}
    return stop(
        "the mean sees every position",
        reference=Expr("global_average", kwargs=kwargs),
        exact=Expr("mean_stop", kwargs={"length": node.shape[0], **kwargs}),
        linear=True,
    )


@describe(
    "GlobalAveragePooling2D",
    examples=[Example(shapes=((12, 2, 3),)), Example({"keepdims": True}, ((12, 1, 3),))],
)
def global_average2d(node: Node) -> Rule:
    """GlobalAveragePooling2D: the mean over positions and columns, which is linear."""
    length, columns, _ = node.shape
    kwargs = {"length": length * columns, "keepdims": bool(node.config.get("keepdims"))}
    exact = Expr("mean_stop", kwargs=kwargs | {"axes": (1, 2)})
    return stop("the mean sees every position", exact=exact, linear=True)


@describe("GlobalMaxPooling1D", examples=EXAMPLES)
def global_max(node: Node) -> Rule:
    """GlobalMaxPooling1D: the maximum of the slab and of the reference before and after it."""
    kwargs = {"keepdims": bool(node.config.get("keepdims"))}
    return stop(
        "the maximum sees every position",
        reference=Expr("global_max", kwargs=kwargs),
        exact=Expr("global_max_stop", kwargs=kwargs),
    )
