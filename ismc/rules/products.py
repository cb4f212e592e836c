"""The number of multiply-adds of a layer, and how fast they run.

Both depend on the class of a layer, not on its rule: a stop and a user's rule compute the same
products in full. The cost model, `explain` and the lower bound use these numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ismc.rules.base import Node


@dataclass(frozen=True)
class Products:
    """The multiply-adds of a layer's products, and how fast they run.

    An elementwise layer has none, and neither has a layer that only sums.

    Attributes:
        full: multiply-adds on a full sequence, including padding.
        pair: multiply-adds between one input position and one output position that reads it; for
            flattened positions, of one element.
        tap: ``pair`` with the padding of other axes included; ``pair`` by default.
        step: multiply-adds of one step of a recurrence on the state.
        weights: the number of weights in the kernel.
        between: the number of values written between the products, such as attention weights.
        speed: the key in `ismc.plan.target.Target.speed` for products on full sequences.
        local: the key in `ismc.plan.target.Target.speed` for products of changed positions.
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
        """Whether the products of a changed position are summed into several output positions."""
        return self.local != "gemm"


Count = Callable[[Node], Products]
_PRODUCTS: dict[str, Count] = {}


def counts_products(*kinds: str) -> Callable[[Count], Count]:
    """Registers the function that counts the products of the Keras classes of these names."""

    def register(function: Count) -> Count:
        for kind in kinds:
            _PRODUCTS[kind if kind.startswith("ismc.") else f"keras.{kind}"] = function
        return function

    return register


def products_of(node: Node) -> Products:
    """The products of a call, whatever its rule; none for a class without a count."""
    count = _PRODUCTS.get(node.layer.kind.split(" ")[0])  # the same in training mode
    return count(node) if count and node.inputs else Products()
