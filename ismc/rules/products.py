"""What a layer's products are: how many multiply-adds, and how they run.

It belongs to the class of a layer, not to its rule: a stop and a rule of the user's own compute
the same in full. Plans, `explain` and the lower bound all count by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ismc.rules.base import Node


@dataclass(frozen=True)
class Products:
    """How many multiply-adds the products of a layer are, and how fast they run.

    A layer of single elements, or of sums alone, has none.

    Attributes:
        full: on whole sequences, padding included.
        pair: between one input position and one output position that reads it; of flattened
            positions, one element.
        tap: the same with padding beside the positions included; ``pair`` by default.
        step: of a recurrence, of one step on the state.
        weights: numbers of the kernel.
        between: numbers that are written between the products, such as attention weights.
        speed: what `ismc.plan.cost.speed` calls the way they run on whole sequences.
        local: the same on the changed positions.
    """

    full: int = 0
    pair: int = 0
    tap: int = 0
    step: int = 0
    weights: int = 0
    between: int = 0
    speed: str = "gemm"
    local: str = "gemm"

    def __post_init__(self) -> None:
        object.__setattr__(self, "tap", self.tap or self.pair)

    @property
    def lands(self) -> bool:
        """Whether products of changed positions are added up where they land, on several others."""
        return self.local != "gemm"


Count = Callable[[Node], Products]
_PRODUCTS: dict[str, Count] = {}


def counts(*kinds: str) -> Callable[[Count], Count]:
    """Registers the function that counts the products of Keras's classes of these names."""

    def register(function: Count) -> Count:
        for kind in kinds:
            _PRODUCTS[kind if kind.startswith("ismc.") else f"keras.{kind}"] = function
        return function

    return register


def products_of(node: Node) -> Products:
    """The products of a call, whatever its rule; none where nothing is known of its class."""
    count = _PRODUCTS.get(node.layer.kind.split(" ")[0])  # in training mode, it is the same
    return count(node) if count and node.inputs else Products()
