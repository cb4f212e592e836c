"""The rule of layers that do nothing at inference."""

from ismc.rules.base import IDENTITY, Example, Node, Role, Rule, describe


@describe(
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "GaussianNoise",
    "GaussianDropout",
    "AlphaDropout",
    "ActivityRegularization",
    "Identity",
    examples=[
        Example({"rate": 0.5}, kind="Dropout"),
        Example({"rate": 0.5}, kind="SpatialDropout1D"),
        Example({"stddev": 0.5}, kind="GaussianNoise"),
        Example({"rate": 0.5}, kind="GaussianDropout"),
        Example({"rate": 0.5}, kind="AlphaDropout"),
        Example(kind="ActivityRegularization"),
        Example(kind="Identity"),
    ],
)
def noop(_: Node) -> Rule:
    """Dropout, noise and similar layers return their input unchanged."""
    return Rule(
        Role.SEE_THROUGH, linear=True, reference=IDENTITY, slab=IDENTITY, difference=IDENTITY
    )
